"""What a post on X may be, and the words of it as they are sent. Source: Manage posts, counting characters (2026-08)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StrictBool

from ..core.platform_contract import Content, Part, Violation
from .limits import limit_violations
from .options import option_violations
from .x_text import EntityKind, entities, split_into_thread, weighted_length

TEXT_MAX = 280
# Ours: a thread stays far below the 100 posts that an account may create in 15 minutes.
THREAD_MAX = 25
# A video's size is width by height as documented, not turned for upright ones: those of a ratio of 1:3 and more fit into it as
# well. What MB means is not documented, thousands are the smaller reading. The sound (AAC) is left to X.
LIMITS: Mapping[str, Any] = {
    "text": {"max": TEXT_MAX, "counted": "weighted", "thread": True},
    "media": {
        "mixed": False,
        "image": {"max": 4, "fit": True, "max_alt_text": 1000},
        "gif": {"max": 1, "mimes": ["image/gif"], "max_bytes": 15_000_000, "max_width": 1280, "max_height": 1080, "max_alt_text": 1000},
        "video": {"max": 1, "mimes": ["video/mp4", "video/quicktime"], "max_bytes": 512_000_000, "min_seconds": 0.5, "max_seconds": 140,
                  "min_width": 32, "max_width": 1280, "min_height": 32, "max_height": 1024, "min_ratio": 0.3333, "max_ratio": 3,
                  "max_frame_rate": 60, "codecs": ["H.264"], "max_alt_text": 1000},
    },
    "options": {
        "thread": "boolean",
        "reply_settings": ["everyone", "following", "mentionedUsers", "subscribers", "verified"],
        "made_with_ai": "boolean",
    },
}  # fmt: skip


class XOptions(BaseModel):
    """What a target may say about a post on X."""

    model_config = ConfigDict(extra="forbid")

    thread: StrictBool = Field(
        default=False,
        description="Split a text that is too long for one post, and publish its parts as a thread.",
    )
    reply_settings: Literal["everyone", "following", "mentionedUsers", "subscribers", "verified"] = Field(
        default="everyone", description="Who may reply: everyone, accounts this one follows, those it mentions, its subscribers, or verified accounts."
    )  # fmt: skip
    made_with_ai: StrictBool = Field(
        default=False, description="Label the post as made with artificial intelligence."
    )


def texts_of(content: Content) -> tuple[str, ...]:
    """The texts as they are sent: one, unchanged, or with the option `thread` as many as it takes."""
    if content.options.get("thread") is True and content.text.strip():
        return split_into_thread(content.text, TEXT_MAX)
    return (content.text,)


def parts_of(content: Content) -> tuple[Part, ...]:
    """The same, counted as X counts: each link 23, an emoji 2, most other scripts 2 for each letter."""
    return tuple(
        Part(text, weighted_length(text), TEXT_MAX, _found("hashtag", text), _found("link", text))
        for text in texts_of(content)
    )


def violations_of(content: Content) -> list[Violation]:
    """What X would refuse, before anything is sent."""
    parts = parts_of(content)
    return [
        *option_violations(XOptions, content.options),
        *limit_violations("X", LIMITS, content, parts),
        *_of_thread([part.text for part in parts]),
    ]


def _of_thread(texts: Sequence[str]) -> Iterator[Violation]:
    if len(texts) > THREAD_MAX:
        yield Violation("text", f"The thread would have {len(texts)} posts; Lin publishes at most {THREAD_MAX} in one thread.")  # fmt: skip
    if len(set(texts)) < len(texts):
        yield Violation("text", "Two posts of the thread would have the same text; X refuses the second as a duplicate.")  # fmt: skip
    for text in texts:
        cashtags = _found("cashtag", text)
        if len(cashtags) > 1:
            yield Violation("text", f"X takes one cashtag in a post; this has {', '.join(cashtags)}.")  # fmt: skip


def _found(kind: EntityKind, text: str) -> tuple[str, ...]:
    return tuple(found.text for found in entities(text) if found.kind == kind)


def bodies_of(texts: Sequence[str], options: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What the calls that create the posts send, in order. Who may reply is the first's: the others hang on it."""
    chosen = XOptions.model_validate(dict(options))
    label = {"made_with_ai": True} if chosen.made_with_ai else {}
    bodies: list[dict[str, Any]] = [{"text": text, **label} for text in texts]
    if not texts[0].strip():
        del bodies[0]["text"]  # media alone
    if chosen.reply_settings != "everyone":  # which is said by leaving it out
        bodies[0]["reply_settings"] = chosen.reply_settings
    return bodies

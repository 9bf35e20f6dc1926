"""Reads what a chat request is about from its messages alone, and answers it: a draft, a reworked draft, or quotations.

Material is what stands between two lines that are equal. Where the last message asks for a post or a caption, its material
is the article or the draft. Else the last message is a question, and all material of the conversation is what it is answered
from: passages that begin with a line "[number] title", or one without a number of its own.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from ..answering import Passage, answer
from ..drafting import Article, draft
from ..reworking import rework

_FENCED = re.compile(
    r"^(?P<fence>\S{3,100})[ \t]*\n(?P<material>.*?)\n(?P=fence)[ \t]*$", re.DOTALL | re.MULTILINE
)
_NUMBERED = re.compile(r"^\[(\d{1,6})\][ \t]*(.*)$", re.MULTILINE)
_POST = re.compile(
    r"\b(write|draft|compose|rework|rewrite)\b.{0,40}\b(post|caption|tweet|draft)\b", re.IGNORECASE
)
_REWORK = re.compile(r"\b(rework|rewrite)\b", re.IGNORECASE)
_CHANGE = re.compile(r"what to change: *(.+)", re.IGNORECASE)
_PLATFORM = re.compile(r"\bfor (linkedin|x|facebook|instagram|tiktok)\b", re.IGNORECASE)
_LENGTH = re.compile(r"\bat most (\d[\d,]*) characters", re.IGNORECASE)
_TONE = re.compile(r"^tone: *([^.,\n]+)", re.IGNORECASE | re.MULTILINE)
_LANGUAGE = re.compile(r"\b(?i:write|answer) in ([A-Z]\w+)")
_VARIANT = re.compile(r"\bvariant (\d+) of \d+", re.IGNORECASE)
_HEAD = re.compile(r"(?:Title: (?P<title>.*)\n?)?(?:Source: (?P<url>\S*)\n?)?\n?")


@dataclass(frozen=True)
class Said:
    """One message of a request."""

    role: str
    text: str


def reply(messages: Sequence[Said]) -> str:
    """The text that answers the messages; the last one of the user is what is asked."""
    asked = [message for message in messages if message.role == "user"][-1]
    told = _FENCED.sub("", asked.text).strip()
    material = [found["material"] for found in _FENCED.finditer(asked.text)]
    if material and _POST.search(told):
        return _post(told, material[-1])
    users = [message.text for message in messages if message.role == "user"]
    fenced = [found["material"] for text in users for found in _FENCED.finditer(text)]
    instructions = " ".join(message.text for message in messages if message.role == "system")
    language = _LANGUAGE.search(instructions)
    earlier = [text for text in users[:-1] if not _FENCED.search(text)]
    return answer(
        told,
        [passage for one in fenced for passage in _passages(one)],
        earlier=earlier,
        language=language[1] if language else None,
    )


def _post(told: str, material: str) -> str:
    platform, longest, tone = _PLATFORM.search(told), _LENGTH.search(told), _TONE.search(told)
    language, variant = _LANGUAGE.search(told), _VARIANT.search(told)
    tongue = language[1] if language else None
    limit = min(100_000, int(longest[1].replace(",", ""))) if longest else 3000
    number = max(1, int(variant[1][:4])) if variant else 1
    where = platform[1] if platform else "linkedin"
    mood = tone[1] if tone else None
    if _REWORK.search(told):
        change = _CHANGE.search(told)
        return rework(
            material,
            instruction=change[1] if change else told,
            platform=where,
            tone=mood,
            language=tongue,
            max_length=max(1, limit),
            variant=number,
        )
    head = _HEAD.match(material)
    title, url = (head["title"], head["url"]) if head else (None, None)
    article = Article((title or "").strip(), material[head.end() if head else 0 :].strip(), url)
    return draft(
        article,
        platform=where,
        tone=mood,
        language=tongue,
        max_length=max(1, limit),
        variant=number,
    )


def _passages(material: str) -> list[Passage]:
    heads = list(_NUMBERED.finditer(material))
    if not heads:
        return [Passage(1, "", material)]
    ends = [head.start() for head in heads[1:]] + [len(material)]
    return [
        Passage(int(head[1]), head[2].strip(), material[head.end() : end].strip())
        for head, end in zip(heads, ends, strict=True)
    ]

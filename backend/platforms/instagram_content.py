"""What an Instagram post may be: its options, its limits, and what they refuse. Source: Instagram API, content publishing (2026)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, StrictBool

from ..core.platform_contract import Attachment, Content, Part, Violation
from ..core.ports import PictureLimits
from .counting import hashtags, links, mentions
from .limits import limit_violations
from .options import option_violations, read_options

# Not certain: how many files a carousel takes (10 by the documentation, 20 in the app) and how many hashtags a text may have
# (30 by the documentation; the app is said to take 5). A video of a carousel is taken to have the limits of a reel. The sound
# and edit lists are left to Instagram.
LIMITS: Mapping[str, Any] = {
    "text": {"max": 2200, "counted": "characters"},
    "media": {
        "mixed": True,
        "required": True,
        "max": 10,
        "one_shape": {"differ": 0.02, "min_ratio": 0.8, "max_ratio": 1.91, "unless": "crop"},
        "image": {"max": 10, "fit": True, "max_alt_text": 1000},
        "video": {
            "max": 10, "mimes": ["video/mp4", "video/quicktime"], "max_bytes": 300000000, "min_seconds": 3, "max_seconds": 900,
            "max_width": 1920, "min_ratio": 0.01, "max_ratio": 10,
            "min_frame_rate": 23, "max_frame_rate": 60, "codecs": ["H.264", "H.265"], "index_first": True,
        },
    },
    "options": {"share_to_feed": "boolean", "thumb_offset": "number", "is_ai_generated": "boolean", "crop": "boolean"},
}  # fmt: skip
# sRGB is wanted, too; the facts of a picture do not tell its colours, so that one that fits otherwise keeps them
PICTURES = PictureLimits(
    ("image/jpeg",),
    max_bytes=8_000_000,
    min_width=320,
    max_width=1440,
    min_ratio=0.8,
    max_ratio=1.91,
)
MOST_HASHTAGS, MOST_MENTIONS = 30, 20
# Shapes that differ by less lose nothing that anybody misses.
_SAME_SHAPE = LIMITS["media"]["one_shape"]["differ"]


class InstagramOptions(BaseModel):
    """What a target may say about a post on Instagram."""

    model_config = ConfigDict(extra="forbid")

    share_to_feed: StrictBool | None = Field(
        default=None,
        description="Whether a reel is shown among the account's posts as well; without it Instagram decides.",
    )
    thumb_offset: int | None = Field(
        default=None,
        ge=0,
        description="The moment of a reel that becomes its cover, in thousandths of a second.",
    )
    is_ai_generated: StrictBool = Field(
        default=False, description="Tell people that the post was made with AI."
    )
    crop: StrictBool = Field(
        default=False,
        description="Let Instagram crop the files of a carousel to the shape of the first one.",
    )


def caption(content: Content) -> Part:
    """The caption as it is sent: plain text, as it was written. Links in it cannot be clicked on Instagram."""
    text = content.text
    return Part(text, len(text), LIMITS["text"]["max"], hashtags(text), links(text))


def content_violations(content: Content) -> list[Violation]:
    """What Instagram would refuse, or crop without being asked to."""
    part = caption(content)
    found = limit_violations("Instagram", LIMITS, content, [part])
    for what, count, most in (
        ("hashtags", len(part.hashtags), MOST_HASHTAGS),
        ("mentions", len(mentions(part.text)), MOST_MENTIONS),
    ):
        if count > most:
            found.append(Violation("text", f"The text has {count} {what}; Instagram takes at most {most}."))  # fmt: skip
    wrong = option_violations(InstagramOptions, content.options)
    if wrong:
        return [*found, *wrong]
    options = read_options(InstagramOptions, content.options)
    found += _of_reel(options, content.attachments)
    if not options.crop:
        found += _of_shapes(content.attachments)
    return found


def is_reel(files: tuple[Attachment, ...]) -> bool:
    """A video by itself is a reel; Instagram has no other."""
    return [file.kind for file in files] == ["video"]


def _of_reel(options: InstagramOptions, files: tuple[Attachment, ...]) -> Iterator[Violation]:
    for name in ("share_to_feed", "thumb_offset"):
        if getattr(options, name) is not None and not is_reel(files):
            yield Violation(f"options.{name}", f"The option {name} is for a reel, which is one video by itself.")  # fmt: skip
    length = files[0].duration if is_reel(files) else None
    if length is not None and options.thumb_offset is not None and options.thumb_offset > 1000 * length:  # fmt: skip
        yield Violation("options.thumb_offset", f"The video lasts {length:.1f} s; the cover has to be a moment of it.")  # fmt: skip


def _of_shapes(files: tuple[Attachment, ...]) -> Iterator[Violation]:
    """Instagram crops all files of a carousel to the shape of the first. That is the owner's to choose."""
    shapes = [file.width / file.height if file.width and file.height else None for file in files]
    first = shapes[0] if shapes else None
    for number, shape in enumerate(shapes[1:], 2):
        if first and shape and abs(shape / first - 1) > _SAME_SHAPE:
            yield Violation(
                "media",
                f"File {number} is {shape:.2f} times as wide as high, the first one {first:.2f}; Instagram would crop it to the shape of "
                "the first. Give all files one shape, or choose the option crop.",
            )

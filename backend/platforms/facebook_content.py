"""What a post on a Facebook page may be: its options, its limits, and what they refuse.

Source: Pages API, Photos, Videos and Reels Publishing API (2025-2026).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from ..core.platform_contract import Attachment, Content, Part, Violation
from .counting import hashtags, links
from .limits import limit_violations
from .options import WebAddress, option_violations

# Not documented for the API: the longest text (a widely used figure), the size and length of a video (what other clients
# report), photos in one post (the usual cap), types of a video (MP4 is certain). 4 MB is what the API's documentation
# advises for photos; 10 MB is read elsewhere.
LIMITS: Mapping[str, Any] = {
    "text": {"max": 63206, "counted": "characters"},
    "media": {
        "mixed": False,
        "image": {"max": 10, "fit": True},
        "gif": {"max": 1, "mimes": ["image/gif"], "max_bytes": 4000000},
        "video": {"max": 1, "mimes": ["video/mp4"], "max_bytes": 2000000000, "max_seconds": 2400},
    },
    "options": {"link": "text", "reel": "boolean"},
}  # fmt: skip
# 30 reels a day are left to Facebook
REEL_SECONDS = (3, 90)
REEL_FRAME_RATE = (24, 60)
REEL_PIXELS = (540, 960)
REEL_RATIO = 9 / 16


class FacebookOptions(BaseModel):
    """What a target may say about a post on a page."""

    model_config = ConfigDict(extra="forbid")

    link: WebAddress | None = Field(
        default=None,
        description="The address of a page of which Facebook shows a preview below the text.",
    )
    reel: bool = Field(default=False, description="Publish the post's upright video as a reel.")


def message(content: Content) -> Part:
    """The message as it is sent: plain text, as it was written."""
    text = content.text
    return Part(text, len(text), LIMITS["text"]["max"], hashtags(text), links(text))


def content_violations(content: Content) -> list[Violation]:
    """What Facebook would refuse."""
    found = limit_violations("Facebook", LIMITS, content, [message(content)])
    wrong = option_violations(FacebookOptions, content.options)
    if wrong:
        return [*found, *wrong]
    options = FacebookOptions.model_validate(dict(content.options))
    if options.link and content.attachments:
        found.append(Violation("options.link", "Facebook shows a link or files, not both in one post."))  # fmt: skip
    if options.reel and [a.kind for a in content.attachments] != ["video"]:
        found.append(Violation("options.reel", "A reel has exactly one video."))
    elif options.reel:
        found += _of_reel(content.attachments[0])
    return found


def _of_reel(video: Attachment) -> Iterator[Violation]:
    least, most = REEL_SECONDS
    if video.duration is not None and not least <= video.duration <= most:
        yield Violation("media", f"The video lasts {video.duration:.1f} s; a reel takes {least} to {most} s.")  # fmt: skip
    slowest, fastest = REEL_FRAME_RATE
    # 23.976 is what films have that are called 24
    if video.frame_rate is not None and not slowest <= round(video.frame_rate) <= fastest:
        yield Violation("media", f"The video has {video.frame_rate:.2f} pictures a second; a reel takes {slowest} to {fastest}.")  # fmt: skip
    if video.width and video.height:
        width, height = REEL_PIXELS
        upright = abs(video.width / video.height - REEL_RATIO) < 0.01
        if not upright or video.width < width or video.height < height:
            yield Violation("media", f"The video has {video.width} × {video.height} pixels; a reel is upright, 9:16, with {width} × {height} or more.")  # fmt: skip

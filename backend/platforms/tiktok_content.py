"""What TikTok takes: the options of a post, its limits, and the words as they are sent.

Source: TikTok for Developers, Content Posting API: Direct Post, Photo Post, Upload (2026-09).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from ..core.platform_contract import Content, Part, Rendering, Violation
from .counting import hashtags, links, utf16_length
from .limits import limit_violations
from .options import option_violations, read_options

CAPTION_MAX = 2200
DESCRIPTION_MAX = 4000
TITLE_MAX = 90

Privacy = Literal["PUBLIC_TO_EVERYONE", "MUTUAL_FOLLOW_FRIENDS", "FOLLOWER_OF_CREATOR", "SELF_ONLY"]


class TikTokOptions(BaseModel):
    """What a target may say about a TikTok post. What cannot be sent with its media is refused, never left out silently."""

    model_config = ConfigDict(extra="forbid", strict=True)

    privacy_level: Privacy = Field(
        default="SELF_ONLY",
        description="Who may see it; one of those that the account offers. SELF_ONLY is nobody but its owner.",
    )
    disable_comment: bool = Field(default=False, description="Nobody may comment.")
    disable_duet: bool = Field(default=False, description="Nobody may make a duet with the video.")
    disable_stitch: bool = Field(default=False, description="Nobody may use a piece of the video.")
    brand_content_toggle: bool = Field(
        default=False,
        description="It is a paid partnership that promotes somebody else's business.",
    )
    brand_organic_toggle: bool = Field(
        default=False, description="It promotes the account owner's own business."
    )
    is_aigc: bool = Field(
        default=False, description="The video was made by artificial intelligence."
    )
    cover_timestamp_ms: int | None = Field(
        default=None,
        ge=0,
        description="The moment of the video, in milliseconds, that is its cover.",
    )
    inbox: bool = Field(
        default=False,
        description="Deliver it as a draft to the inbox of the owner's TikTok app, to be finished and published there. "
        "A draft video has no caption: it is written in the app.",
    )
    auto_add_music: bool = Field(default=False, description="TikTok adds music to the photos.")
    title: str | None = Field(
        default=None, description="The title of a post of photos, at most 90 characters."
    )

    @field_validator("title")
    @classmethod
    def _check_title(cls, value: str | None) -> str | None:
        length = utf16_length(value or "")
        if length > TITLE_MAX:
            raise ValueError(f"it is {length} characters long; TikTok takes at most {TITLE_MAX}")
        return value


_FOR_ALL = {"privacy_level", "disable_comment", "brand_content_toggle", "brand_organic_toggle"}
_FOR_VIDEOS = {"disable_duet", "disable_stitch", "is_aigc", "cover_timestamp_ms"}
_FOR_PHOTOS = {"auto_add_music", "title"}

# The same as in the platform's row (supabase/seed.sql). GB are read as thousands of millions of bytes, the smaller reading. The
# text counts as for a video; beside photos it may be longer.
LIMITS: dict[str, Any] = {
    "text": {"max": CAPTION_MAX, "counted": "utf16"},
    "media": {
        "mixed": False,
        "required": True,
        "image": {"max": 35, "fit": True, "max_text": DESCRIPTION_MAX},
        "video": {
            "max": 1, "mimes": ["video/mp4", "video/quicktime", "video/webm"], "max_bytes": 4_000_000_000, "max_seconds": 600,
            "min_width": 360, "max_width": 4096, "min_height": 360, "max_height": 4096,
            "min_frame_rate": 23, "max_frame_rate": 60, "codecs": ["H.264", "H.265", "VP8", "VP9"],
        },
    },
    "options": {
        "privacy_level": ["PUBLIC_TO_EVERYONE", "MUTUAL_FOLLOW_FRIENDS", "FOLLOWER_OF_CREATOR", "SELF_ONLY"],
        "disable_comment": "boolean", "disable_duet": "boolean", "disable_stitch": "boolean",
        "brand_content_toggle": "boolean", "brand_organic_toggle": "boolean", "is_aigc": "boolean",
        "cover_timestamp_ms": "number", "inbox": "boolean", "auto_add_music": "boolean", "title": "text",
    },
}  # fmt: skip


def chosen(content: Content) -> TikTokOptions:
    """The options of a post; those that cannot be read are the safe ones (and a violation)."""
    try:
        return read_options(TikTokOptions, content.options)
    except ValidationError:
        return TikTokOptions()


def is_photos(content: Content) -> bool:
    """Whether it is a post of photos; else it is a video."""
    return bool(content.attachments) and all(a.kind == "image" for a in content.attachments)


def rendering(content: Content) -> Rendering:
    """The caption or description, as it was written: TikTok needs nothing escaped. With a draft video no words go, and who may
    see a draft is chosen in the app."""
    options, photos = chosen(content), is_photos(content)
    text = "" if options.inbox and not photos else content.text
    longest = DESCRIPTION_MAX if photos else CAPTION_MAX
    part = Part(text, utf16_length(text), longest, hashtags(text), links(text))
    return Rendering((part,), privacy=None if options.inbox else options.privacy_level)


def violations(
    content: Content, *, audited: bool, drafts: bool, pulls: bool
) -> list[Violation]:  # fmt: skip
    """Why TikTok, or this server's app at TikTok, cannot take it: an app that is not `audited`, may not deliver `drafts`, or
    has no verified address from which photos are fetched (`pulls`)."""
    found = option_violations(TikTokOptions, content.options)
    found += limit_violations("TikTok", LIMITS, content, rendering(content).parts)
    options = chosen(content)
    found += _of_app(content, options, audited=audited, drafts=drafts, pulls=pulls)
    if options.brand_content_toggle and options.privacy_level == "SELF_ONLY" and not options.inbox:
        found.append(
            Violation(
                "options.brand_content_toggle",
                "TikTok takes no paid partnership that only its owner can see (SELF_ONLY); choose another privacy level.",
            )
        )
    found += _not_sent(content, options)
    return found


def _of_app(
    content: Content, options: TikTokOptions, *, audited: bool, drafts: bool, pulls: bool
) -> Iterator[Violation]:  # fmt: skip
    if options.inbox and not drafts:
        yield Violation(
            "options.inbox",
            "This server's app may not deliver drafts; its operator has to ask TikTok for video.upload and set TIKTOK_INBOX.",
        )
    if not audited and not options.inbox and options.privacy_level != "SELF_ONLY":
        yield Violation(
            "options.privacy_level",
            "TikTok has not audited this server's app: until then it publishes only with the privacy level SELF_ONLY, "
            "and only to accounts that are private.",
        )
    if is_photos(content) and not pulls:
        yield Violation(
            "media",
            "This server cannot hand photos to TikTok; its operator has to verify an address there and set TIKTOK_PULL_PREFIX.",
        )


def _not_sent(content: Content, options: TikTokOptions) -> Iterator[Violation]:
    """Options that would be left out: nobody shall believe in a label or a lock that was never sent."""
    if not content.attachments:
        return
    photos = is_photos(content)
    if options.inbox and not photos:
        sent, where = set(), "is chosen in TikTok's app when the draft is finished there"
    elif photos:
        sent, where = _FOR_ALL | _FOR_PHOTOS, "is for videos; this post has photos"
    else:
        sent, where = _FOR_ALL | _FOR_VIDEOS, "is for photos; this post has a video"
    for name, field in TikTokOptions.model_fields.items():
        if name != "inbox" and name not in sent and getattr(options, name) != field.default:
            yield Violation(f"options.{name}", f"The option {name} {where}.")

"""What an account may publish now. Source: TikTok for Developers, Query Creator Info, which has to be asked before each post."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..core.errors import NoAnswer, Rejected
from ..core.platform_contract import Attachment
from .tiktok_content import TikTokOptions


@dataclass(frozen=True)
class Creator:
    """The account as it publishes. `max_seconds` is its longest video, None when not told."""

    username: str | None
    nickname: str | None
    picture_url: str | None
    privacy_levels: tuple[str, ...]
    comment_disabled: bool
    duet_disabled: bool
    stitch_disabled: bool
    max_seconds: float | None


def read_creator(data: Mapping[str, Any]) -> Creator:
    """From the `data` of creator_info. Raises NoAnswer when it does not tell the privacy levels."""
    levels = data.get("privacy_level_options")
    if not isinstance(levels, list):
        raise NoAnswer("TikTok's answer does not tell what the account may publish")
    seconds = data.get("max_video_post_duration_sec")
    return Creator(
        username=data.get("creator_username") or None,
        nickname=data.get("creator_nickname") or None,
        picture_url=data.get("creator_avatar_url") or None,
        privacy_levels=tuple(str(level) for level in levels),
        comment_disabled=data.get("comment_disabled") is True,
        duet_disabled=data.get("duet_disabled") is True,
        stitch_disabled=data.get("stitch_disabled") is True,
        max_seconds=float(seconds) if isinstance(seconds, int | float) and seconds > 0 else None,
    )


def choices_of(creator: Creator, *, audited: bool, drafts: bool) -> dict[str, Any]:
    """What the owner may choose, by the names of the options, who publishes, the longest video in seconds, and what they
    have to know (`notes`). TikTok wants all of it shown before each post."""
    levels = [one for one in creator.privacy_levels if audited or one == "SELF_ONLY"]
    closed = {
        "disable_comment": creator.comment_disabled,
        "disable_duet": creator.duet_disabled,
        "disable_stitch": creator.stitch_disabled,
    }
    return {
        "privacy_level": levels,
        **{name: [True] if is_closed else [False, True] for name, is_closed in closed.items()},
        "brand_content_toggle": [False, True] if set(levels) - {"SELF_ONLY"} else [False],
        "inbox": [False, True] if drafts else [False],
        "max_video_seconds": creator.max_seconds,
        "creator": {
            "username": creator.username,
            "nickname": creator.nickname,
            "picture_url": creator.picture_url,
        },
        "notes": _notes(creator, closed, levels, audited=audited),
    }


def _notes(
    creator: Creator, closed: Mapping[str, bool], levels: list[str], *, audited: bool
) -> list[str]:  # fmt: skip
    notes = []
    if not audited:
        notes += [
            "TikTok has not audited this server's app yet: posts can be seen by the account's owner only (SELF_ONLY).",
            "Until then the account has to be private in TikTok's app at the moment of publishing.",
            "Until then five accounts in 24 hours may publish with this server's app.",
        ]
    if not levels:
        notes.append("TikTok offers this account no privacy level that this server may use.")
    words = {"disable_comment": "comments", "disable_duet": "duets", "disable_stitch": "stitches"}
    off = [words[name] for name, is_closed in closed.items() if is_closed]
    if off:
        notes.append(f"This account has switched off {', '.join(off)} in TikTok's app; they stay off.")  # fmt: skip
    if creator.max_seconds is not None:
        notes.append(f"This account's videos may last at most {creator.max_seconds:.0f} seconds.")
    notes.append("A paid partnership (brand_content_toggle) cannot be SELF_ONLY.")
    return notes


def check_creator(creator: Creator, options: TikTokOptions, video: Attachment | None) -> None:
    """Raises Rejected when the account does not offer what the post wants."""
    if options.privacy_level not in creator.privacy_levels:
        offered = ", ".join(creator.privacy_levels) or "none"
        raise Rejected(
            f"This TikTok account does not offer the privacy level {options.privacy_level}; choose one of: {offered}.",
            error_class="privacy_level_option_mismatch",
        )
    longest = creator.max_seconds
    if video and video.duration is not None and longest is not None and video.duration > longest:
        raise Rejected(
            f"The video lasts {video.duration:.1f} s; this TikTok account takes at most {longest:.0f} s.",
            error_class="duration_check_failed",
        )


def video_info(text: str, options: TikTokOptions, creator: Creator) -> dict[str, Any]:
    """The `post_info` of a video. What the account has switched off stays off: whether TikTok refuses or overrides another
    wish is not confirmed."""
    info: dict[str, Any] = {
        "title": text,
        "privacy_level": options.privacy_level,
        "disable_comment": options.disable_comment or creator.comment_disabled,
        "disable_duet": options.disable_duet or creator.duet_disabled,
        "disable_stitch": options.disable_stitch or creator.stitch_disabled,
        "brand_content_toggle": options.brand_content_toggle,
        "brand_organic_toggle": options.brand_organic_toggle,
        "is_aigc": options.is_aigc,
    }
    if options.cover_timestamp_ms is not None:
        info["video_cover_timestamp_ms"] = options.cover_timestamp_ms
    return info


def photo_info(text: str, options: TikTokOptions, creator: Creator | None) -> dict[str, Any]:
    """The `post_info` of photos; of a draft without what the account was not asked."""
    info: dict[str, Any] = {
        "description": text,
        "privacy_level": options.privacy_level,
        "disable_comment": options.disable_comment
        or (creator is not None and creator.comment_disabled),
        "auto_add_music": options.auto_add_music,
        "brand_content_toggle": options.brand_content_toggle,
        "brand_organic_toggle": options.brand_organic_toggle,
    }
    return info | ({"title": options.title} if options.title else {})

"""How single members' accounts are set (platform facts 5.2): all of it can be changed by tests."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from typing import Any

PRIVACY_LEVELS = (
    "PUBLIC_TO_EVERYONE",
    "MUTUAL_FOLLOW_FRIENDS",
    "FOLLOWER_OF_CREATOR",
    "SELF_ONLY",
)
FAIL_REASONS = (
    "file_format_check_failed",
    "duration_check_failed",
    "frame_rate_check_failed",
    "picture_size_check_failed",
    "publish_cancelled",
    "auth_removed",
    "internal",
    "video_pull_failed",
    "photo_pull_failed",
)
_NUMBERS = {"view_count": 0, "like_count": 0, "comment_count": 0, "share_count": 0}


@dataclass(frozen=True)
class Creator:
    """One account's options, switches and caps. Times are in seconds."""

    #: From the last byte to PUBLISH_COMPLETE, FAILED or SEND_TO_USER_INBOX.
    processing_seconds: float = 0.0
    #: From PUBLISH_COMPLETE to a public id.
    moderation_seconds: float = 0.0
    #: Every publication ends as FAILED with this.
    fail_reason: str | None = None
    private: bool = False
    privacy_level_options: tuple[str, ...] | None = None
    comment_disabled: bool = False
    duet_disabled: bool = False
    stitch_disabled: bool = False
    max_video_post_duration_sec: int = 600
    banned: bool = False
    posts_per_day: int = 15
    pending_shares: int = 5
    statistics: dict[str, int] = field(default_factory=lambda: dict(_NUMBERS))

    @property
    def options(self) -> tuple[str, ...]:
        """``privacy_level_options``. Which ones a public and a private account have is not in the
        facts at hand; nobody posts to everyone from a private account, or to followers from a
        public one."""
        if self.privacy_level_options is not None:
            return self.privacy_level_options
        first = "FOLLOWER_OF_CREATOR" if self.private else "PUBLIC_TO_EVERYONE"
        return (first, "MUTUAL_FOLLOW_FRIENDS", "SELF_ONLY")

    def changed(self, changes: dict[str, Any]) -> Creator:
        """With these settings. Raises ValueError naming the bad one."""
        for name, value in changes.items():
            if name not in _CHECKS:
                raise ValueError(f"unknown settings: {name}")
            if not _CHECKS[name](value):
                raise ValueError(f"{name}: {value!r} cannot be set")
        changes = dict(changes)
        if isinstance(changes.get("privacy_level_options"), list):
            changes["privacy_level_options"] = tuple(changes["privacy_level_options"])
        if "statistics" in changes:
            changes["statistics"] = self.statistics | changes["statistics"]
        return replace(self, **changes)

    def as_json(self) -> dict[str, Any]:
        """For the control path."""
        return asdict(self) | {"privacy_level_options": list(self.options)}


def _seconds(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value >= 0


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _flag(value: Any) -> bool:
    return isinstance(value, bool)


def _reason(value: Any) -> bool:
    return value is None or value in FAIL_REASONS or str(value).startswith("spam_risk")


def _options(value: Any) -> bool:
    return value is None or (isinstance(value, list) and set(value) <= set(PRIVACY_LEVELS))


def _numbers(value: Any) -> bool:
    return (
        isinstance(value, dict) and set(value) <= set(_NUMBERS) and all(map(_whole, value.values()))
    )


_BY_KIND: dict[Callable[[Any], bool], tuple[str, ...]] = {
    _seconds: ("processing_seconds", "moderation_seconds"),
    _whole: ("max_video_post_duration_sec", "posts_per_day", "pending_shares"),
    _flag: ("private", "comment_disabled", "duet_disabled", "stitch_disabled", "banned"),
    _reason: ("fail_reason",),
    _options: ("privacy_level_options",),
    _numbers: ("statistics",),
}
_CHECKS = {name: check for check, names in _BY_KIND.items() for name in names}

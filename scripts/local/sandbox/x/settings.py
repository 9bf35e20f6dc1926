"""What can be switched through ``POST /_control/settings``, for one member or for all."""

from __future__ import annotations

from typing import Any

#: Each setting as it is unless switched; a new value has to be of the same kind.
DEFAULTS: dict[str, Any] = {
    # Seconds from finalize to the end of processing; videos and GIFs only.
    "processing_seconds": 0.0,
    # Processing ends as failed.
    "processing_fails": False,
    # Seconds until a new post is in the author's timeline.
    "timeline_lag_seconds": 0.0,
    # A Premium author: longer posts, and edits within the hour.
    "premium": False,
    # Whether long posts go through the API is unconfirmed; clients use 4000 or 25,000.
    "premium_units": 25_000,
    # 402 for every call.
    "credits_depleted": False,
    # 429 of the type usage-capped for every call.
    "usage_capped": False,
    # 403 for every call that writes.
    "suspended": False,
    # X documents no window for duplicates; a long one is the strict reading.
    "duplicate_seconds": 86_400.0,
    # Reported is 400 mostly, 403 as well.
    "too_long_status": 400,
    # Whether the reply rule of February 2026 is held against threads on one's own post is
    # unconfirmed; such replies are taken unless this is on.
    "own_replies_refused": False,
    # Answers say post where they said tweet; the docs are renaming.
    "post_names": False,
    # The text in answers ends with a t.co link to the media. Not in the documents at hand.
    "media_link_in_text": False,
    # Larger segments draw an empty 413. 5 MB did in reality; 1 MB is what X recommends.
    "segment_bytes": 1_048_576,
}


class Settings:
    """The values that hold, by member."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Everything as X is by default."""
        self._values: dict[str | None, dict[str, Any]] = {}

    def get(self, name: str, member: str | None) -> Any:
        """What holds for this member."""
        for whose in (member, None):
            if name in self._values.get(whose, {}):
                return self._values[whose][name]
        return DEFAULTS[name]

    def change(self, changes: dict[str, Any], member: str | None) -> dict[str, Any]:
        """Switch for a member, or for all (None); returns what holds now. Raises ValueError."""
        for name, value in changes.items():
            if name not in DEFAULTS:
                raise ValueError(f"unknown settings: {name}; there are {', '.join(DEFAULTS)}")
            wanted = type(DEFAULTS[name])
            fits = isinstance(value, bool) if wanted is bool else _is_number(value)
            if not fits:
                raise ValueError(
                    f"{name} must be {'true or false' if wanted is bool else 'a number'}"
                )
        self._values.setdefault(member, {}).update(changes)
        return {name: self.get(name, member) for name in DEFAULTS}


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value >= 0

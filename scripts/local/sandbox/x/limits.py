"""Windows of fifteen minutes and of a day, and the headers that tell of them (2.5)."""

from __future__ import annotations

import math
import threading
from dataclasses import dataclass

from local.sandbox.clock import Clock

QUARTER = 15 * 60
DAY = 86_400

#: Requests of a user in fifteen minutes, by the name of the view that answers.
PER_USER = {
    "posts.create": 100,
    "posts.delete": 50,
    "reading.timeline": 900,
    "identity.me": 75,
    "media.initialize": 1875,
    "media.append": 1875,
    "media.finalize": 1875,
    "media.one_shot": 500,
    "media.describe": 500,
}
#: For the other calls no limit is documented.
OTHERS = 900
#: Creates of an app in a day.
CREATES_PER_APP = 10_000


@dataclass(frozen=True)
class Spent:
    """A window after one request; ``reset`` is in seconds since the epoch, on the caller's clock."""

    limit: int
    remaining: int
    reset: int
    #: False when the limit was reached before this request.
    allowed: bool = True

    def headers(self, prefix: str) -> dict[str, str]:
        """The three headers of this window, such as ``x-rate-limit-reset``."""
        values = {"limit": self.limit, "remaining": self.remaining, "reset": self.reset}
        return {f"{prefix}-{name}": str(value) for name, value in values.items()}


class Windows:
    """Counters that start with the first request and end a fixed time later."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self.reset()

    def reset(self) -> None:
        """Forget every counter."""
        self._open: dict[str, tuple[float, int]] = {}

    def spend(self, key: str, limit: int, seconds: int, member: str | None = None) -> Spent:
        """Count one request. Requests above the limit are refused and not counted."""
        with self._lock:
            start, used = self._window(key, seconds, member)
            allowed = used < limit
            used += allowed
            self._open[key] = (start, used)
        # Rounded up: who waits until then is never too early.
        return Spent(limit, limit - used, math.ceil(start + seconds), allowed)

    def set_used(self, key: str, used: int, seconds: int, member: str | None = None) -> None:
        """Pretend that ``used`` requests were made in the running window."""
        with self._lock:
            start, _ = self._window(key, seconds, member)
            self._open[key] = (start, used)

    def _window(self, key: str, seconds: int, member: str | None) -> tuple[float, int]:
        now = self._clock.now(member)
        start, used = self._open.get(key, (now, 0))
        return (now, 0) if now >= start + seconds else (start, used)

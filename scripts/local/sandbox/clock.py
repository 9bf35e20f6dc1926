"""Time as the platforms see it, so that sixty days can pass in a test without waiting."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, datetime


class Clock:
    """Real time plus what was advanced, for everybody or for one member only."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._for_all = 0.0
        self._for_member: dict[str, float] = defaultdict(float)
        self._listeners: list[Callable[[], None]] = []

    def on_advance(self, then: Callable[[], None]) -> None:
        """Call ``then`` whenever time was moved, for platforms where something is due then."""
        self._listeners.append(then)

    def now(self, member: str | None = None) -> float:
        """Seconds since the epoch (UTC), as seen by this member."""
        with self._lock:
            extra = self._for_member.get(member, 0.0) if member else 0.0
            return time.time() + self._for_all + extra

    def today(self, member: str | None = None) -> str:
        """The UTC day as ``YYYY-MM-DD``; daily quotas and version ends hang on it."""
        return self.moment(member).date().isoformat()

    def moment(self, member: str | None = None) -> datetime:
        """The same instant as an aware datetime."""
        return datetime.fromtimestamp(self.now(member), UTC)

    def advance(self, seconds: float, member: str | None = None) -> None:
        """Move time by ``seconds``; with a member, only for what belongs to that member."""
        with self._lock:
            if member is None:
                self._for_all += seconds
            else:
                self._for_member[member] += seconds
        for then in self._listeners:
            then()

    def reset(self) -> None:
        """Back to real time for everybody."""
        with self._lock:
            self._for_all = 0.0
            self._for_member.clear()

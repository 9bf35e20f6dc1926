"""Counters that start again at midnight UTC."""

from __future__ import annotations

import threading

from .clock import Clock


class DailyQuotas:
    """How many requests each key made on its current day."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._used: dict[str, tuple[str, int]] = {}

    def spend(self, key: str, limit: int, member: str | None = None) -> bool:
        """Count one request; False when ``limit`` was used up before it."""
        with self._lock:
            used = self._today(key, member)
            if used >= limit:
                return False
            self._used[key] = (self._clock.today(member), used + 1)
            return True

    def used(self, key: str, member: str | None = None) -> int:
        """Requests counted so far on the member's current day."""
        with self._lock:
            return self._today(key, member)

    def set_used(self, key: str, used: int, member: str | None = None) -> None:
        """Pretend that ``used`` requests were already made today."""
        with self._lock:
            self._used[key] = (self._clock.today(member), used)

    def reset(self) -> None:
        """Forget every counter."""
        with self._lock:
            self._used.clear()

    def _today(self, key: str, member: str | None) -> int:
        day, used = self._used.get(key, ("", 0))
        return used if day == self._clock.today(member) else 0

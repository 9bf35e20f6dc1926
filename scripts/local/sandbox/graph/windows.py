"""Counts over the last hours: the Graph API's limits roll, they do not start anew at midnight."""

from __future__ import annotations

import threading
from collections import deque

HOUR, DAY = 3600.0, 86_400.0


class Windows:
    """When each key was used."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._times: dict[str, deque[float]] = {}

    def spend(self, key: str, limit: int, now: float, seconds: float = DAY) -> bool:
        """Count one use; False when ``limit`` were made in the last ``seconds``."""
        with self._lock:
            times = self._live(key, now, seconds)
            if len(times) >= limit:
                return False
            times.append(now)
            return True

    def used(self, key: str, now: float, seconds: float = DAY) -> int:
        """Uses in the last ``seconds``."""
        with self._lock:
            return len(self._live(key, now, seconds))

    def set_used(self, key: str, used: int, now: float) -> None:
        """Pretend that ``used`` uses happened just now."""
        with self._lock:
            self._times[key] = deque([now] * used)

    def seconds_until_free(self, key: str, now: float, seconds: float = DAY) -> float:
        """Until the oldest use leaves the window."""
        with self._lock:
            times = self._live(key, now, seconds)
            return max(0.0, times[0] + seconds - now) if times else 0.0

    def reset(self) -> None:
        """Forget every use."""
        with self._lock:
            self._times.clear()

    def _live(self, key: str, now: float, seconds: float) -> deque[float]:
        times = self._times.setdefault(key, deque())
        while times and times[0] <= now - seconds:
            times.popleft()
        return times

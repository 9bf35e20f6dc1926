"""How often something may happen within one sliding minute (platform facts 5.4)."""

from __future__ import annotations

import threading
from collections import deque

MINUTE = 60.0


class MinuteLimits:
    """Counts by key; what is refused does not count, so that waiting a minute always helps."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._times: dict[str, deque[float]] = {}

    def spend(self, key: str, limit: int, now: float) -> bool:
        """Count one request; False when ``limit`` of the last minute are used up."""
        with self._lock:
            times = self._times.setdefault(key, deque())
            while times and times[0] <= now - MINUTE:
                times.popleft()
            if len(times) >= limit:
                return False
            times.append(now)
            return True

"""How much of the traffic to a platform may be retries: when many posts fail at once, trying them all again at once would
keep a platform down that is coming back."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

WINDOW_SECONDS = 600.0
SHARE = 0.1
# so many are always allowed: an installation that sends a post a day must be able to retry it
FLOOR = 10


@dataclass
class _Traffic:
    sends: deque[float] = field(default_factory=deque)
    retries: deque[float] = field(default_factory=deque)


class RetryBudget:
    """Per platform, within ten minutes: ten retries, or a tenth of all sends where that is more. Safe to share between
    threads; `clock` is monotonic. Each worker keeps its own."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._traffic: dict[str, _Traffic] = {}

    def sent(self, platform: str) -> None:
        """Count a create call."""
        with self._lock:
            self._of(platform).sends.append(self._clock())

    def take(self, platform: str) -> float:
        """Take one retry out of the budget. 0 when there was one; else the seconds until the next is free, which is then
        taken: retries over the budget line up, one behind the other."""
        now = self._clock()
        with self._lock:
            traffic = self._of(platform)
            allowed = max(FLOOR, int(SHARE * len(traffic.sends)))
            if len(traffic.retries) < allowed:
                moment = now
            else:
                moment = traffic.retries[-allowed] + WINDOW_SECONDS
            traffic.retries.append(max(moment, now))
            return max(moment - now, 0.0)

    def _of(self, platform: str) -> _Traffic:
        """The platform's traffic within the window; retries that were put off lie ahead."""
        traffic = self._traffic.setdefault(platform, _Traffic())
        over = self._clock() - WINDOW_SECONDS
        for moments in (traffic.sends, traffic.retries):
            while moments and moments[0] <= over:
                moments.popleft()
        return traffic

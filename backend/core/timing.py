"""A timer that calls back on time: one thread for any number of moments."""

from __future__ import annotations

import heapq
import itertools
import logging
import threading
import time
from collections.abc import Callable

log = logging.getLogger("lin.timing")


class Timer:
    """Calls callbacks at their moments (monotonic clock), in order. Callbacks must be short."""

    AGAIN_SECONDS = 0.1

    def __init__(self, name: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._changed = threading.Condition()
        self._moments: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = itertools.count()
        self._stopped = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def at(self, moment: float, callback: Callable[[], None]) -> None:
        """Call `callback` at `moment`, at once if it has passed."""
        with self._changed:
            heapq.heappush(self._moments, (moment, next(self._numbers), callback))
            self._changed.notify()

    def flush(self) -> None:
        """Call everything that waits now."""
        with self._changed:
            # a sorted list is a heap; new numbers keep the order of the moments
            self._moments = [
                (float("-inf"), next(self._numbers), callback)
                for _, _, callback in sorted(self._moments, key=lambda waiting: waiting[:2])
            ]
            self._changed.notify()

    def stop(self) -> None:
        """End the thread; what still waits is not called."""
        with self._changed:
            self._stopped = True
            self._changed.notify()

    def _run(self) -> None:
        while not self._stopped:
            try:
                self._call_next()
            except Exception:
                # no memory to wait with, or to tell that a callback failed: the others are called in a moment
                time.sleep(self.AGAIN_SECONDS)

    def _call_next(self) -> None:
        with self._changed:
            while not self._stopped and not self._is_due():
                self._changed.wait(self._moments[0][0] - self._clock() if self._moments else None)
            if self._stopped:
                return
            callback = heapq.heappop(self._moments)[2]
        try:
            callback()
        except Exception:
            log.exception("a timer's callback failed; the others are still called")

    def _is_due(self) -> bool:
        return bool(self._moments) and self._moments[0][0] <= self._clock()

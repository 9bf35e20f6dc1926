"""A fixed number of threads that take the most urgent step first."""

from __future__ import annotations

import heapq
import itertools
import logging
import threading
import time
from collections.abc import Callable

log = logging.getLogger("lin.hands")

Step = Callable[[], None]


class Hands:
    """Runs steps on `threads` threads: lower ranks first, in the order they came within a rank. A step must not raise.

    Threads start when they are needed. One is there from the start: should the machine have no more to give (memory, a
    limit on processes), a step waits for those there are, and is never left behind by all of them: even waiting takes
    memory, and a thread that finds none looks again in a moment.
    """

    AGAIN_SECONDS = 0.1

    def __init__(self, threads: int, name: str) -> None:
        self._most = threads
        self._name = name
        self._changed = threading.Condition()
        self._steps: list[tuple[int, int, Step]] = []
        self._numbers = itertools.count()
        self._threads = 0
        self._idle = 0
        self._stopped = False
        self._add_thread()

    def take(self, step: Step, rank: int = 0) -> None:
        """Run this step as soon as a thread is free and nothing more urgent waits."""
        with self._changed:
            heapq.heappush(self._steps, (rank, next(self._numbers), step))
            if self._idle >= len(self._steps):
                self._changed.notify()
            elif self._threads < self._most:
                try:
                    self._add_thread()
                except (RuntimeError, MemoryError) as error:
                    log.warning("no thread to be had; others do it", extra={"error": str(error)})

    def stop(self) -> None:
        """End the threads when they have nothing at work; what still waits is not run."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()

    def _add_thread(self) -> None:
        name = f"{self._name}-{self._threads + 1}"
        threading.Thread(target=self._work, name=name, daemon=True).start()
        self._threads += 1

    def _work(self) -> None:
        while not self._stopped:
            try:
                self._do_one()
            except Exception:
                # nobody heard of it: what it would take to tell is what there is too little of
                time.sleep(self.AGAIN_SECONDS)

    def _do_one(self) -> None:
        step = self._next()
        if step is None:
            return
        try:
            step()
        except Exception:
            log.exception("a step failed in a way that nobody foresaw")

    def _next(self) -> Step | None:
        """The most urgent step, as soon as there is one; None at the end."""
        with self._changed:
            self._idle += 1
            try:
                while not self._steps and not self._stopped:
                    self._changed.wait()
            finally:
                self._idle -= 1
            return None if self._stopped else heapq.heappop(self._steps)[2]

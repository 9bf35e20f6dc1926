"""Answers that are good for a moment, so that what is open to all cannot be used to keep the database busy."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Remembered(Generic[T]):
    """Asks at most once in `seconds`, and once at a time: who comes while somebody asks waits for that answer."""

    def __init__(
        self, ask: Callable[[], T], seconds: float, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._ask = ask
        self._seconds = seconds
        self._monotonic = monotonic
        self._asking = threading.Lock()
        self._known: tuple[float, T] | None = None

    def __call__(self) -> T:
        """The answer. What asking raises is raised, and asked again the next time."""
        with self._asking:
            if self._known is None or self._known[0] <= self._monotonic():
                answer = self._ask()
                self._known = (self._monotonic() + self._seconds, answer)
            return self._known[1]

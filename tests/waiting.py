"""The one way tests wait: look again until it is there, with a deadline."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

_PAUSE_SECONDS = 0.02


def until(look: Callable[[], T | None], what: str, seconds: float = 60.0) -> T:
    """What `look` returns as soon as that is true in Python's sense: an empty list is still waited for.

    Raises AssertionError after `seconds`, saying what was waited for and what was seen last.
    """
    deadline = time.monotonic() + seconds
    while True:
        seen = look()
        if seen:
            return seen
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {seconds:g} s for {what}; seen last: {seen!r}")
        time.sleep(_PAUSE_SECONDS)

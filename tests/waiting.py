"""The one way tests wait: look again until it is there, with a deadline."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

# Looking costs a request or a query, and many tests wait at once: who has waited for long looks less often.
_SHORTEST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 0.02, 0.25
_SHARE_OF_THE_WAIT = 0.1


def until(look: Callable[[], T | None], what: str, seconds: float = 60.0) -> T:
    """What `look` returns as soon as that is true in Python's sense: an empty list is still waited for.

    Raises AssertionError after `seconds`, saying what was waited for and what was seen last.
    """
    began = time.monotonic()
    while True:
        seen = look()
        if seen:
            return seen
        waited = time.monotonic() - began
        if waited > seconds:
            raise AssertionError(f"waited {seconds:g} s for {what}; seen last: {seen!r}")
        pause = max(_SHORTEST_PAUSE_SECONDS, waited * _SHARE_OF_THE_WAIT)
        time.sleep(min(pause, _LONGEST_PAUSE_SECONDS))

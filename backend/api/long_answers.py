"""Answers that take as long as they take: each holds a thread of the web process, so one person has so many at a time."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

from flask import Response, current_app, make_response

from ..core.errors import TooMany
from .access import current_user

View = TypeVar("View", bound=Callable[..., Any])

MOST_AT_ONCE = 20
"""Of one person in one process, which has 96 threads (gunicorn.conf.py). A reload leaves one behind for 15 s at most."""


class _Held:
    """How many each person has."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._by_user: Counter[str] = Counter()

    def take(self, user_id: str) -> Callable[[], None]:
        """One more; returns what gives it back, once. Raises TooMany."""
        with self._lock:
            if self._by_user[user_id] >= MOST_AT_ONCE:
                raise TooMany("You follow too many answers at once; close a page that does.", 15)
            self._by_user[user_id] += 1
        returned = threading.Event()

        def give_back() -> None:
            with self._lock:
                if not returned.is_set():
                    returned.set()
                    self._by_user[user_id] -= 1
                    if not self._by_user[user_id]:
                        del self._by_user[user_id]

        return give_back


def long_answer(view: View) -> View:
    """For views whose answers last. More than MOST_AT_ONCE of a person are refused before the view does anything."""

    @wraps(view)
    def held(*args: Any, **kwargs: Any) -> Response:
        everybody: _Held = current_app.extensions.setdefault("lin.long_answers", _Held())
        give_back = everybody.take(current_user().id)
        try:
            answer = make_response(view(*args, **kwargs))
        except BaseException:
            give_back()
            raise
        answer.call_on_close(give_back)
        return answer

    return held  # type: ignore[return-value] # the same signature, kept by wraps

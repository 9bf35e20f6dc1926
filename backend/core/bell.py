"""Tells threads of this process that a row changed, so that they look at once. The row alone says what it is now."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Bell:
    """Rings for a name. Whoever hears nothing looks now and then anyway: another process may have written the row."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._listening: dict[str, list[threading.Event]] = {}

    def ring(self, name: str) -> None:
        """Wake everybody of this process who listens for the name."""
        with self._lock:
            for event in self._listening.get(name, ()):
                event.set()

    @contextmanager
    def listening(self, name: str) -> Iterator[threading.Event]:
        """An event that each ring sets; its listener clears it before looking at the row."""
        event = threading.Event()
        with self._lock:
            self._listening.setdefault(name, []).append(event)
        try:
            yield event
        finally:
            with self._lock:
                others = self._listening[name]
                others.remove(event)
                if not others:
                    del self._listening[name]

"""What happened, in order, and a way to wait for the next thing without polling."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Generic, TypeVar

Entry = TypeVar("Entry")


@dataclass
class _Waiter(Generic[Entry]):
    wanted: Callable[[Entry], bool]
    count: int


class Ledger(Generic[Entry]):
    """An append-only list. Appending is O(1) plus the number of people waiting."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._entries: list[Entry] = []
        self._waiters: list[_Waiter[Entry]] = []

    def append(self, entry: Entry) -> None:
        """Write one entry down and wake those who wait for it."""
        with self._changed:
            self._entries.append(entry)
            for waiter in self._waiters:
                waiter.count += waiter.wanted(entry)
            if self._waiters:
                self._changed.notify_all()

    def newest(
        self, wanted: Callable[[Entry], bool] = lambda _: True, limit: int | None = None
    ) -> list[Entry]:
        """Matching entries, newest first, at most ``limit`` of them."""
        return list(islice(filter(wanted, self._backwards()), limit))

    def wait(self, wanted: Callable[[Entry], bool], count: int, timeout: float) -> int:
        """Wait until ``count`` entries match or ``timeout`` seconds passed; return how many do."""
        with self._changed:
            waiter = _Waiter(wanted, sum(map(wanted, self._entries)))
            self._waiters.append(waiter)
            try:
                self._changed.wait_for(lambda: waiter.count >= count, timeout)
            finally:
                self._waiters.remove(waiter)
            return waiter.count

    def clear(self) -> None:
        """Forget everything."""
        with self._changed:
            self._entries = []

    def __len__(self) -> int:
        return len(self._entries)

    def _backwards(self) -> Iterator[Entry]:
        # The list only grows or is replaced, so walking it down by index needs no lock.
        entries = self._entries
        for index in range(len(entries) - 1, -1, -1):
            yield entries[index]

"""Sealing everything that is stored again under the newest key, beside web processes and workers.

What is under which key stands in the rows themselves, and nowhere else: this may be killed at any moment and run again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from .errors import SealBroken
from .records import SealedRow, SealedValue
from .tokens import Sealer

BATCH = 100
# Together longer than a worker may hold an account to refresh its tokens (refreshing.LEASE_SECONDS).
_PAUSES = (1.0, 2.0, 5.0, 10.0, 20.0, 30.0)


class Shelf(Protocol):
    """A place where sealed values are stored; see store/sealed.py. `name` is what one row of it is."""

    @property
    def name(self) -> str: ...

    def count(self) -> int: ...

    def page(self, after: str | None, take: int) -> Sequence[SealedRow]: ...

    def replace(self, rows: Sequence[SealedRow]) -> set[str]: ...


@dataclass
class Findings:
    """What one look at everything found. Rows are counted, each with all its values."""

    rows: int = 0
    """How many there were as it began; some more may come meanwhile."""
    looked_at: int = 0
    older: int = 0
    """Found under an older key than the newest."""
    sealed_again: int = 0
    broken: list[str] = field(default_factory=list)
    """What no key of TOKEN_KEYS opens, as "account 7d3…"."""

    @property
    def waiting(self) -> int:
        """Under an older key still: just being refreshed or changed by somebody else, or only counted."""
        return self.older - self.sealed_again


@dataclass(frozen=True)
class Rotation:
    """Seals again what is on these shelves. `on_progress` hears after every batch how far it is."""

    shelves: Sequence[Shelf]
    sealer: Sealer
    on_progress: Callable[[Findings], None] = lambda _: None
    pause: Callable[[float], None] = time.sleep

    def count(self) -> Findings:
        """Look at everything and change nothing. Raises Unavailable."""
        return self._look(change=False)

    def run(self) -> Findings:
        """Seal again until a look at everything finds no more to do, or no longer waits for what is being refreshed (about a
        minute). Returns that last look, with all that was sealed again counted. Raises Unavailable."""
        done = 0
        for seconds in (*_PAUSES, None):
            found = self._look(change=True)
            done += found.sealed_again
            # at the end also what was just done: so much came under an older key since the look before
            waiting = found.older if seconds is None else found.waiting
            if not found.older or seconds is None:
                break
            if waiting:
                self.pause(seconds)
        return replace(found, older=waiting + done, sealed_again=done)

    def _look(self, *, change: bool) -> Findings:
        found = Findings(rows=sum(shelf.count() for shelf in self.shelves))
        for shelf in self.shelves:
            for rows in _pages(shelf):
                older = list(self._older(shelf, rows, found))
                found.looked_at += len(rows)
                found.older += len(older)
                if change and older:
                    found.sealed_again += len(shelf.replace(older))
                self.on_progress(found)
        return found

    def _older(
        self, shelf: Shelf, rows: Sequence[SealedRow], found: Findings
    ) -> Iterator[SealedRow]:
        """Those under an older key, sealed again."""
        for row in rows:
            try:
                if any(self.sealer.is_stale(value.sealed) for value in row.values):
                    yield replace(row, values=tuple(self._again(value) for value in row.values))
            except SealBroken:
                found.broken.append(f"{shelf.name} {row.id}")

    def _again(self, value: SealedValue) -> SealedValue:
        text = self.sealer.open(value.sealed, bound_to=value.bound_to)
        return replace(value, sealed=self.sealer.seal(text, bound_to=value.bound_to))


def _pages(shelf: Shelf) -> Iterator[Sequence[SealedRow]]:
    after = None
    while rows := shelf.page(after, BATCH):
        yield rows
        after = rows[-1].id

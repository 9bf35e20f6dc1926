"""Group commit: calls of many threads ride together in one.

The first caller goes at once. Whoever comes while a call is under way waits for the next one, which takes all of them, and
begins no sooner than `spacing` seconds after the one before: who comes alone waits for nobody, and with many the number
of calls stays small. Each caller returns when *its* item is done,
so "durable before the next step" holds as with a call of its own.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Generic, TypeVar

from .errors import LinError, NotAllowed, Unavailable

Item = TypeVar("Item")
Key = TypeVar("Key", bound=Hashable)
Result = TypeVar("Result")

# Seconds between calls while they find nobody.
_STEPS = (0.1, 0.2, 0.5, 1.0, 2.0)


class _Entry(Generic[Item, Result]):
    """One caller's item. `woken` is set when the result is there, or when it is this caller's turn to lead."""

    def __init__(self, item: Item) -> None:
        self.item = item
        self.woken = threading.Event()
        self.leads = False
        self.result: Result | None = None
        self.error: LinError | BaseException | None = None


class Grouped(Generic[Item, Key, Result]):
    """Turns `call(items) -> {key: result}` into a function of one item. `missing` stands for a key left out."""

    def __init__(
        self,
        call: Callable[[Sequence[Item]], Mapping[Key, Result]],
        *,
        key: Callable[[Item], Key],
        missing: Result,
        most: int = 200,
        spacing: float = 0.0,
    ) -> None:
        self._call = call
        self._key = key
        self._missing = missing
        self._most = most
        self._spacing = spacing
        self._next_start = 0.0
        self._lock = threading.Lock()
        self._waiting: list[_Entry[Item, Result]] = []
        self._under_way = False
        self._failures = 0

    def pause(self) -> float:
        """Seconds until whoever found nobody should ask again. They all wake up at one moment, so that their next try is
        one call, and these moments lie further and further apart: many threads wait, and the database hears of one."""
        step = _STEPS[min(max(self._failures, 1), len(_STEPS)) - 1]
        return step - time.monotonic() % step

    def __call__(self, item: Item) -> Result:
        """The result of this item. Raises what the call raised."""
        entry: _Entry[Item, Result] = _Entry(item)
        with self._lock:
            self._waiting.append(entry)
            entry.leads = not self._under_way
            self._under_way = True
        if not entry.leads:
            _wait_for(entry.woken)
        if entry.leads:
            self._lead(entry)
        if entry.error is not None:
            raise entry.error
        return self._missing if entry.result is None else entry.result

    def _lead(self, leader: _Entry[Item, Result]) -> None:
        """Do one call for all who wait, the leader first among them, and hand on to the next who came meanwhile."""
        group: list[_Entry[Item, Result]] = []
        try:
            time.sleep(max(0.0, self._next_start - time.monotonic()))
            self._next_start = time.monotonic() + self._spacing
            with self._lock:
                group = self._waiting[: self._most]
                del self._waiting[: self._most]
            self._serve(group)
        except BaseException as error:
            # too little memory to tell each of them what became of it: they hear of that, and wait no longer
            for entry in group:
                if not entry.woken.is_set():
                    entry.error = error
                    entry.woken.set()
            raise
        finally:
            with self._lock:
                if leader in self._waiting:  # it goes, and must not be handed the lead again
                    self._waiting.remove(leader)
                follower = self._waiting[0] if self._waiting else None
                self._under_way = follower is not None
            if follower is not None:
                follower.leads = True
                follower.woken.set()

    def _serve(self, group: list[_Entry[Item, Result]]) -> None:
        try:
            answer = self._call([entry.item for entry in group])
            results = [answer.get(self._key(entry.item)) for entry in group]
        except BaseException as error:
            refused = isinstance(error, LinError) and not isinstance(
                error, Unavailable | NotAllowed
            )
            if refused and len(group) > 1:
                for entry in group:  # one item is bad: it must not take the others with it
                    self._serve([entry])
                return
            if isinstance(error, Unavailable | NotAllowed):
                self._failures += 1
                with self._lock:  # nor would it answer those who came meanwhile
                    group = group + self._waiting
                    self._waiting = []
            for entry in group:
                entry.error = error
                entry.woken.set()
            return
        self._failures = 0
        for entry, result in zip(group, results, strict=True):
            entry.result = result
            entry.woken.set()


def _wait_for(event: threading.Event) -> None:
    """Wait, and stay: a follower that went away would not lead when its turn came, and nobody would after it."""
    while not event.is_set():
        try:
            event.wait()
        except (MemoryError, RuntimeError):  # waiting takes a lock, and a lock takes memory
            time.sleep(_STEPS[0])

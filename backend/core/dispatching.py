"""Claimed targets to threads: prepared at once, held until their time, sent then; leases renewed meanwhile.

A target that waits for its time holds no thread, so one that is due now is never behind one that is due in a moment.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any, Protocol

from . import following
from .clock import DatabaseClock
from .hands import Hands
from .preparing import Ready
from .publishing import MARK_AHEAD_SECONDS
from .records import ClaimedTarget, Lease
from .timing import Timer

log = logging.getLogger("lin.dispatching")


class LeaseStore(Protocol):
    """Claiming and keeping leases; see store/targets.py."""

    def claim_due_targets(
        self, worker: str, take: int, lease_seconds: int, ahead_seconds: float, *, places: int, held: Mapping[str, int]
    ) -> tuple[datetime, list[ClaimedTarget]]: ...  # fmt: skip

    def renew_leases(self, leases: Sequence[Lease], lease_seconds: int) -> set[int]: ...


class Steps(Protocol):
    """The steps of publishing; see core/publishing.py. Sending returns what is left to do: recording the outcome."""

    def prepare(self, target: ClaimedTarget, now: datetime) -> Ready | None: ...

    def send(self, ready: Ready) -> Callable[[], None]: ...


class Dispatcher:
    """Claims what is due, a little ahead, and publishes it; `places` create calls are under way at once.

    Some threads more than that mark what comes next, and recording outcomes has threads of its own: so the places are
    taken by what the platform works at, not by what waits for the database.
    """

    # Media is uploaded in this time, so that a post with images is not late because of them.
    AHEAD_SECONDS = 5.0
    # What else a worker does waits so long for its posts, and not for ever: a worker may always have some.
    GIVE_WAY_SECONDS = 5.0

    def __init__(
        self,
        store: LeaseStore,
        publisher: Steps,
        clock: DatabaseClock,
        *,
        worker: str,
        threads: int,
        lease_seconds: int,
    ) -> None:
        self._store = store
        self._publisher = publisher
        self._clock = clock
        self._worker = worker
        self._places = threads
        # at work and in line: the next claim takes time, in which places must not stand empty
        self._most = 4 * threads
        self._lease_seconds = lease_seconds
        self._senders = Hands(threads + marked_ahead(threads), "publish")
        # so many at most carry a mark and no outcome: what a worker that dies leaves unconfirmed
        self._marked = threading.Semaphore(2 * threads)
        # one for each that may be at work: while the database is away every outcome is tried again by its own thread
        self._recorders = Hands(self._most + 2 * threads, "record")
        self._timer = Timer("hold")
        self._lock = threading.Lock()
        self._claiming = threading.Lock()
        self._held: dict[int, ClaimedTarget] = {}
        self._waiting: set[int] = set()
        self._at_work: Counter[str] = Counter()
        self._calm = threading.Event()
        self._calm.set()
        self._more = False
        self._stopping = False

    def claim_and_start(self) -> int:
        """Claim what there is room for and start it; returns how many."""
        with self._claiming:
            return self._claim()

    def renew(self) -> None:
        """Extend all leases held, in one call."""
        with self._lock:
            leases = [Lease(target.target_id, token) for token, target in self._held.items()]
        if leases:
            self._store.renew_leases(leases, self._lease_seconds)

    def give_way(self) -> None:
        """Return when few posts are at work, or after GIVE_WAY_SECONDS: for work in batches that nobody waits for. All of a
        worker shares one interpreter, and what is due by the second goes first."""
        self._calm.wait(self.GIVE_WAY_SECONDS)

    def stop(self, timeout: float) -> bool:
        """Take nothing new and wait for what is at work; whether all of it ended in time."""
        deadline = time.monotonic() + timeout
        # a claim under way is waited for: what it brings is given back, not left to its lease
        with self._claiming:
            self._stopping = True
        self._calm.set()
        self._timer.flush()
        while self._held and time.monotonic() < deadline:
            time.sleep(0.02)
        self._timer.stop()
        self._senders.stop()
        self._recorders.stop()
        return not self._held

    def _claim(self) -> int:
        with self._lock:
            room = self._most - (len(self._held) - len(self._waiting))
            ahead = self.AHEAD_SECONDS if len(self._waiting) < 2 * self._places else 0.0
            at_work = dict(self._at_work)
        if self._stopping or room <= 0:
            return 0
        now, targets = self._store.claim_due_targets(
            self._worker, room, self._lease_seconds, ahead, places=self._places, held=at_work
        )
        # read after the call: a slow answer makes our idea of "due" later, never earlier
        answered = time.monotonic()
        self._clock.tell(now, answered)
        # a claim leaves some room for those who may come, so one that takes less may have left something
        self._more = bool(targets)
        with self._lock:
            self._held.update({target.lease_token: target for target in targets})
            self._count(targets, 1)
        for target in targets:
            due = answered + (target.due_at - now).total_seconds()
            # what is due goes before what only has to be made ready
            self._start(target, partial(self._prepare, target, due), late=due > answered)
        return len(targets)

    def _prepare(self, target: ClaimedTarget, due: float) -> None:
        ready = self._publisher.prepare(target, self._clock.now())
        if ready is None:
            self._release(target)
        elif due - MARK_AHEAD_SECONDS <= time.monotonic() or self._stopping:
            self._send(ready)
        else:
            with self._lock:
                self._waiting.add(target.lease_token)
                self._count([target], -1)
            self._timer.at(due - MARK_AHEAD_SECONDS, partial(self._due, ready))

    def _due(self, ready: Ready) -> None:
        with self._lock:
            self._waiting.discard(ready.target.lease_token)
            self._count([ready.target], 1)
        self._start(ready.target, partial(self._send, ready))

    def _send(self, ready: Ready) -> None:
        self._marked.acquire()
        try:
            record = self._publisher.send(ready)
            self._recorders.take(partial(self._record, ready.target, record))
        except BaseException:
            self._marked.release()
            raise

    def _record(self, target: ClaimedTarget, record: Callable[[], None]) -> None:
        try:
            self._guarded(target, record)
        finally:
            self._marked.release()
            self._release(target)

    def _start(self, target: ClaimedTarget, step: Callable[[], None], *, late: bool = False) -> None:  # fmt: skip
        """Run a step on a thread; who has more than a quarter of the places lets the others pass."""
        crowding = self._at_work[target.user_id] > max(1, self._places // 4)
        try:
            self._senders.take(partial(self._guarded, target, step), 2 if late else int(crowding))
        except Exception as error:
            self._let_go(target, error)

    def _guarded(self, target: ClaimedTarget, step: Callable[[], None]) -> None:
        try:
            with following.step("publish", **names_of(target)):
                step()
        except Exception as error:
            self._let_go(target, error)

    def _let_go(self, target: ClaimedTarget, error: Exception) -> None:
        """What failed in a way nobody foresaw: its lease runs out and is recovered. Let go of first, because what is held is
        renewed for ever, and telling fails as well where it was memory that there was too little of."""
        self._release(target)
        log.error("publishing ended unexpectedly; the lease will be recovered", exc_info=error)

    def _count(self, targets: Sequence[ClaimedTarget], by: int) -> None:
        """Note what is at work, whose it is and where it goes, and whether it is much; what waits for its time is not."""
        for target in targets:
            for whose in (target.user_id, target.platform):
                self._at_work[whose] += by
                if not self._at_work[whose]:
                    del self._at_work[whose]
        if self._stopping or len(self._held) - len(self._waiting) <= self._places // 4:
            self._calm.set()
        else:
            self._calm.clear()

    def _release(self, target: ClaimedTarget) -> None:
        with self._lock:
            if self._held.pop(target.lease_token, None) is None:
                return
            if target.lease_token in self._waiting:
                self._waiting.discard(target.lease_token)  # not counted
            else:
                self._count([target], -1)
            refill = self._more and len(self._held) - len(self._waiting) <= 2 * self._places
        # the thread that ends refills the line, unless another is at it
        if refill and not self._stopping and self._claiming.acquire(blocking=False):
            try:
                self._claim()
            except Exception as error:
                log.warning("refilling is put off to the next poll", extra={"error": str(error)})
            finally:
                self._claiming.release()


def names_of(target: ClaimedTarget) -> dict[str, Any]:
    """What logs and spans call this attempt."""
    return {
        "post_id": target.post_id, "target_id": target.target_id, "attempt": target.attempt, "lease_token": target.lease_token,
        "account_id": target.account_id, "platform": target.platform,
    }  # fmt: skip


def marked_ahead(places: int) -> int:
    """How many may carry a mark while they wait for a place: as many as come free while the database marks them."""
    return max(1, 3 * places // 4)

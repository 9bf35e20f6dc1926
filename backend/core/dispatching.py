"""Claimed targets to threads: prepared at once, held until their time, sent then; leases renewed meanwhile.

A target that waits for its time holds no thread, so one that is due now is never behind one that is due in a moment.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime
from functools import partial
from typing import Protocol

from .clock import DatabaseClock
from .preparing import Ready
from .records import ClaimedTarget, Lease
from .timing import Timer

log = logging.getLogger("lin.dispatching")


class LeaseStore(Protocol):
    """Claiming and keeping leases; see store/targets.py."""

    def claim_due_targets(
        self, worker: str, take: int, lease_seconds: int, ahead_seconds: float
    ) -> tuple[datetime, list[ClaimedTarget]]: ...

    def renew_leases(self, leases: Sequence[Lease], lease_seconds: int) -> set[int]: ...


class Steps(Protocol):
    """The two steps of publishing; see core/publishing.py."""

    def prepare(self, target: ClaimedTarget, now: datetime) -> Ready | None: ...

    def send(self, ready: Ready) -> None: ...


class Dispatcher:
    """Claims what is due, a little ahead, and publishes it on `threads` threads."""

    # Media is uploaded in this time, so that a post with images is not late because of them.
    AHEAD_SECONDS = 5.0

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
        self._threads = threads
        self._lease_seconds = lease_seconds
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="publish")
        self._timer = Timer("hold")
        self._lock = threading.Lock()
        self._claiming = threading.Lock()
        self._held: dict[int, ClaimedTarget] = {}
        self._waiting: set[int] = set()
        self._more = False
        self._stopping = False

    def claim_and_start(self) -> int:
        """Claim what there is room for and start it; returns how many. Room is a thread each and as many in line, so
        that threads do not stand idle while the next claim is under way."""
        with self._claiming:
            return self._claim()

    def renew(self) -> None:
        """Extend all leases held, in one call."""
        with self._lock:
            leases = [Lease(target.target_id, token) for token, target in self._held.items()]
        if leases:
            self._store.renew_leases(leases, self._lease_seconds)

    def stop(self, timeout: float) -> bool:
        """Take nothing new and wait for what is at work; whether all of it ended in time."""
        deadline = time.monotonic() + timeout
        # a claim under way is waited for: what it brings is given back, not left to its lease
        with self._claiming:
            self._stopping = True
        self._timer.flush()
        while self._held and time.monotonic() < deadline:
            time.sleep(0.02)
        self._timer.stop()
        self._pool.shutdown(wait=False)
        return not self._held

    def _claim(self) -> int:
        with self._lock:
            room = 2 * self._threads - (len(self._held) - len(self._waiting))
            ahead = self.AHEAD_SECONDS if len(self._waiting) < 2 * self._threads else 0.0
        if self._stopping or room <= 0:
            return 0
        now, targets = self._store.claim_due_targets(self._worker, room, self._lease_seconds, ahead)
        # read after the call: a slow answer makes our idea of "due" later, never earlier
        answered = time.monotonic()
        self._clock.tell(now, answered)
        self._more = len(targets) == room
        with self._lock:
            self._held.update({target.lease_token: target for target in targets})
        for target in targets:
            due = answered + (target.due_at - now).total_seconds()
            self._start(target, partial(self._prepare, target, due))
        return len(targets)

    def _prepare(self, target: ClaimedTarget, due: float) -> None:
        ready = self._publisher.prepare(target, self._clock.now())
        if ready is None:
            self._release(target)
        elif due <= time.monotonic() or self._stopping:
            self._send(ready)
        else:
            with self._lock:
                self._waiting.add(target.lease_token)
            self._timer.at(due, lambda: self._start(target, lambda: self._send(ready)))

    def _send(self, ready: Ready) -> None:
        with self._lock:
            self._waiting.discard(ready.target.lease_token)
        self._publisher.send(ready)
        self._release(ready.target)

    def _start(self, target: ClaimedTarget, step: Callable[[], None]) -> None:
        """Run a step on a thread. Should it fail in a way nobody foresaw, its lease runs out and is recovered."""

        def ended(future: Future[None]) -> None:
            if error := future.exception():
                log.error(
                    "publishing ended unexpectedly; the lease will be recovered", exc_info=error
                )
                self._release(target)

        self._pool.submit(step).add_done_callback(ended)

    def _release(self, target: ClaimedTarget) -> None:
        with self._lock:
            self._held.pop(target.lease_token, None)
            self._waiting.discard(target.lease_token)
            refill = self._more and len(self._held) - len(self._waiting) <= self._threads
        # the thread that ends refills the line, unless another is at it
        if refill and not self._stopping and self._claiming.acquire(blocking=False):
            try:
                self._claim()
            except Exception as error:
                log.warning("refilling is put off to the next poll", extra={"error": str(error)})
            finally:
                self._claiming.release()

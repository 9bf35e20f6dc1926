"""Claimed targets to threads: never more than there are free threads, leases renewed while they work."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime
from typing import Protocol

from .publishing import Hold, Publisher, utc_now
from .records import ClaimedTarget, Lease

log = logging.getLogger("lin.dispatching")


class LeaseStore(Protocol):
    """Claiming and keeping leases; see store/service.py."""

    def claim_due_targets(
        self, worker: str, take: int, lease_seconds: int, ahead_seconds: float
    ) -> tuple[datetime, list[ClaimedTarget]]: ...

    def renew_leases(self, leases: Sequence[Lease], lease_seconds: int) -> set[int]: ...


class Dispatcher:
    """Claims what is due, a little ahead, and publishes it on `threads` threads."""

    # Media is uploaded in this time, so that a post with images is not late because of them.
    AHEAD_SECONDS = 5.0

    def __init__(
        self,
        store: LeaseStore,
        publisher: Publisher,
        *,
        worker: str,
        threads: int,
        lease_seconds: int,
    ) -> None:
        self._store = store
        self._publisher = publisher
        self._worker = worker
        self._threads = threads
        self._lease_seconds = lease_seconds
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="publish")
        self._lock = threading.Lock()
        self._held: dict[int, ClaimedTarget] = {}
        self._stopping = False

    def claim_and_start(self) -> int:
        """Claim as many due targets as threads are free, and start them; returns how many."""
        free = self._threads - len(self._held)
        if self._stopping or free <= 0:
            return 0
        # read before the call: a slow answer makes our idea of "due" later and of "lease over" earlier, never the reverse
        asked = time.monotonic()
        clock, targets = self._store.claim_due_targets(
            self._worker, free, self._lease_seconds, self.AHEAD_SECONDS
        )
        answered = time.monotonic()
        for target in targets:
            wait = (target.due_at - clock).total_seconds()
            hold = Hold(until=answered + wait, lease_ends=asked + self._lease_seconds)
            with self._lock:
                self._held[target.lease_token] = target
            self._pool.submit(self._publish, target, hold).add_done_callback(_tell)
        return len(targets)

    def renew(self) -> None:
        """Extend all leases held, in one call."""
        with self._lock:
            leases = [Lease(target.target_id, token) for token, target in self._held.items()]
        if leases:
            self._store.renew_leases(leases, self._lease_seconds)

    def stop(self, timeout: float) -> bool:
        """Take nothing new and wait for what is at work; whether all of it ended in time."""
        self._stopping = True
        deadline = time.monotonic() + timeout
        self._pool.shutdown(wait=False)
        while self._held and time.monotonic() < deadline:
            time.sleep(0.02)
        return not self._held

    def _publish(self, target: ClaimedTarget, hold: Hold) -> None:
        try:
            self._publisher.publish(target, hold, utc_now())
        finally:
            with self._lock:
                self._held.pop(target.lease_token, None)


def _tell(future: Future[None]) -> None:
    error = future.exception()
    if error is not None:
        log.error("publishing ended unexpectedly; the lease will be recovered", exc_info=error)

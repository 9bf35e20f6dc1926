"""One target, from its claim to its outcome. The order of steps is the promise:

    prepare   token, last checks, media upload     repeatable; a crash here costs nothing
    mark      begin_send, committed                 from here on the target is never sent again by the machine
    send      the one call that creates the post    its outcome may stay unknown
    settle    record the outcome                    repeated until it is stored

Between mark and send there is nothing: no upload, no refresh, no logging over the network, no lock but the one that bounds
how many create calls are under way; a few targets are marked while they wait for the next to end.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import Any, Protocol

from . import outcomes
from .breaker import Breakers
from .budget import RetryBudget
from .errors import LinError, NotAllowed, Reconnect, Rejected, Unavailable
from .grouping import Grouped
from .preparing import Preparer, Ready
from .records import ClaimedTarget, Mark, Settlement

log = logging.getLogger("lin.publishing")

# So long before its time a target is marked, because that takes a while; it is sent when the time has come.
MARK_AHEAD_SECONDS = 0.1
# Seconds between two calls that mark, or record: what comes meanwhile rides together. A place waits for its mark, nobody
# for a record.
_MARK_SPACING = 0.02
_RECORD_SPACING = 0.03
# A worker that was told to stop stores what it learned for so long; then the leases run out and recovery takes over.
_LAST_SECONDS = 25.0


class TargetStore(Protocol):
    """The steps of publishing that the database takes; see store/targets.py. Both take many at once."""

    def begin_send(
        self, targets: Sequence[ClaimedTarget], seconds_left: int, ahead_seconds: float
    ) -> dict[int, Mark]: ...

    def settle_attempts(self, settlements: Sequence[Settlement]) -> dict[int, str]: ...


class OutcomeSpool(Protocol):
    """Where outcomes wait that the database does not take just now; see spool.py. Neither method raises."""

    def keep(self, settlement: Settlement) -> None: ...

    def forget(self, settlement: Settlement) -> None: ...


@dataclass(frozen=True)
class _Marked:
    """What begin_send said, until when the lease surely holds, and when the target's time has surely come. In doubt: it
    may have said something before."""

    verdict: str
    lease_ends: float
    doubtful: bool
    due: float = 0.0


class Publisher:
    """Publishes claimed targets; one instance serves all threads of a worker.

    Marks and outcomes of many threads ride together (group commit); each thread still waits for its own.
    """

    def __init__(
        self,
        store: TargetStore,
        preparer: Preparer,
        breakers: Breakers,
        budget: RetryBudget,
        spool: OutcomeSpool,
        *,
        lease_seconds: int,
        request_seconds: float,
        places: int,
        stopping: threading.Event,
        now: Callable[[], datetime],
        draw: random.Random | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._preparer = preparer
        self._breakers = breakers
        self._budget = budget
        self._spool = spool
        self._lease_seconds = lease_seconds
        self._request_seconds = request_seconds
        self._places = threading.Semaphore(places)
        self._stopping = stopping
        self._now = now
        self._draw = draw or random.Random()  # noqa: S311 - jitter, not a secret
        self._monotonic = monotonic
        self._begin_send: Grouped[ClaimedTarget, int, Mark] = Grouped(
            lambda targets: store.begin_send(targets, lease_seconds, MARK_AHEAD_SECONDS), key=lambda t: t.lease_token, missing=Mark("lost"),
            spacing=_MARK_SPACING,
        )  # fmt: skip
        self._settle_attempt: Grouped[Settlement, int, str] = Grouped(
            store.settle_attempts,
            key=lambda s: s.lease_token,
            missing="kept",
            spacing=_RECORD_SPACING,
        )

    def prepare(self, target: ClaimedTarget, now: datetime) -> Ready | None:
        """Make a target ready to be sent. None: it has ended here, and that is recorded."""
        if self._stopping.is_set():
            self._settle(_handed_over(target))
            return None
        wait = max(self._breakers.admit(target.platform), self._breakers.admit(target.account_id))
        if wait > 0:
            paused = f"{target.platform} is in trouble; Lin waits before it tries again."
            self._settle(outcomes.given_back(target, "paused", paused, wait + self._draw.random()))
            return None
        try:
            return self._preparer.prepare(target, now)
        except LinError as error:
            self._count(target, error)
            self._settle(self._refused(target, error, sent=False))
        except Exception:
            log.exception("preparing failed unexpectedly", extra=_names(target))
            self._settle(outcomes.went_wrong(target, self._draw, sent=False))
        return None

    def send(self, ready: Ready) -> Callable[[], None]:
        """Mark and send a target whose time has come. Returns what is left to do, recording what there is to say; nothing is
        raised, by either, but what the database refuses for good."""
        target = ready.target
        if self._stopping.is_set():
            return partial(self._settle, _handed_over(target))
        mark = self._mark(target)
        if mark.verdict == "send":
            time.sleep(max(0.0, mark.due - self._monotonic()))
            with self._places:
                if self._monotonic() <= mark.lease_ends - self._request_seconds:
                    return partial(self._settle, self._create(ready), sent=True)
        if mark.verdict == "send" or mark.doubtful:
            # paused since the mark, or its reply was lost: provably nothing has left, and an answer might outlive the lease
            too_slow = "The database answered too slowly to send this in time."
            return partial(
                self._settle, outcomes.again_at_once(target, "marked_too_late", too_slow)
            )
        log.info("not sent", extra={**_names(target), "verdict": mark.verdict})
        return _nothing

    # ---------------------------------------------------------------- mark, send, settle

    def _mark(self, target: ClaimedTarget) -> _Marked:
        """Commit the send mark, with a full lease from then on. Repeating it under the same token is harmless, so a lost
        reply is asked for again; the database says when the lease is over."""
        doubts = 0
        while True:
            # read before the call: a slow answer makes our idea of "lease over" earlier, never later
            asked = self._monotonic()
            try:
                mark = self._begin_send(target)
            except Unavailable:
                if self._stopping.is_set():
                    return _Marked("lost", asked, doubtful=True)
                time.sleep(self._begin_send.pause())
                doubts += 1
                continue
            if mark.verdict != "early":
                # read after the call: a slow answer makes our idea of "due" later, never earlier
                due = self._monotonic() + mark.early_by
                return _Marked(
                    mark.verdict, asked + self._lease_seconds, doubtful=doubts > 0, due=due
                )
            time.sleep(0.002)  # the database's clock is a hair behind ours

    def _create(self, ready: Ready) -> Settlement:
        target = ready.target
        self._budget.sent(target.platform)
        try:
            answer = ready.platform.publish(ready.tokens, ready.request, ready.notes)
        except LinError as error:
            self._count(target, error)
            if (
                isinstance(error, Reconnect)
                and error.http_status == 401
                and ready.tokens.refresh_token
                and not target.failures
            ):
                return self._renewed(ready)
            return self._refused(target, error, sent=True)
        except Exception:
            log.exception("sending failed unexpectedly", extra=_names(target))
            return outcomes.went_wrong(target, self._draw, sent=True)
        self._count(target, None)
        return outcomes.answered(target, answer)

    def _renewed(self, ready: Ready) -> Settlement:
        """A refused token that can be renewed: renew it and try once more. The refusal proves that nothing was created."""
        try:
            self._preparer.renew(ready, self._now())
        except LinError as error:
            return self._refused(ready.target, error, sent=False)
        return outcomes.again_at_once(
            ready.target, "token_renewed", "The permission had to be renewed first."
        )

    def _refused(self, target: ClaimedTarget, error: LinError, *, sent: bool) -> Settlement:
        """What an error means; a retry also has to wait for the platform's retry budget."""
        settlement = outcomes.refused(target, error, self._draw, sent=sent)
        if settlement.outcome != "retry" or isinstance(error, Unavailable):
            return settlement
        wait = self._budget.take(target.platform)
        return replace(settlement, after_seconds=max(settlement.after_seconds or 0.0, wait))

    def _settle(self, settlement: Settlement, *, sent: bool = False) -> None:
        """Record the outcome, again and again until it is stored: an answer of the platform is never thrown away.

        While it cannot be stored it lies on disk as well, where it outlives this worker. Only a worker that stops gives
        up, after a while: then another one finds it there, or the lease runs out, and recovery decides.
        """
        tries, last_moment = 0, None
        while True:
            try:
                verdict = self._settle_attempt(settlement)
            except (Unavailable, NotAllowed):
                log.warning("the outcome cannot be stored yet", extra={"target_id": settlement.target_id, "tries": tries + 1})  # fmt: skip
                if sent and tries == 0:
                    self._spool.keep(settlement)
                if self._stopping.is_set():
                    last_moment = last_moment or self._monotonic() + _LAST_SECONDS
                    if settlement.outcome == "not_sent" or self._monotonic() > last_moment:
                        log.error("the outcome could not be stored", extra={**asdict(settlement)})
                        return
                time.sleep(self._settle_attempt.pause())
                tries += 1
                continue
            except LinError:
                if settlement.error_class == "not_storable":
                    raise
                log.exception("an outcome is refused by the database", extra={**asdict(settlement)})
                settlement = outcomes.not_storable(settlement, sent=sent)
                continue
            if tries:
                self._spool.forget(settlement)
            log.info(
                "attempt ended",
                extra={
                    "target_id": settlement.target_id, "lease_token": settlement.lease_token, "outcome": settlement.outcome,
                    "error_class": settlement.error_class, "http_status": settlement.http_status,
                    "platform_request_id": settlement.request_id, "verdict": verdict,
                },
            )  # fmt: skip
            return

    def _count(self, target: ClaimedTarget, error: LinError | None) -> None:
        """Tell the circuit breakers how the far end did."""
        if isinstance(error, Unavailable):
            return  # that was our own database
        if isinstance(error, Rejected | Reconnect) and error.http_status is None:
            return  # that was our own check: the far end was not asked
        ok = error is None or not outcomes.is_fault_of_the_far_end(error)
        self._breakers.record(target.platform, ok=ok)
        self._breakers.record(target.account_id, ok=ok)


def _nothing() -> None:
    """Nothing is left to do."""


def _handed_over(target: ClaimedTarget) -> Settlement:
    return outcomes.given_back(target, "stopping", "The worker stops; another one takes over.")


def _names(target: ClaimedTarget) -> dict[str, Any]:
    return {
        "target_id": target.target_id, "post_id": target.post_id, "account_id": target.account_id,
        "platform": target.platform, "lease_token": target.lease_token,
    }  # fmt: skip


def utc_now() -> datetime:
    """The wall clock, aware, in UTC."""
    return datetime.now(UTC)

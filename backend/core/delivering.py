"""Posting events to webhooks: each at least once, in the line of its webhook, without one receiver holding up another's.

An answer of 2xx ends it. Anything else is tried again, ever later; a worker that dies in between leaves a lease behind, and
the event is posted again with the same id, by which receivers know it.
"""

from __future__ import annotations

import json
import logging
import random
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol

from .errors import AddressRefused, FetchError, LinError, SealBroken
from .ports import Answer
from .records import DueDelivery
from .retries import (
    LONGEST_HINT_SECONDS,
    moment_of_answer,
    next_delivery_delay,
    retry_after_seconds,
)

log = logging.getLogger("lin.delivering")

ANSWER_SECONDS = 15.0
# An answer takes at most that long; looking up a name may take longer than anybody can tell.
LEASE_SECONDS = 120
MAX_BODY_BYTES = 20_000
_AT_ONCE = 8
# receivers that fail or are slow never hold more, so the others always find a thread
_TROUBLED_AT_ONCE = 4
_LOOK_AGAIN_SECONDS = 1.0
_LONG_TEXT = 200
_GONE = 410
_PAUSES = (429, 503)


class DeliveryStore(Protocol):
    """What delivering needs from the database; see store/webhooks.py."""

    def claim_deliveries(
        self, take: int, take_troubled: int, lease_seconds: int
    ) -> Sequence[DueDelivery]: ...

    def settle_delivery(self, delivery: DueDelivery, result: Mapping[str, Any]) -> str: ...


class HookDoor(Protocol):
    """The way to receivers (PublicHttp): never a private address, never a redirect. Raises AddressRefused, FetchFailed."""

    def post(
        self, url: str, *, headers: Mapping[str, str], body: bytes, deadline_seconds: float
    ) -> Answer: ...

    def check(self, url: str) -> None: ...


@dataclass(frozen=True)
class Deliverer:
    """Posts what is due. `open_secret(sealed, webhook_id)` and `sign(secrets, event_id, now, body)` are handed in; with
    `https_only` nothing goes out in the clear. `stopping` set: no more are begun."""

    store: DeliveryStore
    door: HookDoor
    open_secret: Callable[[str, str], str]
    sign: Callable[[Sequence[str], str, datetime, str], Mapping[str, str]]
    https_only: bool
    now: Callable[[], datetime]
    stopping: threading.Event = field(default_factory=threading.Event)
    draw: random.Random = field(default_factory=random.Random)
    _running: threading.Lock = field(default_factory=threading.Lock)

    def run(self) -> int:
        """Post all that is due, several at a time; returns how many were posted."""
        begun = 0
        working: dict[Future[None], bool] = {}
        with self._running, ThreadPoolExecutor(_AT_ONCE, "deliver-webhook") as pool:
            while not self.stopping.is_set():
                due = self._claim(working)
                begun += len(due)
                working |= {pool.submit(self._work, one): one.troubled for one in due}
                if not working:
                    break
                # not for all of them: others must not wait for a receiver that does not answer
                done, _ = wait(working, _LOOK_AGAIN_SECONDS, FIRST_COMPLETED)
                for one in done:
                    del working[one]
                    one.result()
        return begun

    def finish(self, timeout: float) -> bool:
        """Once `stopping` is set: wait for what is being posted, so that it is not posted again; whether all of it ended."""
        ended = self._running.acquire(timeout=timeout)
        if ended:
            self._running.release()
        return ended

    def _claim(self, working: Mapping[Future[None], bool]) -> Sequence[DueDelivery]:
        free = _AT_ONCE - len(working)
        if not free:
            return []
        troubled = _TROUBLED_AT_ONCE - sum(working.values())
        return self.store.claim_deliveries(free, troubled, LEASE_SECONDS)

    def _work(self, delivery: DueDelivery) -> None:
        started = time.monotonic()
        status, error, hint = self._posted(delivery)
        delay = next_delivery_delay(delivery.attempts, hint, self.draw)
        result = {
            "status": status, "error": error, "seconds": round(time.monotonic() - started, 3), "retry_seconds": delay,
            "hold_seconds": min(hint, LONGEST_HINT_SECONDS) if hint is not None and status in _PAUSES else None,
        }  # fmt: skip
        state = self.store.settle_delivery(delivery, result)
        log.info(
            "webhook posted",
            extra={
                "webhook_id": delivery.webhook_id, "event_id": delivery.event_id, "kind": delivery.kind,
                "attempt": delivery.attempts, "status": status, "error": error, "state": state,
            },
        )  # fmt: skip

    def _posted(self, delivery: DueDelivery) -> tuple[int | None, str | None, float | None]:
        """The answer's status, what is wrong (None: delivered), and the seconds its receiver asked to be left alone."""
        try:
            answer = self._post(delivery)
        except SealBroken:
            return None, "The secret of this webhook cannot be opened; make a new one.", None
        except FetchError as error:
            return None, str(error)[:500], None
        except LinError:
            raise
        except Exception:
            log.exception("posting a webhook failed unexpectedly", extra={"delivery_id": delivery.delivery_id})  # fmt: skip
            return None, "Something went wrong on Lin's side while posting this.", None
        if 200 <= answer.status < 300:
            return answer.status, None, None
        now = moment_of_answer(answer.headers.get("Date"), datetime.now(UTC))
        hint = retry_after_seconds(answer.headers.get("Retry-After"), now)
        return answer.status, _in_words(answer.status), hint

    def _post(self, delivery: DueDelivery) -> Answer:
        check_scheme(delivery.url, https_only=self.https_only)
        signing = [self.open_secret(one, delivery.webhook_id) for one in delivery.secrets_sealed]
        body = event_body(delivery.kind, delivery.occurred_at, delivery.data)
        headers = {
            "Content-Type": "application/json",
            **self.sign(signing, delivery.event_id, self.now(), body),
        }
        return self.door.post(
            delivery.url, headers=headers, body=body.encode(), deadline_seconds=ANSWER_SECONDS
        )


def check_scheme(url: str, *, https_only: bool) -> None:
    """Raises AddressRefused for an address that would have events go out in the clear."""
    if https_only and not url.lower().startswith("https://"):
        raise AddressRefused("The address must start with https://.")


def event_body(kind: str, occurred_at: datetime, data: Mapping[str, Any]) -> str:
    """What is posted and signed, the same at every try: {type, timestamp, data} in at most 20,000 bytes. Of larger data, which
    carry "shortened": true, long texts are left out; what is behind the ids in it can be read."""
    moment = occurred_at.astimezone(UTC).isoformat().replace("+00:00", "Z")
    body = _as_json({"type": kind, "timestamp": moment, "data": data})
    if len(body.encode()) <= MAX_BODY_BYTES:
        return body
    kept: dict[str, Any] = {"shortened": True}
    for name, value in data.items():
        wider = _as_json({"type": kind, "timestamp": moment, "data": kept | {name: value}})
        if len(_as_json(value)) <= _LONG_TEXT and len(wider.encode()) <= MAX_BODY_BYTES:
            kept[name] = value
    return _as_json({"type": kind, "timestamp": moment, "data": kept})


def _as_json(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), sort_keys=True, ensure_ascii=False)


def _in_words(status: int) -> str:
    if status == _GONE:
        return "The receiver says that it is gone for good (status 410)."
    if 300 <= status < 400:
        return f"The receiver answered with a redirect (status {status}), which is not followed."
    return f"The receiver answered with status {status} instead of 2xx."

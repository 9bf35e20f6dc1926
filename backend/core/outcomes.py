"""What an error means for a target: the one table from errors to outcomes."""

from __future__ import annotations

import random
from typing import Any

from .errors import (
    LinError,
    NoAnswer,
    NotSent,
    OutcomeUnknown,
    PlatformError,
    Reconnect,
    Rejected,
    TryLater,
)
from .platform_contract import Accepted, Published
from .records import ClaimedTarget, Settlement
from .retries import retry_delay

# The error class of a retry that waits for this server's operator; see settle_target_row.
OPERATOR = "operator"


def answered(target: ClaimedTarget, answer: Published | Accepted) -> Settlement:
    """The platform created it, or took it and finishes later."""
    if isinstance(answer, Accepted):
        return Settlement(
            target.target_id, target.lease_token, "confirming", after_seconds=answer.check_after_seconds,
            http_status=answer.http_status, request_id=answer.request_id,
        )  # fmt: skip
    return Settlement(
        target.target_id,
        target.lease_token,
        "published",
        external_id=answer.external_id,
        external_url=answer.external_url,
        http_status=answer.http_status,
        request_id=answer.request_id,
    )


def refused(
    target: ClaimedTarget, error: LinError, draw: random.Random, *, sent: bool
) -> Settlement:
    """What an error before (`sent` false) or during the create call means. Before it nothing can be unknown."""
    match error:
        case Reconnect():
            return _ended(target, "needs_reconnect", error)
        case Rejected():
            return _ended(
                target,
                "failed",
                error,
                external_id=error.existing_id,
                external_url=error.existing_url,
            )
        case TryLater() | NotSent():
            return retry(target, error, draw)
        case _ if sent:  # no proof that it was not executed
            return _ended(target, "unconfirmed", error, error_class="outcome_unknown")
        case PlatformError():
            return retry(target, error, draw)
    return retry(target, error, draw, error_class="prepare_failed")


def retry(
    target: ClaimedTarget, error: LinError, draw: random.Random, *, error_class: str | None = None
) -> Settlement:
    """Provably not executed: again, later."""
    throttled = isinstance(error, PlatformError) and error.http_status == 429
    later = error if isinstance(error, TryLater) else None
    delay = retry_delay(
        target.failures, throttled=throttled, hint_seconds=later.after if later else None, draw=draw
    )
    return _ended(
        target,
        "retry",
        error,
        # of this class the database counts no try
        error_class=OPERATOR if later is not None and later.operator else error_class,
        after_seconds=delay,
        whole_account=later is not None and later.whole_account,
    )


def again_at_once(target: ClaimedTarget, error_class: str, message: str) -> Settlement:
    """Provably not executed, for a reason that is over: again without a pause."""
    return Settlement(
        target.target_id, target.lease_token, "retry", error_class=error_class, error=message, after_seconds=0.0
    )  # fmt: skip


def given_back(
    target: ClaimedTarget, error_class: str, message: str, after_seconds: float = 0.0
) -> Settlement:
    """Not tried at all: back into the queue without using up a try, the account's other targets behind it."""
    return Settlement(
        target.target_id, target.lease_token, "not_sent",
        error_class=error_class, error=message, after_seconds=after_seconds, whole_account=after_seconds > 0,
    )  # fmt: skip


def went_wrong(target: ClaimedTarget, draw: random.Random, *, sent: bool) -> Settlement:
    """A mistake of ours: after the mark nobody knows, before it nothing was sent."""
    if sent:
        return Settlement(
            target.target_id, target.lease_token, "unconfirmed", error_class="internal",
            error="Something went wrong on Lin's side after sending had begun.",
        )  # fmt: skip
    error = LinError("Something went wrong on Lin's side while preparing this post.")
    return retry(target, error, draw, error_class="internal")


def not_storable(settlement: Settlement, *, sent: bool) -> Settlement:
    """The plainest true outcome, for a database that refuses the real one (an id that belongs to another post)."""
    return Settlement(
        settlement.target_id,
        settlement.lease_token,
        "unconfirmed" if sent else "retry",
        http_status=settlement.http_status,
        error_class="not_storable",
        error="The platform's answer could not be stored; the log has it."
        if sent
        else "Something went wrong on Lin's side while preparing this post.",
        after_seconds=60.0,
    )


def is_fault_of_the_far_end(error: LinError) -> bool:
    """Whether an error says that the platform itself is in trouble, rather than this account or this post."""
    if isinstance(error, TryLater):
        return error.http_status is None or error.http_status >= 500
    return isinstance(error, NotSent | NoAnswer | OutcomeUnknown)


def _ended(
    target: ClaimedTarget,
    outcome: Any,
    error: LinError,
    *,
    error_class: str | None = None,
    **more: Any,
) -> Settlement:
    of_platform = error if isinstance(error, PlatformError) else None
    own_class = (
        of_platform.error_class
        if of_platform
        else "not_sent"
        if isinstance(error, NotSent)
        else "failed"
    )
    return Settlement(
        target.target_id,
        target.lease_token,
        outcome,
        error_class=(error_class or own_class)[:50],
        error=str(error)[:500],
        http_status=of_platform.http_status if of_platform else None,
        request_id=of_platform.request_id if of_platform else None,
        **more,
    )

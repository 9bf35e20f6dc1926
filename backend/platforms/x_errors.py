"""What X's refusals mean. Source: X API v2, response codes and errors, rate limits, OAuth 2.0 (2026-08)."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from ..core.errors import NoAnswer, OutcomeUnknown, Reconnect, Rejected, TryLater
from ..core.ports import Answer
from ..core.retries import moment_of_answer, retry_after_seconds

log = logging.getLogger("lin.platforms.x")

_WAIT_FOR_OPERATOR_SECONDS = 3600.0
# Each of these says that X looked at the request and did not carry it out. Of any other status X's documentation says
# nothing, so after the call that creates a post it proves nothing.
_REFUSALS = frozenset({400, 403, 404, 405, 409, 413, 415, 422, 426})
# The limits that X counts for itself, each with its …-remaining and …-reset.
_LIMITS = ("x-rate-limit", "x-user-limit-24hour", "x-app-limit-24hour")
# What the ending of a 403's `type` says of the app: its owner set it up wrongly.
_SET_UP = ("client-forbidden", "oauth1-permissions", "unsupported-authentication")


def raise_for(answer: Answer, *, creating: bool) -> None:
    """Return on 2xx, else raise what the answer means.

    `creating` is the call that creates a post: there a server error may come after the post was made. X names no server
    error that proves the opposite, not even with a time to come back.
    """
    if 200 <= answer.status < 300:
        return
    body = _body(answer)
    kind = str(body.get("type") or "").rpartition("/")[2]
    named: dict[str, Any] = {
        "error_class": _class_of(answer.status, kind),
        "http_status": answer.status,
        "request_id": request_id(answer),
    }
    _raise_for_operator(answer.status, kind, named)
    if answer.status == 401:
        raise Reconnect(
            "X does not accept the account's permission any more; connect it again.", **named
        )
    if answer.status == 429:
        raise TryLater(
            "X's limit for this account is reached; Lin waits until X lifts it.",
            after=_seconds_to_wait(answer),
            whole_account=True,
            **named,
        )
    if answer.status in _REFUSALS:
        raise _refusal(answer.status, _reason(body, answer.status), named)
    if creating:
        raise OutcomeUnknown(f"X answered {answer.status}; the post may be live.", **named)
    raise TryLater(f"X answered {answer.status}.", after=_seconds_to_wait(answer), **named)


def raise_for_oauth(answer: Answer, *, refreshing: bool) -> None:
    """The same for the OAuth endpoints, whose errors are {"error", "error_description"}.

    A refresh that fails because this server's own credentials are wrong says nothing of the account, so it waits for the
    operator.
    """
    if 200 <= answer.status < 300:
        return
    body = _body(answer)
    named: dict[str, Any] = {
        "error_class": str(body.get("error") or f"http_{answer.status}")[:50],
        "http_status": answer.status,
        "request_id": request_id(answer),
    }
    if answer.status == 429 or answer.status >= 500:
        after = _seconds_to_wait(answer)
        raise TryLater(f"X answered {answer.status}.", after=after, **named)
    if answer.status == 401 or named["error_class"] in ("unauthorized_client", "invalid_client"):
        log.error("X does not accept X_CLIENT_ID and X_CLIENT_SECRET")
        if refreshing:
            raise TryLater(_OPERATOR, after=_WAIT_FOR_OPERATOR_SECONDS, operator=True, **named)
    raise Rejected(f"X refused the connection ({named['error_class']}).", **named)


def request_id(answer: Answer) -> str | None:
    """X's own number of the request. The header is seen in practice, not documented."""
    return answer.headers.get("x-transaction-id")


def _class_of(status: int, kind: str) -> str:
    """The last word of the problem's type; `about:blank` says nothing."""
    return kind.lower()[:50] if kind and kind != "about:blank" else f"http_{status}"


def _raise_for_operator(status: int, kind: str, named: dict[str, Any]) -> None:
    """What only this server's operator can mend: credits, caps, the app's set-up. Nothing was executed, and it is no
    fault of the post."""
    # which of 402, 403 and 429 a spent cap gives is not confirmed: the type decides
    if status == 402 or (status in (403, 429) and kind == "usage-capped"):
        log.error("X refuses this app: its credits are used up, or its spending cap is reached")
        named["error_class"] = "usage-capped" if kind == "usage-capped" else "credits_depleted"
    elif status == 403 and kind in _SET_UP:
        log.error("X refuses this app: its set-up in the developer portal is wrong", extra={"type": kind})  # fmt: skip
    else:
        return
    raise TryLater(
        _OPERATOR,
        after=_WAIT_FOR_OPERATOR_SECONDS,
        whole_account=True,
        operator=True,
        **named,
    )


def _refusal(status: int, reason: str, named: dict[str, Any]) -> Rejected:
    """Refused for good: the same request will be refused again."""
    if status == 403 and "duplicate content" in reason.lower():
        named["error_class"] = "duplicate"
        return Rejected(
            "X has a post of this account with this very text already and does not say which; look at X, then change the text, or leave it at that.",
            **named,
        )
    if status == 403:
        return Rejected(
            f"X does not permit this ({reason}). The account may be locked or suspended, or lack a permission: look at x.com, then connect the account again.",
            **named,
        )
    if status == 413:
        return Rejected("A file of this post is too large for X.", **named)
    return Rejected(f"X refused this: {reason}", **named)


def _seconds_to_wait(answer: Answer) -> float | None:
    """Until the last of the limits that are used up is lifted, by X's own clock. None when X does not say."""
    answered = moment_of_answer(answer.headers.get("date"), datetime.now(UTC))
    used_up = [name for name in _LIMITS if answer.headers.get(f"{name}-remaining") == "0"]
    resets = (answer.headers.get(f"{name}-reset") for name in used_up or _LIMITS[:1])
    waits = [retry_after_seconds(answer.headers.get("retry-after"), answered)]
    waits += [_until(reset, answered) for reset in resets]
    return max((wait for wait in waits if wait is not None), default=None)


def _until(reset: str | None, answered: datetime) -> float | None:
    """Seconds until a moment that is told in seconds since 1970. None if unusable."""
    try:
        return max(0.0, float(reset or "") - answered.timestamp())
    except ValueError:
        return None


def _reason(body: Mapping[str, Any], status: int) -> str:
    """X's own words: of a validation the first error's, else the problem's."""
    errors = body.get("errors")
    first = errors[0] if isinstance(errors, list) and errors else None
    told = first.get("message") if isinstance(first, dict) else None
    return str(told or body.get("detail") or body.get("title") or f"it answered {status}").strip()[:300]  # fmt: skip


_OPERATOR = "X refuses this server at the moment; its operator has been told, and Lin tries again."


def _body(answer: Answer) -> dict[str, Any]:
    try:
        body = answer.json()
    except NoAnswer:
        return {}
    return body if isinstance(body, dict) else {}

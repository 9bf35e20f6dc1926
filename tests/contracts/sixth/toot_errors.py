"""What Toot's answers mean. Source: toot.md, errors."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from ..core.errors import NoAnswer, OutcomeUnknown, Reconnect, Rejected, TryLater
from ..core.ports import Answer
from ..core.retries import moment_of_answer, retry_after_seconds


def raise_for(answer: Answer, *, creating: bool) -> None:
    """Return on 2xx, else raise what the answer means."""
    status, told = answer.status, named(answer)
    if 200 <= status < 300:
        return
    if status == 401:
        raise Reconnect("Toot does not accept the permission any more.", **told)
    if status == 410:
        raise TryLater("This version of Toot's API has ended.", after=3600, operator=True, **told)
    if status == 429:
        raise TryLater("Too many toots.", after=seconds_to_wait(answer), whole_account=True, **told)
    if 400 <= status < 500:
        raise Rejected(f"Toot refused this ({told['error_class']}).", **told)
    if creating:
        raise OutcomeUnknown(f"Toot answered {status}; the toot may be there.", **told)
    raise TryLater(f"Toot answered {status}.", after=seconds_to_wait(answer), **told)


def seconds_to_wait(answer: Answer) -> float | None:
    """Toot's own hint."""
    answered = moment_of_answer(answer.headers.get("date"), datetime.now(UTC))
    return retry_after_seconds(answer.headers.get("retry-after"), answered)


def named(answer: Answer) -> dict[str, Any]:
    """What every error of Toot says of itself."""
    try:
        body = answer.json()
    except NoAnswer:
        body = {}
    code = body.get("code") or body.get("error") if isinstance(body, dict) else None
    return {"error_class": str(code or f"http_{answer.status}")[:50], "http_status": answer.status}


def object_of(answer: Answer) -> dict[str, Any]:
    """The answer's body. Raises NoAnswer when it is no object."""
    body = answer.json()
    if not isinstance(body, dict):
        raise NoAnswer("Toot's answer is no object")
    return body

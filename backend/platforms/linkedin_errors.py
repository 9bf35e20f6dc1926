"""What LinkedIn's refusals mean. Source: LinkedIn API error handling and the Posts API's error table."""

from __future__ import annotations

import logging
import re
from datetime import UTC, datetime
from typing import Any

from ..core.errors import NoAnswer, OutcomeUnknown, Reconnect, Rejected, TryLater
from ..core.ports import Answer
from ..core.retries import moment_of_answer, retry_after_seconds

log = logging.getLogger("lin.platforms.linkedin")

# A Java class name may precede the sentence, and the URN is a share, ugcPost or activity: search, do not anchor.
_DUPLICATE = re.compile(r"duplicate of (urn:li:(?:share|ugcPost|activity):\d+)")
_WAIT_FOR_MEDIA_SECONDS = 10.0
_WAIT_FOR_OPERATOR_SECONDS = 3600.0


def post_url(urn: str) -> str:
    """Where a member sees a post (the address LinkedIn's own share buttons give)."""
    return f"https://www.linkedin.com/feed/update/{urn}/"


def raise_for(answer: Answer, *, creating: bool) -> None:
    """Return on 2xx, else raise what the answer means.

    `creating` is the call that creates the post: there a server error may come after the post was made.
    """
    if 200 <= answer.status < 300:
        return
    body = _body(answer)
    code = str(body.get("code") or "")
    message = str(body.get("message") or "").strip()[:300] or f"LinkedIn answered {answer.status}."
    named: dict[str, Any] = {
        "error_class": code.lower()[:50] or f"http_{answer.status}",
        "http_status": answer.status,
        "request_id": answer.headers.get("x-li-request-id") or answer.headers.get("x-li-uuid"),
    }
    answered = moment_of_answer(answer.headers.get("date"), datetime.now(UTC))
    after = retry_after_seconds(answer.headers.get("retry-after"), answered)
    _raise_for_permission(answer.status, code, message, named)
    _raise_for_waiting(answer.status, code, after, named)
    if 400 <= answer.status < 500:
        _raise_for_content(answer, message, named)
    if creating:
        raise OutcomeUnknown(f"LinkedIn answered {answer.status}; the post may be live.", **named)
    raise TryLater(f"LinkedIn answered {answer.status}.", after=after, **named)


def _raise_for_permission(status: int, code: str, message: str, named: dict[str, Any]) -> None:
    """401 and a denied permission: only the account's owner can mend it, by connecting again."""
    if status == 401:
        raise Reconnect(_UNAUTHORIZED.get(code, _NOT_ACCEPTED), **named)
    if status == 403 and code == "ACCESS_DENIED":
        raise Reconnect(f"LinkedIn denied this: {message} Connect the account again.", **named)


def _raise_for_waiting(status: int, code: str, after: float | None, named: dict[str, Any]) -> None:
    """What was provably not executed and may work later."""
    if status == 426:
        log.error("LinkedIn refuses the configured LINKEDIN_VERSION; set a newer one")
        raise TryLater(_RETIRED, after=_WAIT_FOR_OPERATOR_SECONDS, operator=True, **named)
    if status == 429:
        raise TryLater(
            "LinkedIn's limit for this account is reached.",
            after=after,
            whole_account=True,
            **named,
        )
    if code == "MEDIA_ASSET_WAITING_UPLOAD":
        raise TryLater(_TAKING_IN, after=_WAIT_FOR_MEDIA_SECONDS, **named)
    if status == 409:
        raise TryLater(
            "LinkedIn is busy with another change of this account.", after=after, **named
        )
    if status == 503 and after is not None:
        raise TryLater("LinkedIn is briefly unavailable.", after=after, **named)


def _raise_for_content(answer: Answer, message: str, named: dict[str, Any]) -> None:
    """Refused for good: the same request will be refused again."""
    if duplicate := _DUPLICATE.search(answer.body.decode(errors="replace")):
        named["error_class"] = "duplicate"
        raise Rejected(
            f"LinkedIn has this very post already ({duplicate[1]}); change it, or leave it at that.",
            existing_id=duplicate[1],
            existing_url=post_url(duplicate[1]),
            **named,
        )
    raise Rejected(f"LinkedIn refused this: {message}", **named)


def raise_for_oauth(answer: Answer) -> None:
    """The same for the OAuth endpoints, whose errors are {"error", "error_description"}."""
    if 200 <= answer.status < 300:
        return
    body = _body(answer)
    named: dict[str, Any] = {
        "error_class": str(body.get("error") or f"http_{answer.status}")[:50],
        "http_status": answer.status,
    }
    if answer.status == 429 or answer.status >= 500:
        raise TryLater(f"LinkedIn answered {answer.status}.", **named)
    if named["error_class"] == "invalid_client":
        log.error("LinkedIn does not accept LINKEDIN_CLIENT_ID and LINKEDIN_CLIENT_SECRET")
    raise Rejected(f"LinkedIn refused the connection ({named['error_class']}).", **named)


_NOT_ACCEPTED = "LinkedIn does not accept the account's permission any more; connect it again."
_RETIRED = "This server speaks a retired version of LinkedIn's API; its operator has to update it."
_TAKING_IN = "LinkedIn is still taking in a file of this post."
_UNAUTHORIZED = {
    "EXPIRED_ACCESS_TOKEN": "The permission to publish has expired; connect the account again.",
    "REVOKED_ACCESS_TOKEN": "The permission to publish was withdrawn at LinkedIn; connect the account again.",
}


def _body(answer: Answer) -> dict[str, Any]:
    try:
        body = answer.json()
    except NoAnswer:
        return {}
    return body if isinstance(body, dict) else {}

"""What refusals of Meta's Graph API mean, on Facebook and Instagram alike.

Source: Graph API error handling and rate limits (v24 to v26, 2025-2026). The code and subcode decide, not the HTTP
status: a dead token comes as 400 or 401.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ..core.errors import NoAnswer, OutcomeUnknown, Reconnect, Rejected, TryLater
from ..core.ports import Answer
from ..core.retries import moment_of_answer, retry_after_seconds

log = logging.getLogger("lin.platforms.graph")

TOKEN_CODES = (190, 102)
# of the app, the user, the page; and what one use case may call
LIMIT_CODES = (4, 17, 32, 341, 613, 80001, 80002)
# "unknown" and "service down": whether it was carried out is told by neither
_AMBIGUOUS_CODES = (1, 2)
# what a status means where the body is not Graph's
_TERMINAL_STATUSES = (400, 403, 404, 405, 413, 415, 422, 426)
_WAIT_WITHOUT_HINT_SECONDS = 3600.0
_GONE = "graph_100_33"  # an id that does not exist (any more), or that this token may not see


@dataclass(frozen=True)
class Problem:
    """One refusal. `code` None: the body is not Graph's. `message` is Meta's own sentence, at most 300 characters; `after`
    the seconds it asks to wait; `title` the platform's name for people."""

    title: str
    status: int
    code: int | None
    subcode: int | None
    message: str
    transient: bool
    trace: str | None
    after: float | None

    @property
    def named(self) -> dict[str, Any]:
        """What every error carries."""
        codes = "_".join(str(code) for code in (self.code, self.subcode) if code is not None)
        return {
            "error_class": f"graph_{codes}"[:50] if codes else f"http_{self.status}",
            "http_status": self.status,
            "request_id": self.trace,
        }


# Raises for the codes that mean something of their own on one platform; returns for all others.
Own = Callable[[Problem], None]


def read_problem(answer: Answer, title: str) -> Problem | None:
    """The refusal that an answer holds; None: it holds none. An error may come with any status."""
    body = _body(answer)
    error = body.get("error")
    if 200 <= answer.status < 300 and not error:
        return None
    error = error if isinstance(error, dict) else {}
    words = error.get("error_user_msg") or error.get("message")
    trace = error.get("fbtrace_id")
    return Problem(
        title=title,
        status=answer.status,
        code=_number(error.get("code")),
        subcode=_number(error.get("error_subcode")),
        message=str(words or "").strip()[:300] or f"{title} answered {answer.status}.",
        transient=error.get("is_transient") is True,
        trace=str(trace)[:100] if trace else None,
        after=_wait(answer),
    )


def raise_for(answer: Answer, *, committing: bool, title: str, own: Own | None = None) -> None:
    """Return on success, else raise what the answer means.

    `committing` is a call whose success makes something visible: there only a plain refusal says that nothing was made.
    """
    problem = read_problem(answer, title)
    if problem is None:
        return
    if own is not None:
        own(problem)
    _raise_for_permission(problem)
    _raise_for_limits(problem)
    if problem.code not in _AMBIGUOUS_CODES and not problem.transient:
        _raise_for_good(problem)
    if committing:
        raise OutcomeUnknown(
            f"{title} answered {answer.status}; the post may be live.", **problem.named
        )
    raise TryLater(f"{title} is in trouble: {problem.message}", after=problem.after, **problem.named)  # fmt: skip


def is_gone(error: Rejected) -> bool:
    """Whether a refusal says that the thing asked for does not exist (any more)."""
    return error.error_class == _GONE


def _raise_for_permission(problem: Problem) -> None:
    """A dead token or a permission that is missing: only the account's owner can mend it."""
    code, title = problem.code, problem.title
    if code in TOKEN_CODES or (code is None and problem.status == 401):
        reason = _TOKEN_REASONS.get(problem.subcode or 0, "the permission to publish is gone")
        raise Reconnect(f"{title} says that {reason}; connect the account again.", **problem.named)
    if code is not None and (code == 10 or 200 <= code <= 299):
        raise Reconnect(
            f"{title} says that a permission is missing ({problem.message}). Connect the account again and leave everything ticked.",
            **problem.named,
        )


def _raise_for_limits(problem: Problem) -> None:
    """Over a limit: provably not carried out."""
    if problem.code not in LIMIT_CODES and not (problem.code is None and problem.status == 429):
        return
    if problem.code == 4:
        log.error("Meta's limit for all calls of this app is reached", extra={"platform": problem.title})  # fmt: skip
    raise TryLater(
        f"{problem.title}'s limit for calls is reached; Lin waits until it allows more.",
        after=_WAIT_WITHOUT_HINT_SECONDS if problem.after is None else problem.after,
        whole_account=True,
        **problem.named,
    )


def _raise_for_good(problem: Problem) -> None:
    """Refused for good: any code that is none of the above, and where there is no code the statuses that say so."""
    title, named = problem.title, problem.named
    if problem.code is None and problem.status not in _TERMINAL_STATUSES:
        return
    if problem.code == 3:
        log.error("Meta says that the app lacks a capability", extra={"platform": title, "reason": problem.message})  # fmt: skip
    if problem.code == 368:
        raise Rejected(
            f"{title} blocks this for now because it looks like abuse ({problem.message}). Look at the account's "
            "notices there before anything is sent again.",
            **named,
        )
    raise Rejected(f"{title} refused this: {problem.message}", **named)


def raise_for_oauth(answer: Answer, *, title: str, variables: str) -> None:
    """The same for what turns a code or a token into a token. `variables` names the app's credentials for the operator.
    Meta's words are left out: they may repeat what was sent."""
    problem = read_problem(answer, title)
    if problem is None:
        return
    named = problem.named
    if problem.status == 429 or problem.status >= 500 or problem.transient or problem.code == 2:
        raise TryLater(f"{title} answered {problem.status}.", after=problem.after, **named)
    if problem.code in LIMIT_CODES:
        _raise_for_limits(problem)
    # a wrong secret comes as 1 or as 101
    if problem.code in (1, 101):
        log.error("Meta does not accept the app's credentials (%s)", variables)
    reason = _CODE_REASONS.get(problem.subcode or 0, "it was refused")
    raise Rejected(
        f"{title} did not open the connection: {reason}. Start connecting again.", **named
    )


_TOKEN_REASONS = {
    458: "the app was removed",
    459: "a security check is waiting there, to be passed first",
    460: "the password was changed",
    463: "the permission has expired",
    464: "the user has to be confirmed there first",
    467: "the permission was withdrawn",
    492: "the user has no role on this page any more",
}
# 36007 and 36008 are seen, not documented
_CODE_REASONS = {
    36007: "the code has expired",
    36008: "the redirect address is another one",
    36009: "the code was used already",
}


def _wait(answer: Answer) -> float | None:
    """The seconds to wait: `estimated_time_to_regain_access` (minutes, of several use cases the longest). A Retry-After is
    not documented; where there is one it counts. None without either."""
    minutes = [
        float(entry["estimated_time_to_regain_access"])
        for entries in _json(answer.headers.get("x-business-use-case-usage")).values()
        for entry in (entries if isinstance(entries, list) else ())
        if isinstance(entry, dict)
        and isinstance(entry.get("estimated_time_to_regain_access"), int | float)
    ]
    if minutes and max(minutes) > 0:
        return 60.0 * max(minutes)
    answered = moment_of_answer(answer.headers.get("date"), datetime.now(UTC))
    return retry_after_seconds(answer.headers.get("retry-after"), answered)


def _json(text: str | None) -> Mapping[str, Any]:
    try:
        value = json.loads(text or "{}")
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _body(answer: Answer) -> dict[str, Any]:
    try:
        body = answer.json()
    except NoAnswer:
        return {}
    return body if isinstance(body, dict) else {}


def _number(value: Any) -> int | None:
    """A code, which old answers also write as text."""
    try:
        return int(value)
    except (TypeError, ValueError):
        return None

"""What TikTok's refusals mean. Source: TikTok for Developers, OAuth v2 and Content Posting API (2026-09).

Every answer of the API says in its body whether it worked (`error.code`), some refusals come with the status 200.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import Any

from ..core.errors import NoAnswer, OutcomeUnknown, Reconnect, Rejected, TryLater
from ..core.ports import Answer
from ..core.retries import moment_of_answer, retry_after_seconds

log = logging.getLogger("lin.platforms.tiktok")

# the limits of a minute slide; no header says when they end
_WAIT_FOR_MINUTE_SECONDS = 60.0
_WAIT_FOR_DAY_SECONDS = 24 * 3600.0
# statuses that say the request was refused, whatever the body says
_REFUSALS = (400, 403, 404, 405, 413, 415, 422, 426)
# OAuth words that mean "not now" (RFC 6749, 4.1.2.1) and those that are about the server's app
_NOT_NOW = ("server_error", "temporarily_unavailable")
_OF_THE_APP = ("invalid_client", "unauthorized_client")


def data_of(answer: Answer, *, creating: bool) -> dict[str, Any]:
    """The `data` of an answer that says "ok", else raises what it means.

    `creating` is the call whose success may be seen: there only a documented refusal proves that nothing came of it. Raises
    NoAnswer for a success without a readable body.
    """
    success = 200 <= answer.status < 300
    body = answer.json() if success else _body(answer)
    error = body.get("error") if isinstance(body, dict) else None
    error = error if isinstance(error, dict) else {}
    code = str(error.get("code") or "")
    if success and code == "ok":
        data = body.get("data")
        return data if isinstance(data, dict) else {}
    if success and not code:
        raise NoAnswer("TikTok's answer does not say whether it worked")
    said = str(error.get("message") or "").strip()[:300] or code or f"status {answer.status}"
    named: dict[str, Any] = {
        "error_class": code.lower()[:50] or f"http_{answer.status}",
        "http_status": answer.status,
        "request_id": str(error.get("log_id") or "")[:100] or None,
    }
    _raise_for_permission(answer.status, code, said, named)
    _raise_for_waiting(answer, code, named)
    if code in _REFUSED or code.startswith("spam_risk") or answer.status in _REFUSALS:
        _raise_for_content(code, said, named)
    if creating:
        raise OutcomeUnknown(f"TikTok answered with {said}; the post may be live.", **named)
    raise TryLater(f"TikTok answered with {said}.", after=_hint(answer), **named)


def _raise_for_permission(status: int, code: str, said: str, named: dict[str, Any]) -> None:
    """Only the account's owner can mend it, by connecting again (a token may be refreshed first: the core does)."""
    if code == "scope_not_authorized":
        raise Reconnect(
            "The account has not allowed what this needs; connect it again and leave every permission ticked.",
            **named,
        )
    if status == 401 or code == "access_token_invalid":
        named["http_status"] = 401  # what the core goes by, should it come with another
        raise Reconnect(
            "TikTok does not accept the account's permission any more; connect it again.", **named
        )


def _raise_for_waiting(answer: Answer, code: str, named: dict[str, Any]) -> None:
    """What was provably not executed and may work later. The limits are those of an account's token."""
    hint = _hint(answer)
    if code in _FOR_A_DAY:
        raise TryLater(
            _FOR_A_DAY[code],
            after=_WAIT_FOR_DAY_SECONDS if hint is None else hint,
            whole_account=True,
            **named,
        )
    if answer.status == 429 or code == "rate_limit_exceeded":
        raise TryLater(
            "TikTok's limit for this account is reached.",
            after=max(_WAIT_FOR_MINUTE_SECONDS, hint or 0.0),
            whole_account=True,
            **named,
        )


def _raise_for_content(code: str, said: str, named: dict[str, Any]) -> None:
    """Refused for good: the same request will be refused again."""
    if code in _FOR_THE_OPERATOR:
        log.error("TikTok refuses this server's app", extra={"code": code, "said": said})
    raise Rejected(_REFUSED.get(code) or f"TikTok refused this: {said}", **named)


def raise_for_oauth(answer: Answer) -> None:
    """The same for the OAuth endpoints, whose errors are {"error", "error_description", "log_id"}; whether they come with
    an error's status is not confirmed, so the word decides."""
    body = _body(answer)
    told = body.get("error")
    word = str((told.get("code") if isinstance(told, dict) else told) or "")
    success = 200 <= answer.status < 300
    if success and word in ("", "ok"):
        return
    named: dict[str, Any] = {
        "error_class": word[:50] or f"http_{answer.status}",
        # None where a refusal came as a success: nobody shall take it for one
        "http_status": None if success else answer.status,
        "request_id": str(body.get("log_id") or "")[:100] or None,
    }
    if answer.status == 429 or answer.status >= 500 or word in _NOT_NOW:
        raise TryLater("TikTok does not answer just now.", after=_hint(answer), **named)
    if word in _OF_THE_APP:
        log.error("TikTok does not accept TIKTOK_CLIENT_KEY and TIKTOK_CLIENT_SECRET")
    raise Rejected(f"TikTok refused the connection ({named['error_class']}).", **named)


# ------------------------------------------------------------------------------------ uploads


class UploadLost(TryLater):
    """The upload cannot go on (its address ended, or the parts are out of step); nothing of it is published."""


def raise_for_part(answer: Answer, *, last: bool) -> None:
    """Return when a part of a video was taken, else raise what the answer means. The last part makes the post: there what
    is not a documented refusal leaves it unknown."""
    status = answer.status
    if 200 <= status < 300 and not (last and status == 206):
        return
    named: dict[str, Any] = {"error_class": f"upload_{status}", "http_status": status}
    if status in (403, 404, 416):
        raise UploadLost("The upload to TikTok has to begin again.", after=1.0, **named)
    if status == 429:
        raise TryLater(
            "TikTok's limit for this account is reached.",
            after=max(_WAIT_FOR_MINUTE_SECONDS, _hint(answer) or 0.0),
            whole_account=True,
            **named,
        )
    if status in _REFUSALS:
        raise Rejected(f"TikTok refused a part of the video (status {status}).", **named)
    if last:
        raise OutcomeUnknown(
            f"TikTok answered {status} to the end of the video; the post may be live.", **named
        )
    raise TryLater(f"TikTok answered {status} to a part of the video.", after=_hint(answer), **named)  # fmt: skip


# ------------------------------------------------------------------------------------ what became of it


def may_be_sent_again(reason: str) -> bool:
    """Whether a publication that failed for this reason may be tried again: TikTok's own fault, or its download's."""
    return reason in ("internal", "video_pull_failed", "photo_pull_failed")


def failure(reason: str) -> Rejected:
    """A publication that TikTok took and then failed for good, in the user's words."""
    words = _FAILED.get(reason)
    if words is None and reason.startswith("spam_risk"):
        words = "TikTok's protection against spam refused this post; see in TikTok's app why."
    return Rejected(
        words or f"TikTok could not publish this ({reason[:100] or 'no reason given'}).",
        error_class=(reason or "failed")[:50],
    )


def _hint(answer: Answer) -> float | None:
    """Seconds that the answer asks to wait. TikTok documents no such header; one that comes is heeded."""
    answered = moment_of_answer(answer.headers.get("date"), datetime.now(UTC))
    return retry_after_seconds(answer.headers.get("retry-after"), answered)


def _body(answer: Answer) -> dict[str, Any]:
    try:
        body = answer.json()
    except NoAnswer:
        return {}
    return body if isinstance(body, dict) else {}


_FOR_A_DAY = {
    "spam_risk_too_many_posts": "This account has published as much as TikTok allows in a day.",
    "spam_risk_too_many_pending_share": "Too many drafts wait in this account's inbox in TikTok's app.",
    "reached_active_user_cap": "Until TikTok has audited this server's app, five accounts a day may publish with it.",
}
# Codes that are refusals with whatever status; an empty text: TikTok's own sentence is used.
_REFUSED = {
    "invalid_param": "",
    "invalid_params": "",
    "invalid_publish_id": "",
    "token_not_authorized_for_specified_publish_id": "",
    "publish_not_cancellable": "",
    "invalid_file_upload": "",
    "app_version_check_failed": "The TikTok app of this account's owner is too old for this; update it and try again.",
    "scope_permission_missed": "This server's TikTok app lacks a permission that this needs; its operator has to ask TikTok for it.",
    "spam_risk_user_banned_from_posting": "TikTok does not let this account publish; see in TikTok's app why.",
    "unaudited_client_can_only_post_to_private_accounts": (
        "TikTok has not audited this server's app: it publishes only to accounts that are private, and only with the privacy "
        "level SELF_ONLY. Set the account to private in TikTok's app and try again."
    ),
    "url_ownership_unverified": (
        "The address from which TikTok would fetch the pictures is not verified there; this server's operator has to do that."
    ),
    "privacy_level_option_mismatch": "TikTok does not offer this account the chosen privacy level; choose one that it offers.",
}
_FOR_THE_OPERATOR = ("scope_permission_missed", "url_ownership_unverified")
_FAILED = {
    "file_format_check_failed": "TikTok does not take the format of this file; it takes MP4, MOV and WebM.",
    "duration_check_failed": "The video is longer or shorter than TikTok takes from this account.",
    "frame_rate_check_failed": "TikTok takes videos of 23 to 60 pictures a second; this one has others.",
    "picture_size_check_failed": "The width or height of this file is not one that TikTok takes.",
    "publish_cancelled": "The publication was canceled at TikTok.",
    "auth_removed": "The account's owner took the permission back at TikTok while the post was being published.",
}

"""TikTok's envelope: every API answer carries ``error``, ``ok`` included (platform facts 5.2, 5.4)."""

from __future__ import annotations

import json
import secrets
from typing import Any

from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException
from werkzeug.routing import RequestRedirect

_STATUSES = {
    "invalid_param": 400,
    "invalid_params": 400,
    "invalid_publish_id": 400,
    "token_not_authorized_for_specified_publish_id": 400,
    "publish_not_cancellable": 400,
    "access_token_invalid": 401,
    "scope_not_authorized": 401,
    "spam_risk_too_many_posts": 403,
    "spam_risk_too_many_pending_share": 403,
    "spam_risk_user_banned_from_posting": 403,
    "reached_active_user_cap": 403,
    "unaudited_client_can_only_post_to_private_accounts": 403,
    "url_ownership_unverified": 403,
    "privacy_level_option_mismatch": 403,
    "rate_limit_exceeded": 429,
}


class TikTokError(Exception):
    """An answer with another code than ``ok``; the status follows from the code unless given."""

    def __init__(self, code: str, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.status = status or _STATUSES[code]


def invalid(field: str, why: str) -> TikTokError:
    """A value TikTok does not take."""
    return TikTokError("invalid_params", f"{field}: {why}")


def log_id() -> str:
    """What TikTok's support asks for."""
    return secrets.token_hex(17).upper()


def envelope(data: dict[str, Any], code: str = "ok", message: str = "") -> dict[str, Any]:
    """The body of every API answer."""
    return {"data": data, "error": {"code": code, "message": message, "log_id": log_id()}}


def answer(code: str, message: str, status: int) -> Response:
    """An error as a JSON response."""
    body = json.dumps(envelope({}, code, message))
    return Response(body, status, content_type="application/json; charset=utf-8")


def of_status(status: int) -> dict[str, Any]:
    """The body an ordered status comes with; what else 403 may mean is up to who orders it."""
    codes = {401: "access_token_invalid", 403: "spam_risk_user_banned_from_posting"}
    codes |= {429: "rate_limit_exceeded"}
    if status < 400:
        return envelope({})
    code = "internal_error" if status >= 500 else codes.get(status, "invalid_params")
    return envelope({}, code, "as ordered")


def install(app: Flask) -> None:
    """Every error in the envelope; a path without its slash at the end is not there."""

    @app.before_request
    def _no_helpful_redirects() -> Response | None:
        if isinstance(request.routing_exception, RequestRedirect):
            return answer("invalid_params", "there is no such path", 404)
        return None

    @app.errorhandler(TikTokError)
    def _ours(error: TikTokError) -> Response:
        return answer(error.code, str(error), error.status)

    @app.errorhandler(HTTPException)
    def _of_the_framework(error: HTTPException) -> Response:
        return answer("invalid_params", error.name, error.code or 500)

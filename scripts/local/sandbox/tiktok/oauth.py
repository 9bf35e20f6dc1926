"""The part of OAuth programs see: tokens and their end (platform facts 5.1)."""

from __future__ import annotations

import hashlib
from typing import Any

from flask import Blueprint, Response, request

from .errors import log_id
from .state import State
from .tokens import CODE_SECONDS, App, Token


class OAuthError(Exception):
    """``{"error": …, "error_description": …, "log_id": …}``."""

    def __init__(self, error: str, description: str) -> None:
        super().__init__(description)
        self.error = error


def blueprint(state: State) -> Blueprint:
    """Token endpoints."""
    views = Blueprint("oauth", __name__)

    @views.errorhandler(OAuthError)
    def failed(error: OAuthError) -> tuple[dict[str, str], int]:
        body = {"error": error.error, "error_description": str(error), "log_id": log_id()}
        return body, state.oauth_error_status

    @views.post("/v2/oauth/token/")
    def token() -> dict[str, Any]:
        grant = _form("grant_type")
        if grant == "authorization_code":
            return _exchange(state)
        if grant == "refresh_token":
            return _refresh(state)
        raise OAuthError("unsupported_grant_type", f"grant_type {grant!r} is not supported")

    @views.post("/v2/oauth/revoke/")
    def revoke() -> Response:
        app, text = _client(state), _form("token")
        found = state.grants.tokens.get(text)
        if found is None or found.app is not app:
            raise OAuthError("invalid_request", "token is not known")
        found.grant.revoked = True
        return Response(status=200)

    return views


def _form(name: str) -> str:
    # Row 2: a JSON body, or none that is a form.
    if request.mimetype != "application/x-www-form-urlencoded":
        message = "Only application/x-www-form-urlencoded is supported as Content-Type."
        raise OAuthError("invalid_request", message)
    value = request.form.get(name)
    if not value:
        raise OAuthError("invalid_request", f"{name} is missing")
    return value


def _client(state: State) -> App:
    """Row 2."""
    key, secret = _form("client_key"), _form("client_secret")
    app = state.grants.apps.get(key)
    if app is None or app.client_secret != secret:
        raise OAuthError("invalid_client", "Client key or secret is incorrect.")
    return app


def _exchange(state: State) -> dict[str, Any]:
    """Rows 2 and 3: a code that is still percent-encoded is simply another text."""
    app, redirect_uri = _client(state), _form("redirect_uri")
    code = state.grants.codes.get(_form("code"))
    if code is None or code.used or code.grant.app is not app:
        raise OAuthError("invalid_grant", "Authorization code is invalid or used.")
    now = state.now(code.member)
    if now > code.issued + CODE_SECONDS:
        raise OAuthError("invalid_grant", "Authorization code is expired.")
    if code.redirect_uri != redirect_uri:
        raise OAuthError("invalid_grant", "redirect_uri is not the one of the authorization.")
    if code.challenge is not None:
        proof = hashlib.sha256(_form("code_verifier").encode()).hexdigest()
        if proof != code.challenge:
            raise OAuthError("invalid_grant", "Code verifier or code challenge is invalid.")
    if not state.grants.use_code(code):
        raise OAuthError("invalid_grant", "Authorization code is invalid or used.")
    return _answer(state, state.grants.new_refresh_token(code.grant, now), now)


def _refresh(state: State) -> dict[str, Any]:
    """The next refresh token usually differs, and then the old one is spent. It lives as long as
    the first would have."""
    app = _client(state)
    old = state.grants.tokens.get(_form("refresh_token"))
    if old is None or not old.refresh or old.app is not app or app.refuses_refresh:
        raise OAuthError("invalid_grant", "Refresh token is invalid or expired.")
    now = state.now(old.member)
    if not state.rotates_refresh and old.lives(now):
        return _answer(state, old, now)
    if not state.grants.use_refresh_token(old, now):
        raise OAuthError("invalid_grant", "Refresh token is invalid or expired.")
    return _answer(state, state.grants.new_refresh_token(old.grant, now, old.expires), now)


def _answer(state: State, refresh: Token, now: float) -> dict[str, Any]:
    access = state.grants.new_token(refresh.grant, now)
    return {
        "open_id": state.subject(access.app, access.member),
        "scope": ",".join(access.grant.scopes),
        "access_token": access.text,
        "expires_in": int(access.expires - now),
        "refresh_token": refresh.text,
        "refresh_expires_in": int(refresh.expires - now),
        "token_type": "Bearer",
    }

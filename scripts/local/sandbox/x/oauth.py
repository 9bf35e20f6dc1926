"""The part of OAuth programs see: token, refresh, revoke (platform facts 2.1)."""

from __future__ import annotations

import re
import secrets
from typing import Any

from flask import Blueprint, request

from .errors import OAuthError
from .state import State
from .tokens import CODE_SECONDS, App, Token

_BAD_CODE = "Value passed for the authorization code was invalid."
_BAD_TOKEN = "Value passed for the token was invalid."  # noqa: S105 - a message
_VERIFIER = r"[A-Za-z0-9._~-]{43,128}"


def blueprint(state: State) -> Blueprint:
    """Token endpoints."""
    views = Blueprint("oauth", __name__)

    @views.post("/2/oauth2/token")
    def token() -> dict[str, Any]:
        grant = _form("grant_type")
        if grant == "authorization_code":
            return _exchange(state)
        if grant == "refresh_token":
            return _refresh(state)
        raise OAuthError("unsupported_grant_type", f"grant_type {grant!r} is not supported")

    @views.post("/2/oauth2/revoke")
    def revoke() -> dict[str, Any]:
        return _revoke(state)

    return views


def _form(name: str) -> str:
    # Row 4: JSON leaves no form.
    if request.mimetype != "application/x-www-form-urlencoded":
        message = "Content-Type must be application/x-www-form-urlencoded"
        raise OAuthError("invalid_request", message)
    value = request.form.get(name)
    if not value:
        raise OAuthError("invalid_request", f"Missing required parameter [{name}].")
    return value


def _client(state: State) -> App:
    """Row 3: a confidential client shows itself by HTTP Basic, a public one in the body."""
    basic = request.authorization
    if basic is not None and basic.type == "basic":
        app = state.grants.apps.get(basic.username or "")
        right = app and app.confidential
        if app and right and secrets.compare_digest(app.client_secret, basic.password or ""):
            return app
        raise OAuthError("unauthorized_client", "Missing valid authorization header", 401)
    app = state.grants.apps.get(request.form.get("client_id", ""))
    if app is None or app.confidential or basic is not None:
        raise OAuthError("unauthorized_client", "Missing valid authorization header", 401)
    return app


def _exchange(state: State) -> dict[str, Any]:
    """Row 2. A try that fails does not use the code up: nothing is documented about that."""
    text, redirect_uri, verifier = _form("code"), _form("redirect_uri"), _form("code_verifier")
    app = _client(state)
    code = state.grants.codes.get(text)
    if code is None or code.used or code.app.client_id != app.client_id:
        raise OAuthError("invalid_request", _BAD_CODE)
    if state.now(code.member) > code.issued + CODE_SECONDS:
        raise OAuthError("invalid_request", _BAD_CODE)
    if code.redirect_uri != redirect_uri:
        raise OAuthError(
            "invalid_request",
            "Value passed for the redirect uri did not match the uri of the authorization code.",
        )
    if not re.fullmatch(_VERIFIER, verifier) or not code.proven_by(verifier):
        raise OAuthError(
            "invalid_request",
            "Value passed for the code verifier did not match the code challenge.",
        )
    if not state.grants.use_once(code):
        raise OAuthError("invalid_request", _BAD_CODE)
    return _answer(*state.issue(code))


def _refresh(state: State) -> dict[str, Any]:
    """Rows 5 and 6. The old refresh token is dead once the answer is made, read or not."""
    text = _form("refresh_token")
    app = _client(state)
    token = state.grants.tokens.get(text)
    if (
        token is None
        or not token.refresh
        or token.revoked
        or token.app.client_id != app.client_id
        or token.expires <= state.now(token.member)
        or not state.grants.use_once(token)
    ):
        raise OAuthError("invalid_request", _BAD_TOKEN)
    return _answer(*state.issue(token))


def _revoke(state: State) -> dict[str, Any]:
    """With a refresh token the whole consent ends, with an access token that one only (RFC 7009;
    X does not say). An unknown token is revoked already, so that is a success."""
    text = _form("token")
    app = _client(state)
    token = state.grants.tokens.get(text)
    if token is not None and token.app.client_id == app.client_id:
        for each in state.grants.of_grant(token.grant) if token.refresh else [token]:
            each.revoked = True
    return {"revoked": True}


def _answer(access: Token, refresh: Token | None) -> dict[str, Any]:
    body: dict[str, Any] = {
        "token_type": "bearer",
        "expires_in": int(access.expires - access.issued),
        "access_token": access.text,
        "scope": " ".join(access.scopes),
    }
    return body | ({"refresh_token": refresh.text} if refresh else {})

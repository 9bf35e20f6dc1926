"""The part of OAuth programs see: exchanges and inspection (platform facts 3.1)."""

from __future__ import annotations

from typing import Any

from flask import Blueprint

from local.sandbox.graph.errors import GraphError, bad_parameter
from local.sandbox.graph.gateway import asked_version, authenticate, ended, subcode_of
from local.sandbox.graph.parameters import parameters
from local.sandbox.graph.tokens import DAY, LONG_SECONDS, SHORT_SECONDS, Token

from .state import FacebookApp, FacebookState

#: "Minutes"; how many is not documented.
CODE_SECONDS = 10 * 60
_INACTIVITY_SECONDS = 90 * DAY


def blueprint(state: FacebookState) -> Blueprint:
    """Token endpoints."""
    views = Blueprint("oauth", __name__)

    @views.route("/oauth/access_token", methods=["GET", "POST"])
    def access_token() -> dict[str, Any]:
        asked_version(state)
        grant = parameters().text("grant_type", "authorization_code")
        if grant == "fb_exchange_token":
            return _prolong(state)
        if grant != "authorization_code":
            raise bad_parameter(f"Unsupported grant_type {grant!r}")
        return _exchange(state)

    @views.get("/debug_token")
    def debug_token() -> dict[str, Any]:
        asked_version(state)
        return {"data": _described(state)}

    return views


def _client(state: FacebookState) -> FacebookApp:
    """Row 2. An unknown app is code 101, a wrong secret code 1."""
    client_id = parameters().text("client_id")
    if not client_id:
        raise GraphError(101, "Missing client_id parameter.")
    app = state.grants.apps.get(client_id)
    if app is None:
        raise GraphError(101, "Error validating application. Invalid application ID.")
    if parameters().text("client_secret") != app.client_secret:
        raise GraphError(1, "Error validating client secret.")
    return app


def _exchange(state: FacebookState) -> dict[str, Any]:
    """Row 2. Subcodes 36007 and 36008 are unconfirmed."""
    app = _client(state)
    code = state.grants.codes.get(parameters().text("code"))
    if code is None or code.app is not app:
        raise GraphError(100, "Invalid verification code format.")
    if code.redirect_uri != parameters().text("redirect_uri"):
        message = (
            "Error validating verification code. Please make sure your redirect_uri is identical "
            "to the one you used in the OAuth dialog request"
        )
        raise GraphError(100, message, 36008)
    if code.used or not state.grants.use_code(code):
        raise GraphError(100, "This authorization code has been used.", 36009)
    now = state.now(code.member)
    if now >= code.issued + CODE_SECONDS:
        raise GraphError(100, "This authorization code has expired.", 36007)
    token = state.grants.new_token(app, code.member, "user", now, expires=now + SHORT_SECONDS)
    return {"access_token": token.text, "token_type": "bearer", "expires_in": SHORT_SECONDS}


def _prolong(state: FacebookState) -> dict[str, Any]:
    """Row 3."""
    app = _client(state)
    token = state.grants.tokens.get(parameters().text("fb_exchange_token"))
    if token is None or token.app is not app or token.kind != "user":
        raise GraphError(190, "Invalid OAuth access token.")
    problem = subcode_of(state, token)
    if problem is not None:
        raise ended(state, token, problem)
    now = state.now(token.member)
    longer = state.grants.new_token(
        app, token.member, "user", now, expires=now + LONG_SECONDS, long_lived=True
    )
    body: dict[str, Any] = {"access_token": longer.text, "token_type": "bearer"}
    return body | ({"expires_in": LONG_SECONDS} if app.answers_expires_in else {})


def _described(state: FacebookState) -> dict[str, Any]:
    asking = parameters().text("access_token")
    app_id, _, secret = asking.partition("|")
    app = state.grants.apps.get(app_id)
    if not secret:
        app = authenticate(state, asking).app
    elif app is None or app.client_secret != secret:
        raise GraphError(190, "Invalid OAuth access token signature.")
    if not parameters().has("input_token"):
        raise bad_parameter("The parameter input_token is required")
    token = state.grants.tokens.get(parameters().text("input_token"))
    if token is None:
        error = {"code": 190, "message": "Invalid OAuth access token."}
        return {"error": error, "is_valid": False, "scopes": []}
    if token.app is not app:
        message = "(#100) The App_id in the input_token did not match the Viewing App"
        raise GraphError(100, message)
    return _facts(state, token)


def _facts(state: FacebookState, token: Token[FacebookApp]) -> dict[str, Any]:
    granted = state.grants.granted(token.app, token.member)
    scopes = [name for name, status in granted.permissions.items() if status == "granted"]
    pages = [page.id for page in state.granted_pages(token)]
    facts: dict[str, Any] = {
        "app_id": token.app.client_id,
        "type": token.kind.upper(),
        "application": token.app.name,
        "data_access_expires_at": int(token.issued) + _INACTIVITY_SECONDS,
        # 0 stands for never.
        "expires_at": int(token.expires or 0),
        "is_valid": True,
        "issued_at": int(token.issued),
        "scopes": scopes,
        "granular_scopes": [
            {"scope": scope, "target_ids": pages}
            if scope.startswith("pages_")
            else {"scope": scope}
            for scope in scopes
        ],
        "user_id": state.user_id(token.app, token.member),
    }
    if token.page:
        facts["profile_id"] = token.page
    problem = subcode_of(state, token)
    if problem is not None:
        message = ended(state, token, problem).message
        facts["is_valid"] = False
        facts["error"] = {"code": 190, "message": message, "subcode": problem}
    return facts

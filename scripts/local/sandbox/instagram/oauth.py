"""``api.instagram.com``: a code becomes a token of one hour (platform facts 4.1, product B)."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, request

from local.sandbox.graph.tokens import HOUR, SHORT_SECONDS

from .state import InstagramState

CODE_SECONDS = HOUR


class FlatError(Exception):
    """``{"error_type", "code", "error_message"}``, not the Graph API's envelope."""


def blueprint(state: InstagramState) -> Blueprint:
    """The code exchange."""
    views = Blueprint("oauth", __name__)

    @views.errorhandler(FlatError)
    def failed(error: FlatError) -> tuple[dict[str, Any], int]:
        return {"error_type": "OAuthException", "code": 400, "error_message": str(error)}, 400

    @views.post("/oauth/access_token")
    def access_token() -> dict[str, Any]:
        return _exchange(state)

    return views


def _form(name: str) -> str:
    # Form or multipart; JSON leaves no form.
    value = request.form.get(name)
    if not value:
        raise FlatError(f"Missing required field {name}")
    return value


def _exchange(state: InstagramState) -> dict[str, Any]:
    """Row 1."""
    app = state.grants.apps.get(_form("client_id"))
    if app is None:
        raise FlatError("Invalid platform app")
    if _form("client_secret") != app.client_secret:
        raise FlatError("Error validating client secret.")
    if _form("grant_type") != "authorization_code":
        raise FlatError("Invalid grant_type: must be authorization_code")
    code = state.grants.codes.get(_form("code"))
    redirect_uri = _form("redirect_uri")
    now = state.now(code.member) if code else 0.0
    if code is None or code.app is not app or code.used or now >= code.issued + CODE_SECONDS:
        raise FlatError("Matching code was not found or was already used")
    if code.redirect_uri != redirect_uri:
        raise FlatError(
            "Error validating verification code. Please make sure your redirect_uri is identical "
            "to the one you used in the OAuth dialog request"
        )
    if not state.grants.use_code(code):
        raise FlatError("Matching code was not found or was already used")
    expires = now + SHORT_SECONDS
    token = state.grants.new_token(app, code.member, "instagram", now, expires=expires)
    granted = state.grants.granted(app, code.member).permissions
    names = [name for name, status in granted.items() if status == "granted"]
    body = {
        "access_token": token.text,
        # The app's id of the person: not the account's id that publishing needs.
        "user_id": int(state.scoped_id(app, code.member)),
        "permissions": names if app.permissions_as_list else ",".join(names),
    }
    return {"data": [body]} if app.wraps_data else body

"""``graph.instagram.com``: from one hour to sixty days, and sixty more (facts 4.1, product B)."""

from __future__ import annotations

from typing import Any

from flask import Blueprint

from local.sandbox.graph.errors import bad_parameter
from local.sandbox.graph.gateway import asked_version, authenticate
from local.sandbox.graph.parameters import parameters
from local.sandbox.graph.tokens import DAY, LONG_SECONDS, Token

from .state import InstagramApp, InstagramState


def blueprint(state: InstagramState) -> Blueprint:
    """Exchange and refresh; both by GET, with the token in the query."""
    views = Blueprint("refreshing", __name__)

    @views.get("/access_token")
    def exchange() -> dict[str, Any]:
        token = _token(state, "ig_exchange_token")
        if parameters().text("client_secret") != token.app.client_secret:
            raise bad_parameter("Error validating client secret.")
        if token.long_lived:
            # Not documented; strict.
            raise bad_parameter("The access token is long-lived already.")
        return _long(state, token, again=False)

    @views.get("/refresh_access_token")
    def refresh() -> dict[str, Any]:
        """Row 2: at least 24 hours old and not expired."""
        token = _token(state, "ig_refresh_token")
        age = state.now(token.member) - token.issued
        if not token.long_lived or age < DAY:
            raise bad_parameter(
                "Only long-lived tokens that are at least 24 hours old are refreshed."
            )
        return _long(state, token, again=True)

    return views


def _token(state: InstagramState, grant: str) -> Token[InstagramApp]:
    asked_version(state)
    if parameters().text("grant_type") != grant:
        raise bad_parameter(f"grant_type must be {grant}")
    return authenticate(state, parameters().text("access_token"))


def _long(state: InstagramState, token: Token[InstagramApp], *, again: bool) -> dict[str, Any]:
    now = state.now(token.member)
    expires = now + LONG_SECONDS
    if again and not state.settings.get("refresh_gives_new_token", token.member):
        token.issued, token.expires = now, expires
    else:
        token = state.grants.new_token(
            token.app, token.member, "instagram", now, expires=expires, long_lived=True
        )
    return {"access_token": token.text, "token_type": "bearer", "expires_in": LONG_SECONDS}

"""What every API call passes first: token, then scope, then limit (platform facts 5.2 and 5.4)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

from flask import g, request

from .errors import TikTokError, invalid
from .state import State
from .tokens import App, Token


@dataclass(frozen=True)
class Session:
    """The caller of one request."""

    state: State
    token: Token
    subject: str

    @property
    def app(self) -> App:
        """The developer app the token was given to."""
        return self.token.app

    @property
    def member(self) -> str:
        """The sandbox's id of the member."""
        return self.token.member

    @property
    def now(self) -> float:
        """Seconds since the epoch on the member's clock."""
        return self.state.now(self.member)

    def require(self, *any_of: str) -> None:
        """Row 5: 401 unless one of these scopes was granted."""
        if not set(any_of) & set(self.token.grant.scopes):
            raise TikTokError(
                "scope_not_authorized",
                f"The user did not authorize the scope required: {' or '.join(any_of)}",
            )

    def spend(self, what: str, limit: int) -> None:
        """Row 16. Documented per token; here all tokens of one grant giver count together, so
        that refreshing is no way round. No headers tell when it ends.

        A refused request counts when it came this far, but not the 429 itself.
        """
        key = f"{what}/{self.app.client_id}/{self.member}"
        if not self.state.limits.spend(key, limit, self.now):
            raise TikTokError("rate_limit_exceeded", f"more than {limit} requests in a minute")


def session() -> Session:
    """The session of the current request."""
    return cast("Session", g.session)


def bearer(authorization: str | None) -> str | None:
    """The token of an Authorization header."""
    scheme, _, text = (authorization or "").partition(" ")
    return text.strip() if scheme.lower() == "bearer" and text.strip() else None


def enter(state: State) -> None:
    """Row 4, before every view; leaves a Session behind."""
    token = state.grants.tokens.get(bearer(request.headers.get("Authorization")) or "")
    if token is None or token.refresh or not token.lives(state.now(token.member)):
        message = "The access token is invalid or not found in the request."
        raise TikTokError("access_token_invalid", message)
    g.session = Session(state, token, state.subject(token.app, token.member))


def json_object(*, empty: bool = False) -> dict[str, Any]:
    """The body as an object; with ``empty`` it may be missing.

    Documented is ``application/json; charset=UTF-8``. The charset may be left out, since JSON has
    no other; another one is refused.
    """
    if empty and not request.get_data():
        return {}
    charset = request.mimetype_params.get("charset", "utf-8")
    if request.mimetype != "application/json" or charset.lower() != "utf-8":
        raise invalid("Content-Type", "must be application/json; charset=UTF-8")
    body = request.get_json(silent=True)
    if not isinstance(body, dict):
        raise invalid("body", "is not a JSON object")
    return body

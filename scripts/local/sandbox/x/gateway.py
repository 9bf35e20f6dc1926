"""What every API call passes first: token, caps, limits; and the headers it leaves with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from flask import Flask, Response, g, request

from .errors import (
    XError,
    forbidden,
    invalid_many,
    problem,
    unauthorized,
    unsupported_authentication,
)
from .limits import CREATES_PER_APP, DAY, OTHERS, PER_USER, QUARTER, Spent
from .state import State
from .tokens import App, Token


@dataclass(frozen=True)
class Session:
    """The member who calls, with the token."""

    token: Token
    member: str
    subject: str

    @property
    def app(self) -> App:
        """The developer app the token was given to."""
        return self.token.app


def session(*scopes: str) -> Session:
    """The session of the current request.

    Raises XError 403: rows 8 (an app-only token acts for nobody) and 9 (a scope is missing).
    """
    if g.session is None:
        raise unsupported_authentication()
    me = cast("Session", g.session)
    if not me.token.allows(*scopes):
        raise forbidden()
    return me


def writer(state: State, *scopes: str) -> Session:
    """The session of a call that changes something. Raises XError 403 for a suspended account."""
    me = session(*scopes)
    if state.setting("suspended", me.member):
        raise forbidden("Your account is suspended and is not permitted to perform this action.")
    return me


def bearer(authorization: str | None) -> str | None:
    """The token of an Authorization header."""
    scheme, _, text = (authorization or "").partition(" ")
    return text.strip() if scheme.lower() == "bearer" and text.strip() else None


def install(app: Flask, state: State) -> None:
    """Judge every request before its view, and tell of the limits on every answer to a member."""

    @app.before_request
    def _enter() -> None:
        g.headers = {}
        # The token endpoints have their own way to tell who calls.
        if request.blueprint != "oauth":
            _judge(state)

    @app.after_request
    def _leave(response: Response) -> Response:
        response.headers.update(g.headers)
        return response


def _judge(state: State) -> None:
    token = _authenticated(state)
    g.session = None
    if token.member is not None:
        g.session = Session(token, token.member, state.subject(token.member))
    _count(state, token)
    # Which of 402, 403 and 429 a spent cap gives is unconfirmed; each can be switched on.
    if state.setting("credits_depleted", token.member):
        detail = "Your enrolled account does not have any credits to fulfill this request."
        raise XError(402, "CreditsDepleted", detail, "credits")
    if state.setting("usage_capped", token.member):
        detail = "Usage cap exceeded: Monthly product cap"
        more = {"period": "Monthly", "scope": "Product"}
        raise XError(429, "UsageCapExceeded", detail, "usage-capped", **more)


def _authenticated(state: State) -> Token:
    """Row 7."""
    token = state.grants.tokens.get(bearer(request.headers.get("Authorization")) or "")
    if token is None or token.refresh or token.revoked or token.expires <= state.now(token.member):
        raise unauthorized()
    return token


def _count(state: State, token: Token) -> None:
    """Row 21. Every authenticated request counts, refused ones too (the strict reading)."""
    view = request.endpoint or ""
    key = window_key(view, token.member or token.app.client_id)
    spent = state.windows.spend(key, PER_USER.get(view, OTHERS), QUARTER, token.member)
    g.headers = spent.headers("x-rate-limit")
    all_spent = [spent]
    if view == "posts.create":
        day = state.windows.spend(app_key(token.app), CREATES_PER_APP, DAY)
        g.headers |= day.headers("x-app-limit-24hour")
        all_spent.append(day)
    if not all(each.allowed for each in all_spent):
        raise _too_many(all_spent)


def _too_many(spent: list[Spent]) -> XError:
    # When a day's limit is used up, the reset that helps is that one.
    g.headers["x-rate-limit-reset"] = str(max(each.reset for each in spent if not each.allowed))
    return XError(429, "Too Many Requests", "Too Many Requests")


def window_key(view: str, whose: str) -> str:
    """Limits are counted for each user (an app-only token: each app) and each view."""
    return f"{view}/{whose}"


def app_key(app: App) -> str:
    """The day's creates of an app."""
    return f"creates/{app.client_id}"


def check_query(*known: str) -> None:
    """400 for query parameters the call does not have."""
    problems = [
        problem(f"The query parameter [{name}] is not one of [{','.join(known)}]", name, value)
        for name, value in request.args.items()
        if name not in known
    ]
    if problems:
        raise invalid_many(problems)


def chosen(kind: str, known: tuple[str, ...]) -> set[str]:
    """The values of ``user.fields``, ``tweet.fields`` or ``post.fields``. Raises XError 400."""
    names = [part for name in _spellings(kind) for part in request.args.get(name, "").split(",")]
    asked = {name for name in names if name}
    problems = [
        problem(
            f"The `{kind}` query parameter value [{name}] is not one of [{','.join(known)}]",
            kind,
            name,
        )
        for name in sorted(asked - set(known))
    ]
    if problems:
        raise invalid_many(problems)
    return asked


def _spellings(kind: str) -> tuple[str, ...]:
    return ("tweet.fields", "post.fields") if kind == "tweet.fields" else (kind,)

"""Who may call a view. Checked before anything of the request is parsed; a view without a mark is closed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from flask import Flask, current_app, g, request

from ..auth import Authenticator, CurrentUser
from ..core.errors import LinError
from ..logs import bind

View = TypeVar("View", bound=Callable[..., Any])

# For the documentation: a token is needed, unless the route itself says `security=[{}]`.
NEEDS_TOKEN: list[dict[str, list[Any]]] = [{"supabase": []}]

_OPEN_BLUEPRINTS = ("openapi", "swagger")


def open_to_all(view: View) -> View:
    """Anybody may call this view."""
    view.access = "open"  # type: ignore[attr-defined] # a mark on the function, read below
    return view


def signed_in(view: View) -> View:
    """Signed-in users may call this view."""
    view.access = "signed_in"  # type: ignore[attr-defined] # a mark on the function, read below
    return view


def live_session(view: View) -> View:
    """For views that act outside: the session must live (known for a minute at most) and the address be confirmed."""
    view.access = "live_session"  # type: ignore[attr-defined] # a mark on the function, read below
    return view


def current_user() -> CurrentUser:
    """The caller of this request."""
    user: CurrentUser = g.user
    return user


def caller() -> CurrentUser | None:
    """Whose token this request carries, whatever the view; None without one that can be verified now."""
    try:
        return _verified(current_app.extensions["lin"].authenticator)
    except LinError:
        return None


def _verified(authenticator: Authenticator) -> CurrentUser:
    """Checked once a request, because signatures cost. Raises Unauthorized, Unavailable."""
    if "verified" not in g:
        try:
            g.verified = authenticator.user(request.headers.get("Authorization"))
        except LinError as error:
            g.verified = error
    if isinstance(g.verified, LinError):
        raise g.verified
    user: CurrentUser = g.verified
    return user


def access_of(app: Flask, endpoint: str) -> str:
    """Who may call this endpoint: "open", "signed_in" or "live_session", which is also what a view without a mark is."""
    if endpoint.partition(".")[0] in _OPEN_BLUEPRINTS:
        return "open"
    access: str = getattr(app.view_functions[endpoint], "access", "live_session")
    return access


def register(app: Flask, authenticator: Authenticator) -> None:
    """Check every request by the mark of its view."""

    @app.before_request
    def check() -> None:
        if request.endpoint is None or request.method == "OPTIONS":
            return  # 404 and 405 and CORS tell nothing
        access = access_of(app, request.endpoint)
        if access == "open":
            return
        g.user = _verified(authenticator)
        bind(user_id=g.user.id)
        if access == "live_session":
            authenticator.require_live_session(g.user)

"""``/oauth/v2/authorization``: the part of OAuth a person sees (platform facts 1.1)."""

from __future__ import annotations

from urllib.parse import urlencode

from flask import Blueprint, Response, redirect, request
from werkzeug.wrappers import Response as AnyResponse

from local.sandbox import consent
from local.sandbox.people import Member

from .state import State
from .tokens import SCOPES, App, Code

TITLE = "LinkedIn"
_COOKIE = "sandbox_linkedin_member"

_REFUSALS = {
    "cancel_login": "Cancel instead of signing in",
    "cancel_authorize": "Cancel: do not allow",
    "server_error": "Let LinkedIn fail",
}
_ERRORS = {
    "cancel_login": ("user_cancelled_login", "The user cancelled LinkedIn login"),
    "cancel_authorize": ("user_cancelled_authorize", "The user cancelled the authorization"),
    "server_error": ("server_error", "An internal error happened"),
}


class _RefusedError(Exception):
    """Shown as LinkedIn's error page. 400 as in the newest docs; older ones had 401."""


def blueprint(state: State) -> Blueprint:
    """The page and its form."""
    views = Blueprint("authorize", __name__)

    @views.errorhandler(_RefusedError)
    def refused(error: _RefusedError) -> Response:
        return consent.refuse(TITLE, str(error))

    @views.get("/oauth/v2/authorization")
    def ask() -> AnyResponse:
        return _ask(state)

    @views.post("/oauth/v2/authorization")
    def decide() -> AnyResponse:
        return _decide(state)

    return views


def _ask(state: State) -> AnyResponse:
    app, redirect_uri, scopes = _checked(state)
    if set(scopes) - set(app.scopes):
        # The app does not own the product of a scope.
        why = f'Scope "{" ".join(sorted(set(scopes) - set(app.scopes)))}" is not authorized'
        return _back(redirect_uri, error="unauthorized_scope_error", error_description=why)
    member = state.world.people.get(request.cookies.get(_COOKIE, ""))
    if member and app.skips_consent:
        now = state.now(member.id)
        if state.grants.has_live_token(app, member.id, scopes, now):
            return _allowed(state, app, redirect_uri, scopes, member)
    asked = {scope: SCOPES[scope] for scope in scopes}
    return consent.show(state.world.people, TITLE, app.name, asked, _REFUSALS)


def _decide(state: State) -> AnyResponse:
    app, redirect_uri, scopes = _checked(state)
    if set(scopes) - set(app.scopes):
        raise _RefusedError("This app may not ask for these scopes.")
    decision = consent.read(state.world.people)
    if decision is None:
        raise _RefusedError("There is no such member. Go back and choose one from the list.")
    if decision.choice == "allow":
        return _allowed(state, app, redirect_uri, scopes, decision.member)
    if decision.choice not in _ERRORS:
        raise _RefusedError(f"decision must be allow or one of {', '.join(_ERRORS)}.")
    error, why = _ERRORS[decision.choice]
    return _back(redirect_uri, error=error, error_description=why)


def _checked(state: State) -> tuple[App, str, tuple[str, ...]]:
    """Rows 1 and 2: what is wrong here is shown, never sent to an unproven redirect address."""
    app = state.grants.apps.get(request.args.get("client_id", ""))
    if app is None:
        raise _RefusedError("The passed in client_id is invalid.")
    redirect_uri = request.args.get("redirect_uri", "")
    if not app.accepts_redirect(redirect_uri):
        raise _RefusedError("The redirect_uri does not match the registered value.")
    if request.args.get("response_type") != "code":
        raise _RefusedError("The response_type must be code.")
    scopes = tuple(dict.fromkeys(request.args.get("scope", "").split()))
    unknown = set(scopes) - set(SCOPES)
    if unknown or not scopes:
        raise _RefusedError("The requested scope is invalid, unknown, or malformed.")
    return app, redirect_uri, scopes


def _allowed(
    state: State, app: App, redirect_uri: str, scopes: tuple[str, ...], member: Member
) -> AnyResponse:
    state.subject(app, member.id)
    code = Code(app, member.id, scopes, redirect_uri, state.now(member.id))
    answer = _back(redirect_uri, code=state.grants.new_code(code))
    answer.set_cookie(_COOKIE, member.id, httponly=True, samesite="Lax")
    return answer


def _back(redirect_uri: str, **values: str) -> AnyResponse:
    """Row 3. The state goes back unchanged."""
    if "state" in request.args:
        values["state"] = request.args["state"]
    joint = "&" if "?" in redirect_uri else "?"
    return redirect(f"{redirect_uri}{joint}{urlencode(values)}", 302)

"""``/i/oauth2/authorize``: the part of OAuth a person sees (platform facts 2.1)."""

from __future__ import annotations

import re
from urllib.parse import urlencode

from flask import Blueprint, Response, redirect, request
from werkzeug.wrappers import Response as AnyResponse

from local.sandbox import consent

from .state import State
from .tokens import SCOPES, App, Code

TITLE = "X"
_LONGEST_STATE = 500
_REFUSALS = {"cancel": "Cancel"}
#: Other words for the same button, as on other platforms' pages.
_CANCELS = ("cancel", "cancel_login", "cancel_authorize", "server_error")
_CHALLENGES = {"S256": r"[A-Za-z0-9_-]{43}", "plain": r"[A-Za-z0-9._~-]{43,128}"}


class _RefusedError(Exception):
    """Shown as X's error page (row 1): nobody is sent back to the app."""


def blueprint(state: State) -> Blueprint:
    """The page and its form."""
    views = Blueprint("authorize", __name__)

    @views.errorhandler(_RefusedError)
    def refused(error: _RefusedError) -> Response:
        return consent.refuse(TITLE, str(error))

    @views.get("/i/oauth2/authorize")
    def ask() -> AnyResponse:
        app, _, scopes = _checked(state)
        asked = {scope: SCOPES[scope] for scope in scopes}
        return consent.show(state.world.people, TITLE, app.name, asked, _REFUSALS)

    @views.post("/i/oauth2/authorize")
    def decide() -> AnyResponse:
        return _decide(state)

    return views


def _decide(state: State) -> AnyResponse:
    app, redirect_uri, scopes = _checked(state)
    decision = consent.read(state.world.people)
    if decision is None:
        raise _RefusedError("There is no such member. Go back and choose one from the list.")
    if decision.choice in _CANCELS:
        # What exactly comes back is unconfirmed.
        return _back(redirect_uri, error="access_denied")
    if decision.choice != "allow":
        raise _RefusedError("decision must be allow or cancel.")
    state.subject(decision.member.id)
    code = Code(
        app=app,
        member=decision.member.id,
        scopes=scopes,
        redirect_uri=redirect_uri,
        challenge=request.args["code_challenge"],
        method=request.args["code_challenge_method"],
        issued=state.now(decision.member.id),
    )
    return _back(redirect_uri, code=state.grants.new_code(code))


def _checked(state: State) -> tuple[App, str, tuple[str, ...]]:
    """Row 1, and the rest of what X's page refuses."""
    app = state.grants.apps.get(request.args.get("client_id", ""))
    if app is None:
        raise _RefusedError("The client_id is not known.")
    redirect_uri = request.args.get("redirect_uri", "")
    if redirect_uri not in app.redirect_uris:
        raise _RefusedError("The redirect_uri is not one of those registered.")
    if request.args.get("response_type") != "code":
        raise _RefusedError("The response_type must be code.")
    if not 0 < len(request.args.get("state", "")) <= _LONGEST_STATE:
        raise _RefusedError(f"The state must have 1 to {_LONGEST_STATE} characters.")
    _check_challenge()
    scopes = tuple(dict.fromkeys(request.args.get("scope", "").split(" ")))
    if set(scopes) - set(app.scopes):
        raise _RefusedError("The scope is missing, or not known.")
    return app, redirect_uri, scopes


def _check_challenge() -> None:
    # The method has a default in RFC 7636; X documents it as a parameter, so it is asked for.
    pattern = _CHALLENGES.get(request.args.get("code_challenge_method", ""))
    if pattern is None:
        raise _RefusedError("The code_challenge_method must be S256 or plain.")
    if not re.fullmatch(pattern, request.args.get("code_challenge", "")):
        raise _RefusedError("The code_challenge is missing or malformed.")


def _back(redirect_uri: str, **values: str) -> AnyResponse:
    """The state goes back unchanged."""
    values["state"] = request.args["state"]
    joint = "&" if "?" in redirect_uri else "?"
    return redirect(f"{redirect_uri}{joint}{urlencode(values)}", 302)

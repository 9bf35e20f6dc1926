"""``/oauth/authorize`` of Instagram Login: what a person sees (platform facts 4.1, product B)."""

from __future__ import annotations

from urllib.parse import urlencode

from flask import Blueprint, Response, redirect, request
from werkzeug.wrappers import Response as AnyResponse

from local.sandbox import consent
from local.sandbox.graph.tokens import Code

from .state import PERMISSIONS, InstagramApp, InstagramState

TITLE = "Instagram"
_REFUSALS = {"cancel": "Cancel"}
#: What testers of every platform send is taken as a refusal too: there is one way to refuse here.
_REFUSED = ("cancel", "cancel_login", "cancel_authorize", "server_error")


class _RefusedError(Exception):
    """Shown as Instagram's error page."""


def blueprint(state: InstagramState) -> Blueprint:
    """The page and its form."""
    views = Blueprint("authorize", __name__)

    @views.errorhandler(_RefusedError)
    def refused(error: _RefusedError) -> Response:
        return consent.refuse(TITLE, str(error))

    @views.get("/oauth/authorize")
    def ask() -> AnyResponse:
        app, _, scopes = _checked(state)
        asked = {scope: PERMISSIONS[scope] for scope in scopes}
        return consent.show(state.world.people, TITLE, app.name, asked, _REFUSALS, untick=True)

    @views.post("/oauth/authorize")
    def decide() -> AnyResponse:
        return _decide(state)

    return views


def _decide(state: InstagramState) -> AnyResponse:
    app, redirect_uri, scopes = _checked(state)
    decision = consent.read(state.world.people)
    if decision is None:
        raise _RefusedError("There is no such member. Go back and choose one from the list.")
    if decision.choice in _REFUSED:
        why = "The user denied your request"
        return _back(
            redirect_uri, error="access_denied", error_reason="user_denied", error_description=why
        )
    if decision.choice != "allow":
        raise _RefusedError(f"decision must be allow or {_REFUSED[0]}.")
    member = decision.member.id
    state.grants.granted(app, member).permissions = {
        scope: "granted" if decision.ticked(scope) else "declined" for scope in scopes
    }
    code = Code(app, member, redirect_uri, state.now(member))
    return _back(redirect_uri, code=state.grants.new_code(code))


def _checked(state: InstagramState) -> tuple[InstagramApp, str, tuple[str, ...]]:
    """What is wrong here is shown, never sent to an unproven redirect address."""
    app = state.grants.apps.get(request.args.get("client_id", ""))
    if app is None:
        raise _RefusedError("Invalid platform app: the client_id is not an Instagram app's.")
    redirect_uri = request.args.get("redirect_uri", "")
    if redirect_uri not in app.redirect_uris:
        raise _RefusedError("Invalid redirect_uri: it is not one of the app's.")
    if request.args.get("response_type") != "code":
        raise _RefusedError("The response_type must be code.")
    # Separated by commas; with spaces it is one scope that does not exist.
    scopes = tuple(dict.fromkeys(request.args.get("scope", "").split(",")))
    unknown = set(scopes) - set(PERMISSIONS) or set(scopes) - set(app.scopes or PERMISSIONS)
    if unknown:
        raise _RefusedError(f"Invalid scopes: {', '.join(sorted(unknown))}.")
    return app, redirect_uri, scopes


def _back(redirect_uri: str, **values: str) -> AnyResponse:
    """The state goes back unchanged; ``#_`` is appended to a code's address."""
    if "state" in request.args:
        values["state"] = request.args["state"]
    joint = "&" if "?" in redirect_uri else "?"
    end = "#_" if "code" in values else ""
    return redirect(f"{redirect_uri}{joint}{urlencode(values)}{end}", 302)

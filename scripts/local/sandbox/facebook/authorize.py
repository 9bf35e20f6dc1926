"""``/dialog/oauth``: the part of OAuth a person sees (platform facts 3.1)."""

from __future__ import annotations

from urllib.parse import urlencode

from flask import Blueprint, Response, redirect, request
from werkzeug.wrappers import Response as AnyResponse

from local.sandbox import consent
from local.sandbox.graph.tokens import Code, MetaApp

from .state import PERMISSIONS, FacebookApp, FacebookState

TITLE = "Facebook"
_REFUSALS = {"cancel": "Cancel"}
#: What testers of every platform send is taken as a refusal too: there is one way to refuse here.
_REFUSED = ("cancel", "cancel_login", "cancel_authorize", "server_error")


class _RefusedError(Exception):
    """Shown as Facebook's error page."""


def blueprint(state: FacebookState) -> Blueprint:
    """The page and its form."""
    views = Blueprint("authorize", __name__)

    @views.errorhandler(_RefusedError)
    def refused(error: _RefusedError) -> Response:
        return consent.refuse(TITLE, str(error))

    @views.get("/dialog/oauth")
    def ask() -> AnyResponse:
        app, _, scopes = _checked(state)
        asked = {scope: PERMISSIONS[scope] for scope in scopes}
        people = state.world.people
        pages = {
            page.id: f"{page.name} ({member.name})"
            for member in people.shown_on_consent_page()
            for page in state.pages_of(member.id)
        }
        return consent.show(people, TITLE, app.name, asked, _REFUSALS, pages=pages, untick=True)

    @views.post("/dialog/oauth")
    def decide() -> AnyResponse:
        return _decide(state)

    return views


def _decide(state: FacebookState) -> AnyResponse:
    app, redirect_uri, scopes = _checked(state)
    decision = consent.read(state.world.people)
    if decision is None:
        raise _RefusedError("There is no such member. Go back and choose one from the list.")
    if decision.choice in _REFUSED:
        return _back(
            redirect_uri,
            error="access_denied",
            error_code="200",
            error_reason="user_denied",
            error_description="Permissions error",
        )
    if decision.choice != "allow":
        raise _RefusedError(f"decision must be allow or {_REFUSED[0]}.")
    member = decision.member.id
    _grant(state, app, decision, scopes)
    code = Code(app, member, redirect_uri, state.now(member))
    return _back(redirect_uri, code=state.grants.new_code(code))


def _grant(
    state: FacebookState, app: FacebookApp, decision: consent.Decision, scopes: tuple[str, ...]
) -> None:
    """Write down which boxes were ticked.

    What was declined before is asked again only with ``auth_type=rerequest``.
    """
    member = decision.member.id
    granted = state.grants.granted(app, member)
    again = request.args.get("auth_type") == "rerequest"
    for scope in scopes:
        if granted.permissions.get(scope) == "declined" and not again:
            continue
        granted.permissions[scope] = "granted" if decision.ticked(scope) else "declined"
    pages = {page.id for page in state.pages_of(member)}
    chosen = {page for page in pages if decision.left(page, "page")}
    granted.pages = None if chosen == pages else chosen


def _checked(state: FacebookState) -> tuple[FacebookApp, str, tuple[str, ...]]:
    """Row 1: what is wrong here is shown, never sent to an unproven redirect address."""
    app = state.grants.apps.get(request.args.get("client_id", ""))
    if app is None:
        raise _RefusedError("Invalid App ID: the provided app ID does not look like a valid one.")
    redirect_uri = request.args.get("redirect_uri", "")
    if redirect_uri not in app.redirect_uris:
        raise _RefusedError("URL blocked: the redirect address is not one of the app's.")
    if request.args.get("response_type", "code") != "code":
        raise _RefusedError("The response_type must be code.")
    scopes = asked_scopes(request.args.get("scope", ""))
    # Asked for in every dialog, whether named or not.
    scopes = ("public_profile", *(scope for scope in scopes if scope != "public_profile"))
    unknown = set(scopes) - set(PERMISSIONS) or set(scopes) - _allowed(app)
    if unknown:
        raise _RefusedError(f"Invalid Scopes: {', '.join(sorted(unknown))}.")
    return app, redirect_uri, scopes


def asked_scopes(text: str) -> tuple[str, ...]:
    """Separated by commas or spaces."""
    return tuple(dict.fromkeys(text.replace(",", " ").split()))


def _allowed(app: MetaApp) -> set[str]:
    return {"public_profile", *(app.scopes or PERMISSIONS)}


def _back(redirect_uri: str, **values: str) -> AnyResponse:
    """The state goes back unchanged; browsers get a ``#_=_`` that means nothing."""
    if "state" in request.args:
        values["state"] = request.args["state"]
    joint = "&" if "?" in redirect_uri else "?"
    end = "#_=_" if "code" in values else ""
    return redirect(f"{redirect_uri}{joint}{urlencode(values)}{end}", 302)

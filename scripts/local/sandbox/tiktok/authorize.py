"""``/v2/auth/authorize/``: the part of OAuth a person sees (platform facts 5.1)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlencode

from flask import Blueprint, Response, redirect, request
from werkzeug.wrappers import Response as AnyResponse

from local.sandbox import consent

from .state import State
from .tokens import SCOPES, App, Code, Grant

TITLE = "TikTok"

_REFUSALS = {"cancel": "Cancel", "server_error": "Let TikTok fail"}
_CANCELLED = ("access_denied", "The user has cancelled the authorization")
_ERRORS = {
    "cancel": _CANCELLED,
    "cancel_login": _CANCELLED,
    "cancel_authorize": _CANCELLED,
    "server_error": ("server_error", "Something went wrong"),
}


class _RefusedError(Exception):
    """Shown as TikTok's error page."""


class _SentBackError(Exception):
    """Wrong, but the redirect address is proven, so the app is told."""

    def __init__(self, error: str, why: str) -> None:
        super().__init__(why)
        self.error = error


@dataclass(frozen=True)
class _Question:
    app: App
    redirect_uri: str
    scopes: tuple[str, ...]
    challenge: str | None


def blueprint(state: State) -> Blueprint:
    """The page and its form."""
    views = Blueprint("authorize", __name__)

    @views.errorhandler(_RefusedError)
    def refused(error: _RefusedError) -> Response:
        return consent.refuse(TITLE, str(error))

    @views.errorhandler(_SentBackError)
    def sent_back(error: _SentBackError) -> AnyResponse:
        return _back(error=error.error, error_description=str(error))

    @views.get("/v2/auth/authorize/")
    def ask() -> AnyResponse:
        question = _checked(state)
        asked = {scope: SCOPES[scope] for scope in question.scopes}
        return consent.show(
            state.world.people, TITLE, question.app.name, asked, _REFUSALS, untick=True
        )

    @views.post("/v2/auth/authorize/")
    def decide() -> AnyResponse:
        return _decide(state)

    return views


def _decide(state: State) -> AnyResponse:
    question = _checked(state)
    decision = consent.read(state.world.people)
    if decision is None:
        raise _RefusedError("There is no such member. Go back and choose one from the list.")
    if decision.choice in _ERRORS:
        raise _SentBackError(*_ERRORS[decision.choice])
    if decision.choice != "allow":
        raise _RefusedError(f"decision must be allow or one of {', '.join(_ERRORS)}.")
    granted = tuple(filter(decision.ticked, question.scopes))
    if not granted:
        raise _SentBackError(*_CANCELLED)
    member = decision.member.id
    state.subject(question.app, member)
    grant = Grant(question.app, member, granted)
    code = Code(grant, question.redirect_uri, state.now(member), question.challenge)
    return _back(code=state.grants.new_code(code), scopes=",".join(granted))


def _checked(state: State) -> _Question:
    """Row 1. What is wrong before the redirect address is proven is shown, never sent to it."""
    app = state.grants.apps.get(request.args.get("client_key", ""))
    if app is None:
        raise _RefusedError("invalid_request: client_key")
    redirect_uri = request.args.get("redirect_uri", "")
    if redirect_uri not in app.redirect_uris:
        raise _RefusedError("invalid_request: redirect_uri")
    if request.args.get("response_type") != "code":
        raise _SentBackError("invalid_request", "response_type must be code")
    if not request.args.get("state"):
        raise _SentBackError("invalid_request", "state is missing")
    # Only commas separate: with a space the whole text is one unknown scope.
    scopes = tuple(dict.fromkeys(request.args.get("scope", "").split(",")))
    wrong = [scope for scope in scopes if scope not in app.scopes]
    if wrong:
        raise _SentBackError("invalid_scope", f"scope: {', '.join(wrong)} may not be asked for")
    return _Question(app, redirect_uri, scopes, _challenge(app))


def _challenge(app: App) -> str | None:
    """PKCE: needed by desktop apps, and hex, not base64url; not taken from a web app (strict)."""
    challenge = request.args.get("code_challenge")
    if not app.desktop:
        if challenge is not None:
            raise _SentBackError("invalid_request", "code_challenge is for desktop apps")
        return None
    if request.args.get("code_challenge_method") != "S256":
        raise _SentBackError("invalid_request", "code_challenge_method must be S256")
    if challenge is None or not re.fullmatch("[0-9a-f]{64}", challenge):
        raise _SentBackError("invalid_request", "code_challenge must be SHA-256 in hex")
    return challenge


def _back(**values: str) -> AnyResponse:
    """The redirect address has no query of its own; the state goes back unchanged."""
    if "state" in request.args:
        values["state"] = request.args["state"]
    return redirect(f"{request.args['redirect_uri']}?{urlencode(values)}", 302)

"""What every Graph API call passes first: version, token, proof, budget."""

from __future__ import annotations

import hashlib
import hmac
import json
import math
from dataclasses import dataclass
from typing import Any, cast

from flask import Flask, Response, g, request

from local.sandbox.records import SeenRequest

from .errors import GraphError, missing_permission
from .parameters import parameters, token_in_header
from .state import GraphState
from .tokens import EXPIRED, MetaApp, Token
from .versions import Version, served
from .windows import DAY, HOUR

#: Paths that are called without an ordinary token.
OPEN = ("/oauth/access_token", "/debug_token", "/access_token", "/refresh_access_token")
_USER_CALLS_PER_HOUR = 200


@dataclass(frozen=True)
class Session:
    """The caller of one request."""

    state: GraphState[Any]
    token: Token[Any]
    version: Version

    @property
    def app(self) -> MetaApp:
        """The developer app the token was given to."""
        app: MetaApp = self.token.app
        return app

    @property
    def member(self) -> str:
        """The sandbox's id of the member."""
        return self.token.member

    @property
    def now(self) -> float:
        """Seconds since the epoch on the member's clock."""
        return self.state.now(self.member)

    def allows(self, permission: str) -> bool:
        """Whether the member granted this."""
        return self.state.allows(self.token, permission)

    def require(self, permission: str, code: int = 200) -> None:
        """403 unless granted (row 7; row 4 of Instagram's table)."""
        if not self.allows(permission):
            message = f"Requires {permission} permission to manage the object"
            raise missing_permission(message, code)


def session() -> Session:
    """The session of the current request."""
    return cast("Session", g.session)


def asked_version(state: GraphState[Any], member: str | None = None) -> Version:
    """The version that serves this request. A version not yet released: 400, unconfirmed."""
    asked = request.environ.get("graph.version")
    version = served(asked, state.world.clock.today(member))
    if version is None:
        raise GraphError(2500, "Unknown path components: the version does not exist")
    seen = cast("SeenRequest", request.environ["sandbox.seen"])
    seen.version = f"v{asked[0]}.{asked[1]}" if asked else None
    return version


def authenticate(state: GraphState[Any], text: str | None) -> Token[Any]:
    """Rows 4 and 5 (Instagram: row 3). Raises GraphError 104 or 190.

    104 and 2500 are both reported for a call without a token.
    """
    if not text:
        raise GraphError(104, "An access token is required to request this resource.")
    token = state.grants.tokens.get(text)
    if token is None:
        status = state.settings.get("invalid_token_status")
        raise GraphError(
            190, "Invalid OAuth access token - Cannot parse access token", None, status
        )
    problem = subcode_of(state, token)
    if problem is not None:
        raise ended(state, token, problem)
    return token


def subcode_of(state: GraphState[Any], token: Token[Any]) -> int | None:
    """Why a token does not work any more; None when it does."""
    if token.ended is not None:
        return token.ended
    if token.expires is not None and token.expires <= state.now(token.member):
        return EXPIRED
    subcode: int | None = state.settings.get("token_subcode", token.member)
    return subcode


def ended(state: GraphState[Any], token: Token[Any], subcode: int) -> GraphError:
    """Code 190 with its subcode."""
    reasons = {
        458: "The user has not authorized application",
        459: "The user has been checkpointed",
        460: "The session has been invalidated because the user changed the password",
        463: "Session has expired",
        492: "The user no longer has a role on the page",
    }
    message = f"Error validating access token: {reasons.get(subcode, 'it is not valid')}."
    status = state.settings.get("invalid_token_status", token.member)
    return GraphError(190, message, subcode, status)


def enter(state: GraphState[Any], limit_code: int) -> None:
    """Judge the current request before its view; leaves a Session behind."""
    if request.path in OPEN or request.path.endswith("/picture"):
        return
    sent = parameters()
    text = sent.text("access_token") or token_in_header(request.headers.get("Authorization"))
    token = authenticate(state, text)
    version = asked_version(state, token.member)
    _check_proof(token)
    g.session = Session(state, token, version)
    _count(g.session, limit_code)


def _check_proof(token: Token[Any]) -> None:
    """``appsecret_proof`` is right where it was sent, and sent where the app demands it."""
    sent = parameters().text("appsecret_proof")
    app = token.app
    if not sent and not getattr(app, "requires_proof", False):
        return
    if not sent:
        raise _proof("API calls from the server require an appsecret_proof argument")
    key, text = app.client_secret.encode(), token.text.encode()
    if not hmac.compare_digest(sent, hmac.new(key, text, hashlib.sha256).hexdigest()):
        raise _proof("Invalid appsecret_proof provided in the API argument")


def _proof(message: str) -> GraphError:
    return GraphError(100, message, kind="GraphMethodException")


def budget_of(me: Session) -> tuple[str, int, float]:
    """Key, limit and window in seconds of the call budget that this token spends."""
    if me.token.kind == "page":
        return f"page/{me.token.page}", me.state.settings.get("calls_per_day", me.member), DAY
    if me.token.kind == "instagram":
        return f"account/{me.member}", me.state.settings.get("calls_per_day", me.member), DAY
    return f"user/{me.app.client_id}/{me.member}", _USER_CALLS_PER_HOUR, HOUR


def _count(me: Session, limit_code: int) -> None:
    """Row 15. Refused calls do not count; the document does not say."""
    key, limit, seconds = budget_of(me)
    if me.state.windows.spend(key, limit, me.now, seconds):
        return
    settings = me.state.settings
    code = settings.get("limit_code", me.member) or (17 if me.token.kind == "user" else limit_code)
    message = f"(#{code}) There have been too many calls. Wait a bit and try again."
    raise GraphError(code, message, status=settings.get("limit_status", me.member))


def install_usage(app: Flask, usage_type: str) -> None:
    """The usage headers. ``usage_type`` is what the business header calls the kind of budget."""

    @app.after_request
    def _usage(response: Response) -> Response:
        if "session" not in g:
            return response
        me = session()
        key, limit, seconds = budget_of(me)
        used = me.state.windows.used(key, me.now, seconds)
        percent = min(100, math.ceil(100 * used / max(1, limit)))
        usage = {"call_count": percent, "total_cputime": 0, "total_time": 0}
        if me.token.kind == "user":
            response.headers["X-App-Usage"] = json.dumps(usage)
            return response
        minutes = 0
        if used >= limit:
            left = me.state.windows.seconds_until_free(key, me.now, seconds)
            minutes = math.ceil(left / 60)
        business = usage | {"type": usage_type, "estimated_time_to_regain_access": minutes}
        whose = me.token.page or me.member
        response.headers["X-Business-Use-Case-Usage"] = json.dumps({whose: [business]})
        return response

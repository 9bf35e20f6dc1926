"""What every API call passes first: token, version, protocol, encoding, quota."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

from flask import g, request

from .errors import LinkedInError, denied
from .state import State
from .tokens import App, Token
from .versions import check_version


@dataclass(frozen=True)
class Session:
    """The caller of one request."""

    token: Token
    subject: str
    version: str | None

    @property
    def app(self) -> App:
        """The developer app the token was given to."""
        return self.token.app

    @property
    def member(self) -> str:
        """The sandbox's id of the member."""
        return self.token.member

    @property
    def author(self) -> str:
        """The member's own author URN."""
        return f"urn:li:person:{self.subject}"

    def require(self, method: str, *any_of: str) -> None:
        """403 unless one of these scopes was granted."""
        if not self.token.allows(*any_of):
            raise denied(f"{method}.{self.version or 'NO_VERSION'}")


def session() -> Session:
    """The session of the current request."""
    return cast("Session", g.session)


def bearer(authorization: str | None) -> str | None:
    """The token of an Authorization header."""
    scheme, _, text = (authorization or "").partition(" ")
    return text.strip() if scheme.lower() == "bearer" and text.strip() else None


def authenticate(state: State, authorization: str | None) -> Token:
    """Row 11. Raises LinkedInError 401."""
    text = bearer(authorization)
    if text is None:
        raise LinkedInError(401, "Empty oauth2 access token", "EMPTY_ACCESS_TOKEN")
    token = state.grants.tokens.get(text)
    if token is None or token.refresh:
        raise LinkedInError(401, "Invalid access token", "INVALID_ACCESS_TOKEN", 65600)
    if token.revoked:
        message = "The token used in the request has been revoked by the user"
        raise LinkedInError(401, message, "REVOKED_ACCESS_TOKEN", 65601)
    if token.expires <= state.now(token.member):
        message = "The token used in the request has expired"
        raise LinkedInError(401, message, "EXPIRED_ACCESS_TOKEN", 65602)
    return token


def enter(state: State) -> None:
    """Judge the current request before its view; leaves a Session behind."""
    token = authenticate(state, request.headers.get("Authorization"))
    version = None
    if request.path.startswith("/rest/"):
        _count(state, token)
        today = state.world.clock.today(token.member)
        version = check_version(request.headers.get("LinkedIn-Version"), today)
        _check_protocol()
    g.session = Session(token, state.subject(token.app, token.member), version)


def _count(state: State, token: Token) -> None:
    """Row 37. Every authenticated ``/rest`` request counts, refused ones too (the strict reading);
    part PUTs and ``/v2/userinfo`` do not: they belong to another host and another product."""
    app, quotas = token.app, state.world.quotas
    key = quota_key(app, token.member)
    if quotas.spend(key, app.quota_per_member, token.member) and quotas.spend(
        f"linkedin/{app.client_id}", app.quota_per_app
    ):
        return
    message = "Resource level throttle limit for calls to this resource is reached."
    raise LinkedInError(429, message, "TOO_MANY_REQUESTS", 101)


def quota_key(app: App, member: str) -> str:
    """Quotas are counted for each member of each app."""
    return f"linkedin/{app.client_id}/{member}"


def _check_protocol() -> None:
    # Row 14: LinkedIn often tolerates its absence on create; this is the strict reading.
    if request.headers.get("X-Restli-Protocol-Version") != "2.0.0":
        raise LinkedInError(400, "X-Restli-Protocol-Version must be 2.0.0")
    # Row 38: a colon in a path key or query value is read as Rest.li 2.0 syntax.
    raw = str(request.environ["RAW_PATH"])
    if ":" in raw or ":" in _values_outside_brackets(request.environ["QUERY_STRING"]):
        raise LinkedInError(400, "Invalid key: URNs must be percent-encoded", "INVALID_URN_ID")


def _values_outside_brackets(query: str) -> str:
    # ``entity=(share:urn%3A…)`` is a Rest.li union: its own colon stays as it is.
    return "".join(part for part in query.split("&") if not part.partition("=")[2].startswith("("))


def json_object() -> dict[str, Any]:
    """The body as an object. Row 15: 415 when not JSON, 400 when it cannot be parsed."""
    if request.mimetype != "application/json":
        raise LinkedInError(415, "Content-Type must be application/json", "UNSUPPORTED_MEDIA_TYPE")
    body = request.get_json(silent=True)
    if not isinstance(body, dict):
        raise LinkedInError(400, "The request body could not be parsed as a JSON object")
    return body

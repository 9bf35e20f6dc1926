"""The part of OAuth programs see: tokens, introspection, discovery (platform facts 1.1)."""

from __future__ import annotations

from functools import cache
from typing import Any

from flask import Blueprint, request
from joserfc import jwt
from joserfc.jwk import RSAKey

from .state import State
from .tokens import CODE_SECONDS, App, Token

ISSUER = "https://www.linkedin.com/oauth"
_KEY_ID = "sandbox"
_CLAIMS = ["iss", "aud", "iat", "exp", "sub", "name", "given_name", "family_name", "picture"]
_CLAIMS += ["email", "email_verified", "locale"]


class OAuthError(Exception):
    """``{"error": …, "error_description": …}``."""

    def __init__(self, error: str, description: str, status: int = 400) -> None:
        super().__init__(description)
        self.error = error
        self.status = status


def blueprint(state: State) -> Blueprint:
    """Token endpoints."""
    views = Blueprint("oauth", __name__)

    @views.errorhandler(OAuthError)
    def failed(error: OAuthError) -> tuple[dict[str, str], int]:
        return {"error": error.error, "error_description": str(error)}, error.status

    @views.post("/oauth/v2/accessToken")
    def access_token() -> dict[str, Any]:
        grant = _form("grant_type")
        if grant == "authorization_code":
            return _exchange(state)
        if grant == "refresh_token":
            return _refresh(state)
        raise OAuthError("unsupported_grant_type", f"grant_type {grant!r} is not supported")

    @views.post("/oauth/v2/introspectToken")
    def introspect() -> dict[str, Any]:
        return _introspect(state)

    @views.post("/oauth/v2/revoke")
    def revoke() -> dict[str, Any]:
        # Used by clients, absent from the official docs.
        app = _client(state)
        token = state.grants.tokens.get(_form("token"))
        if token is not None and token.app is app:
            token.revoked = True
        return {}

    @views.get("/oauth/.well-known/openid-configuration")
    def discovery() -> dict[str, Any]:
        return {
            "issuer": ISSUER,
            "authorization_endpoint": f"{ISSUER}/v2/authorization",
            "token_endpoint": f"{ISSUER}/v2/accessToken",
            "userinfo_endpoint": "https://api.linkedin.com/v2/userinfo",
            "jwks_uri": f"{ISSUER}/openid/jwks",
            "response_types_supported": ["code"],
            "subject_types_supported": ["pairwise"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "scopes_supported": ["openid", "profile", "email"],
            "claims_supported": _CLAIMS,
        }

    @views.get("/oauth/openid/jwks")
    def keys() -> dict[str, Any]:
        public = _key().as_dict(private=False)
        return {"keys": [public | {"kid": _KEY_ID, "use": "sig", "alg": "RS256"}]}

    return views


def _form(name: str) -> str:
    # Row 4: JSON or no content type leaves no form, which has its own message.
    if request.mimetype != "application/x-www-form-urlencoded":
        message = "Content-Type must be application/x-www-form-urlencoded"
        raise OAuthError("invalid_request", message)
    value = request.form.get(name)
    if not value:
        raise OAuthError("invalid_request", f'A required parameter "{name}" is missing')
    return value


def _client(state: State) -> App:
    """Rows 5 and 6: the credentials count in the body only; HTTP Basic is not looked at."""
    client_id, secret = _form("client_id"), _form("client_secret")
    app = state.grants.apps.get(client_id)
    if app is None or app.client_secret != secret:
        raise OAuthError("invalid_client", "Client authentication failed", 401)
    return app


def _exchange(state: State) -> dict[str, Any]:
    """Rows 7 and 8. For a bad code older docs had 401; the newest have 400."""
    text, redirect_uri = _form("code"), _form("redirect_uri")
    app = _client(state)
    code = state.grants.codes.get(text)
    if code is None or code.used:
        message = "Unable to retrieve access token: authorization code not found"
        raise OAuthError("invalid_request", message)
    too_old = state.now(code.member) > code.issued + CODE_SECONDS
    if too_old or code.redirect_uri != redirect_uri or code.app is not app:
        message = (
            "Unable to retrieve access token: appid/redirect uri/code verifier does not match "
            "authorization code. Or authorization code expired."
        )
        raise OAuthError("invalid_redirect_uri", message)
    if not state.grants.use_code(code):
        message = "Unable to retrieve access token: authorization code not found"
        raise OAuthError("invalid_request", message)
    token = state.issue(code)
    body = _token_body(token)
    if app.refresh_tokens:
        now = state.now(code.member)
        body |= _refresh_body(state.grants.refresh_token(app, code.member, code.scopes, now), now)
    if token.allows("openid"):
        body["id_token"] = _id_token(state, token)
    return body


def _refresh(state: State) -> dict[str, Any]:
    """Row 9. The same refresh value comes back and its life is not prolonged."""
    text = _form("refresh_token")
    app = _client(state)
    token = state.grants.tokens.get(text)
    now = state.now(token.member) if token else 0.0
    if (
        token is None
        or not (token.refresh and app.refresh_tokens)
        or token.app is not app
        or token.revoked
        or token.expires <= now
    ):
        message = "The provided authorization grant or refresh token is invalid, expired or revoked"
        raise OAuthError("invalid_request", message)
    return _token_body(state.issue(token)) | _refresh_body(token, now)


def _introspect(state: State) -> dict[str, Any]:
    app = _client(state)
    token = state.grants.tokens.get(_form("token"))
    if token is None or token.app is not app:
        return {"active": False}
    now = state.now(token.member)
    expired = token.expires <= now
    status = "revoked" if token.revoked else "expired" if expired else "active"
    return {
        "active": status == "active",
        "status": status,
        "client_id": app.client_id,
        "authorized_at": int(token.issued),
        "created_at": int(token.issued),
        "expires_at": int(token.expires),
        "scope": ",".join(token.scopes),
        "auth_type": "3L",
    }


def _token_body(token: Token) -> dict[str, Any]:
    life = int(token.expires - token.issued)
    # Comma-separated: seen besides the documented spaces, so clients must take both.
    scope = (" " if token.app.scopes_with_spaces else ",").join(token.scopes)
    return {
        "access_token": token.text,
        "expires_in": life,
        "scope": scope,
        "token_type": "Bearer",
    }


def _refresh_body(token: Token, now: float) -> dict[str, Any]:
    left = int(token.expires - now)
    return {"refresh_token": token.text, "refresh_token_expires_in": left}


@cache
def _key() -> RSAKey:
    # Made when first needed: most runs never look at an id_token's signature.
    return RSAKey.generate_key(2048)


def _id_token(state: State, token: Token) -> str:
    """Signed with RS256; LinkedIn's has no nonce."""
    member = state.member(token.member)
    claims: dict[str, Any] = {
        "iss": ISSUER,
        "aud": token.app.client_id,
        "sub": state.subject(token.app, token.member),
        "iat": int(token.issued),
        "exp": int(token.issued) + 3600,
    }
    if token.allows("profile"):
        claims |= {"name": member.name, "given_name": member.given_name}
        claims |= {"family_name": member.family_name}
    if token.allows("email") and member.email:
        claims |= {"email": member.email, "email_verified": True}
    return jwt.encode({"alg": "RS256", "kid": _KEY_ID}, claims, _key())

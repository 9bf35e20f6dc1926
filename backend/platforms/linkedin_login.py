"""Connecting to LinkedIn: consent, tokens, and who the member is. Source: OAuth 2.0 and Sign In with OpenID Connect (2026-09).

A member grants all that is asked for, or nothing. Asking for other scopes than before ends the app's earlier tokens of this
member.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote, urlencode

from ..core.errors import NoAnswer
from ..core.platform_contract import Identity, Tokens
from ..core.ports import PlatformDoor
from .linkedin_errors import raise_for, raise_for_oauth

AUTHORIZE = "https://www.linkedin.com/oauth/v2/authorization"
TOKEN = "https://www.linkedin.com/oauth/v2/accessToken"  # noqa: S105 - an address
REVOKE = "https://www.linkedin.com/oauth/v2/revoke"
USERINFO = "https://api.linkedin.com/v2/userinfo"


class LinkedInLogin:
    """OAuth 2.0 for one app, asking for these scopes."""

    def __init__(
        self, door: PlatformDoor, *, client_id: str, secret: str, scopes: Sequence[str]
    ) -> None:
        self._door = door
        self._client_id = client_id
        self._secret = secret
        self._scopes = scopes

    def authorization_url(self, *, state: str, redirect_uri: str) -> str:
        """The consent page. LinkedIn's web flow takes no PKCE challenge."""
        query = urlencode(
            {
                "response_type": "code",
                "client_id": self._client_id,
                "redirect_uri": redirect_uri,
                "state": state,
                "scope": " ".join(self._scopes),
            },
            quote_via=quote,
        )
        return self._door.browser_url(f"{AUTHORIZE}?{query}")

    def exchange_code(self, *, code: str, redirect_uri: str, now: datetime) -> Tokens:
        """A code for tokens. Credentials go in the form: LinkedIn does not take HTTP Basic here."""
        grant = {"grant_type": "authorization_code", "code": code, "redirect_uri": redirect_uri}
        return self._tokens(grant, now)

    def refresh(self, tokens: Tokens, *, now: datetime) -> Tokens:
        """New access token for a refresh token, which only apps approved by LinkedIn get. Its life is 365 days from the
        first issue and is not prolonged; the same value comes back."""
        return self._tokens(
            {"grant_type": "refresh_token", "refresh_token": tokens.refresh_token or ""}, now
        )

    def _tokens(self, grant: dict[str, str], now: datetime) -> Tokens:
        credentials = {"client_id": self._client_id, "client_secret": self._secret}
        answer = self._door.send("POST", TOKEN, form={**grant, **credentials})
        raise_for_oauth(answer)
        body = answer.json()
        if not isinstance(body, dict) or not body.get("access_token"):
            raise NoAnswer("LinkedIn's answer holds no access token")
        return Tokens(
            access_token=str(body["access_token"]),
            expires_at=_end(now, body.get("expires_in")),
            refresh_token=body.get("refresh_token") or None,
            refresh_expires_at=_end(now, body.get("refresh_token_expires_in")),
            # separated by spaces as documented; commas are seen as well
            scopes=tuple(str(body.get("scope") or "").replace(",", " ").split()),
        )

    def member(self, tokens: Tokens) -> Identity:
        """The member, from OpenID Connect's userinfo. `sub` is stable for this app; name and picture may change."""
        answer = self._door.send("GET", USERINFO, headers=bearer(tokens))
        raise_for(answer, creating=False)
        body = answer.json()
        if not isinstance(body, dict) or not body.get("sub"):
            raise NoAnswer("LinkedIn's answer names no member")
        name = body.get("name") or " ".join(
            filter(None, (body.get("given_name"), body.get("family_name")))
        )
        return Identity(
            external_id=str(body["sub"]),
            account_name=name or "LinkedIn member",
            given_name=body.get("given_name"),
            family_name=body.get("family_name"),
            picture_url=body.get("picture"),
        )

    def revoke(self, tokens: Tokens) -> None:
        """End the token. The address is used by clients but not documented, so a failure is the caller's to ignore."""
        answer = self._door.send(
            "POST",
            REVOKE,
            form={
                "client_id": self._client_id,
                "client_secret": self._secret,
                "token": tokens.access_token,
            },
        )
        raise_for_oauth(answer)


def bearer(tokens: Tokens) -> dict[str, str]:
    """The header that carries the token."""
    return {"Authorization": f"Bearer {tokens.access_token}"}


def _end(now: datetime, seconds: Any) -> datetime | None:
    """The end of a lifetime in seconds; None when the platform tells none, or nothing one can count with."""
    try:
        return now + timedelta(seconds=int(seconds)) if seconds else None
    except (TypeError, ValueError, OverflowError):
        return None

"""X's OAuth 2.0: Authorization Code with PKCE, confidential client, rotating refresh tokens. Source: OAuth 2.0 (2026-08)."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote, urlencode

from ..core.connecting import s256_challenge
from ..core.errors import LinError, NoAnswer
from ..core.platform_contract import Tokens
from ..core.ports import PlatformDoor
from .x_errors import raise_for_oauth

AUTHORIZE = "https://x.com/i/oauth2/authorize"
TOKEN = "https://api.x.com/2/oauth2/token"  # noqa: S105 - an address
REVOKE = "https://api.x.com/2/oauth2/revoke"


class XLogin:
    """Consent, tokens and their end, for one developer app."""

    def __init__(
        self, door: PlatformDoor, client_id: str | None, client_secret: str, refresh_days: int
    ) -> None:
        self._door = door
        self._client_id = client_id or ""
        self._refresh_life = timedelta(days=refresh_days)
        pair = f"{self._client_id}:{client_secret}"
        self._basic = {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}

    def authorization_url(
        self, scopes: tuple[str, ...], *, state: str, redirect_uri: str, verifier: str
    ) -> str:
        """The consent page. PKCE is mandatory; S256, so that the verifier itself never passes through the browser."""
        query = urlencode(
            {
                "response_type": "code",
                "client_id": self._client_id,
                "redirect_uri": redirect_uri,
                "scope": " ".join(scopes),
                "state": state,
                "code_challenge": s256_challenge(verifier),
                "code_challenge_method": "S256",
            },
            quote_via=quote,
        )
        return self._door.browser_url(f"{AUTHORIZE}?{query}")

    def exchange_code(
        self, *, code: str, redirect_uri: str, verifier: str, now: datetime
    ) -> Tokens:
        """A code for tokens; it lives 30 seconds and serves once."""
        grant = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_uri,
            "code_verifier": verifier,
        }
        return self._tokens(grant, now, refreshing=False, scopes=())

    def refresh(self, tokens: Tokens, *, now: datetime) -> Tokens:
        """A new pair of tokens. The refresh token serves once: the new one has to be stored before anything else."""
        grant = {"grant_type": "refresh_token", "refresh_token": tokens.refresh_token or ""}
        return self._tokens(grant, now, refreshing=True, scopes=tokens.scopes)

    def _tokens(
        self, grant: Mapping[str, str], now: datetime, *, refreshing: bool, scopes: tuple[str, ...]
    ) -> Tokens:
        answer = self._door.send("POST", TOKEN, headers=self._basic, form=grant)
        raise_for_oauth(answer, refreshing=refreshing)
        body = answer.json()
        if not isinstance(body, dict) or not body.get("access_token"):
            raise NoAnswer("X's answer holds no access token")
        refresh_token = body.get("refresh_token") or None
        return Tokens(
            access_token=str(body["access_token"]),
            expires_at=_end(now, body.get("expires_in")),
            refresh_token=refresh_token,
            # X does not tell it; it begins anew with each refresh
            refresh_expires_at=now + self._refresh_life if refresh_token else None,
            scopes=tuple(str(body.get("scope") or "").split()) or scopes,
        )

    def revoke(self, tokens: Tokens) -> None:
        """End both tokens: that the end of one ends the other is not documented. The first error is raised after both."""
        pairs = {"refresh_token": tokens.refresh_token, "access_token": tokens.access_token}
        failed: LinError | None = None
        for hint, token in pairs.items():
            if token:
                try:
                    form = {"token": token, "token_type_hint": hint}
                    answer = self._door.send("POST", REVOKE, headers=self._basic, form=form)
                    raise_for_oauth(answer, refreshing=False)
                except LinError as error:
                    failed = failed or error
        if failed:
            raise failed


def _end(now: datetime, seconds: Any) -> datetime | None:
    """The end of a lifetime in seconds; None when X tells none, or nothing one can count with."""
    try:
        return now + timedelta(seconds=int(seconds)) if seconds else None
    except (TypeError, ValueError, OverflowError):
        return None

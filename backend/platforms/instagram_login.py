"""Connecting to Instagram through Instagram itself. The other way, through Facebook, is in instagram_pages.py; the two share
neither hosts nor tokens nor scopes. Source: Instagram API with Instagram Login (2026).
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, ClassVar
from urllib.parse import quote, urlencode

from ..core.errors import NoAnswer, Reconnect, Rejected, TryLater
from ..core.platform_contract import Granted, Identity, Tokens
from ..core.ports import Answer, PlatformDoor
from .graph import Graph
from .graph_errors import raise_for, raise_for_oauth
from .instagram_errors import raise_for_media

log = logging.getLogger("lin.platforms.instagram")

VARIABLES = "INSTAGRAM_APP_ID and INSTAGRAM_APP_SECRET"
_DIALOG = "https://www.instagram.com/oauth/authorize"
_CODES = "https://api.instagram.com/oauth/access_token"
_INSTAGRAM_HOST = "https://graph.instagram.com"
_LIFE = timedelta(days=60)
# A token is not refreshed on its first day.
_YOUTH = timedelta(days=1)


class InstagramLogin:
    """Through Instagram itself: no Facebook page is needed, posts cannot be deleted, a token refreshes itself.

    The first of `SCOPES` is for reading. `PROVES`: whether calls may carry the proof of the app's secret."""

    HOST = _INSTAGRAM_HOST
    SCOPES: ClassVar[tuple[str, ...]] = (
        "instagram_business_basic",
        "instagram_business_content_publish",
    )
    INSIGHTS_SCOPE = "instagram_business_manage_insights"
    DELETE_SCOPE: ClassVar[str | None] = None
    PROVES = False  # documented for Facebook's host only

    def __init__(
        self, door: PlatformDoor, graph: Graph, *, version: str, client_id: str, secret: str
    ) -> None:
        self._door = door
        self._graph = graph
        self._client_id = client_id
        self._secret = secret

    def authorization_url(self, *, state: str, redirect_uri: str, scopes: Sequence[str]) -> str:
        """The consent page. There is no PKCE."""
        query = urlencode(
            {
                "client_id": self._client_id,
                "redirect_uri": redirect_uri,
                "response_type": "code",
                "scope": ",".join(scopes),
                "state": state,
            },
            quote_via=quote,
        )
        return self._door.browser_url(f"{_DIALOG}?{query}")

    def exchange_code(self, *, code: str, redirect_uri: str, now: datetime) -> Tokens:
        """A code for a token of an hour, and that for one of 60 days, with what was granted."""
        form = {
            "client_id": self._client_id,
            "client_secret": self._secret,
            "grant_type": "authorization_code",
            "redirect_uri": redirect_uri,
            "code": code.partition("#")[0],  # browsers may carry a trailing "#_" along
        }
        short = _flat(self._answered(self._door.send("POST", _CODES, form=form)))
        grant = {
            "grant_type": "ig_exchange_token",
            "client_secret": self._secret,
            "access_token": _text(short, "access_token"),
        }
        answer = self._door.send("GET", f"{self.HOST}/access_token", params=grant)
        return _renewing(self._answered(answer), _granted(short.get("permissions")), now)

    def refresh(self, tokens: Tokens, *, now: datetime) -> Tokens:
        """A new token of 60 days for one that still lives. Before it is a day old Instagram refuses, with a code that may mean
        a lost one as well: so that is not asked. What else it refuses is tried again, until the token has ended."""
        if tokens.expires_at is not None and tokens.expires_at - now > _LIFE - _YOUTH:
            raise TryLater(
                "Instagram renews a permission only from its second day on.",
                error_class="token_too_young",
            )
        query = {"grant_type": "ig_refresh_token", "access_token": tokens.access_token}
        answer = self._door.send("GET", f"{self.HOST}/refresh_access_token", params=query)
        try:
            raise_for(answer, committing=False, title="Instagram", own=raise_for_media)
        except Rejected as error:
            raise TryLater(
                "Instagram does not renew the permission just now.",
                error_class=error.error_class,
                http_status=error.http_status,
                request_id=error.request_id,
            ) from error
        return _renewing(self._graph.read(answer), tokens.scopes, now)

    def accounts(self, tokens: Tokens) -> Sequence[Granted]:
        """The one account that consented."""
        return [Granted(self._me(tokens), tokens)]

    def profile(self, tokens: Tokens, identity: Identity) -> Identity:
        """The account as it is now."""
        return self._me(tokens)

    def revoke(self, tokens: Tokens) -> None:
        """Always Rejected: no call is documented. The owner takes the app out of the account's settings at Instagram; else
        the token ends after 60 days."""
        raise Rejected(
            "Instagram lets only the account's owner take a permission back: in its settings, under apps and websites.",
            error_class="no_revoke",
        )

    def _me(self, tokens: Tokens) -> Identity:
        fields = "user_id,username,name,profile_picture_url,account_type"
        me = _flat(self._graph.get("me", tokens.access_token, fields=fields))
        if str(me.get("account_type")).upper() == "PERSONAL":
            raise Rejected(_NOT_PROFESSIONAL, error_class="no_professional_account")
        # the id that the code's answer tells may be another one, of the app
        return identity_of(_text(me, "user_id"), me)

    def _answered(self, answer: Answer) -> dict[str, Any]:
        if answer.status == 400 and b"secret" in answer.body.lower():
            log.error("Instagram does not accept the app's credentials (%s)", VARIABLES)
        raise_for_oauth(answer, title="Instagram", variables=VARIABLES)
        return self._graph.read(answer)


def other_login() -> Reconnect:
    """What is said of a token that came the other way: it is not sent anywhere."""
    return Reconnect(
        "The account was connected through another login than this server uses now; connect it again.",
        error_class="other_login",
    )


def _renewing(body: Mapping[str, Any], scopes: tuple[str, ...], now: datetime) -> Tokens:
    """A token that refreshes itself: it is its own refresh token."""
    token = _text(body, "access_token")
    try:
        end = now + timedelta(seconds=int(body["expires_in"]))
    except (KeyError, TypeError, ValueError, OverflowError):
        end = now + _LIFE
    return Tokens(token, end, refresh_token=token, refresh_expires_at=end, scopes=scopes)


def _granted(permissions: Any) -> tuple[str, ...]:
    """Told as a list or separated by commas."""
    names = permissions if isinstance(permissions, list) else str(permissions or "").split(",")
    return tuple(str(name).strip() for name in names if str(name).strip())


def _flat(body: Mapping[str, Any]) -> Mapping[str, Any]:
    """The object itself: documented in `data`, seen without."""
    wrapped = body.get("data")
    inner = wrapped[0] if isinstance(wrapped, list) and wrapped else body
    return inner if isinstance(inner, dict) else body


def identity_of(account: str, told: Mapping[str, Any]) -> Identity:
    """Who an account is, by what Instagram tells of it."""
    name, username, picture = (told.get(n) for n in ("name", "username", "profile_picture_url"))
    return Identity(
        external_id=account,
        account_name=str(name or username or "Instagram account"),
        kind="professional",
        picture_url=str(picture) if picture else None,
        username=str(username) if username else None,
    )


def _text(body: Mapping[str, Any], name: str) -> str:
    value = body.get(name)
    if not isinstance(value, str | int) or value == "":
        raise NoAnswer(f"Instagram's answer holds no {name}")
    return str(value)


_NOT_PROFESSIONAL = (
    "Instagram lets apps publish to professional accounts only. Make yours a business or creator account in its settings, "
    "then connect again."
)

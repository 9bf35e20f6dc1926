"""TikTok's sign-in: Login Kit v2, and who an account is. Source: TikTok for Developers, OAuth v2, User Info (2026-09)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from pydantic import Field, field_validator

from ..core.errors import NoAnswer, PlatformError, SendError
from ..core.platform_contract import Granted, Identity, Tokens
from ..core.ports import PlatformDoor
from ..settings import PlatformSettings
from .tiktok_creator import Creator, read_creator
from .tiktok_errors import data_of, raise_for_oauth


class TikTokSettings(PlatformSettings, env_prefix="TIKTOK_"):
    """TIKTOK_…; TikTok calls the client id a client key."""

    client_id: str | None = Field(default=None, validation_alias="TIKTOK_CLIENT_KEY")
    # until TikTok has audited the app, it publishes only to private accounts, for nobody but their owners
    audited: bool = False
    # the app has video.upload: drafts may be delivered to the inbox
    inbox: bool = False
    # the app has video.list: statistics of public posts may be read
    video_list: bool = False
    # the address below which TikTok may fetch photos, verified in its developer portal
    pull_prefix: str | None = None
    poll_seconds: float = Field(default=5.0, ge=2, le=300)

    @field_validator("pull_prefix")
    @classmethod
    def _check_prefix(cls, value: str | None) -> str | None:
        if value is None:
            return None
        parts = urlsplit(value)
        here = parts.hostname in ("127.0.0.1", "localhost")
        if (parts.scheme != "https" and not here) or not parts.hostname or parts.query:
            raise ValueError("must be an https URL without a query")
        return value.rstrip("/") + "/"


class TikTokLogin:
    """Permissions and accounts, and the calls that are made with them."""

    AUTHORIZE = "https://www.tiktok.com/v2/auth/authorize/"
    TOKEN = "https://open.tiktokapis.com/v2/oauth/token/"  # noqa: S105 - an address
    REVOKE = "https://open.tiktokapis.com/v2/oauth/revoke/"
    API = "https://open.tiktokapis.com/v2"

    # id, name and picture need `user.info.basic`; posting, and the name in the address, need `video.publish`
    SCOPES = ("user.info.basic", "video.publish")
    DRAFT_SCOPE = "video.upload"
    METRICS_SCOPE = "video.list"

    def __init__(self, door: PlatformDoor, settings: TikTokSettings) -> None:
        self._door = door
        self._settings = settings

    @property
    def configured(self) -> bool:
        """Whether client key and secret are set."""
        return bool(self._settings.client_id and self._settings.secret)

    @property
    def scopes(self) -> tuple[str, ...]:
        """The scopes that publishing needs."""
        return self.SCOPES

    def authorization_url(self, *, state: str, redirect_uri: str, verifier: str) -> str:
        """The consent page. The verifier is not used: PKCE is for desktop apps, and what TikTok makes of a challenge on the
        web is not confirmed."""
        asked = list(self.SCOPES)
        asked += [self.DRAFT_SCOPE] if self._settings.inbox else []
        asked += [self.METRICS_SCOPE] if self._settings.video_list else []
        query = urlencode(
            {
                "client_key": self._settings.client_id or "",
                "response_type": "code",
                "scope": ",".join(asked),
                "redirect_uri": redirect_uri,
                "state": state,
            },
            quote_via=quote,
            safe=",",
        )
        return self._door.browser_url(f"{self.AUTHORIZE}?{query}")

    def exchange_code(
        self, *, code: str, redirect_uri: str, verifier: str, now: datetime
    ) -> Tokens:
        """A code for tokens. Users may grant a part of what was asked for; `scopes` has what they granted."""
        grant = {"grant_type": "authorization_code", "code": code, "redirect_uri": redirect_uri}
        return self._tokens(grant, now, Tokens("", None))

    def refresh(self, tokens: Tokens, *, now: datetime) -> Tokens:
        """New tokens for a refresh token, which lives 365 days. Another refresh token may come with them; the old one is kept
        where none does."""
        grant = {"grant_type": "refresh_token", "refresh_token": tokens.refresh_token or ""}
        return self._tokens(grant, now, tokens)

    def _tokens(self, grant: dict[str, str], now: datetime, old: Tokens) -> Tokens:
        answer = self._door.send("POST", self.TOKEN, form={**grant, **self._credentials()})
        raise_for_oauth(answer)
        body = answer.json()
        if not isinstance(body, dict) or not body.get("access_token"):
            raise NoAnswer("TikTok's answer holds no access token")
        return Tokens(
            access_token=str(body["access_token"]),
            expires_at=_end(now, body.get("expires_in")),
            refresh_token=body.get("refresh_token") or old.refresh_token,
            refresh_expires_at=_end(now, body.get("refresh_expires_in")) or old.refresh_expires_at,
            scopes=tuple(str(body.get("scope") or "").replace(",", " ").split()) or old.scopes,
        )

    def _credentials(self) -> dict[str, str]:
        return {
            "client_key": self._settings.client_id or "",
            "client_secret": self._settings.secret,
        }

    def accounts(self, tokens: Tokens) -> Sequence[Granted]:
        """The one account that the consent is about."""
        return [Granted(self._account(tokens), tokens)]

    def profile(self, tokens: Tokens, identity: Identity) -> Identity:
        """The account as it is now."""
        now = self._account(tokens)
        return now if now.username else replace(now, username=identity.username)

    def _account(self, tokens: Tokens) -> Identity:
        """The account. `open_id` is stable for this app. The name in its address is told to those who may publish; without
        it an account is no worse connected."""
        answer = self._door.send(
            "GET",
            f"{self.API}/user/info/",
            params={"fields": "open_id,avatar_url,display_name"},
            headers=_bearer(tokens),
        )
        user = data_of(answer, creating=False).get("user")
        if not isinstance(user, dict) or not user.get("open_id"):
            raise NoAnswer("TikTok's answer names no account")
        try:
            username = self._creator(tokens).username
        except (PlatformError, SendError):
            username = None
        return Identity(
            external_id=str(user["open_id"]),
            account_name=user.get("display_name") or username or "TikTok account",
            picture_url=user.get("avatar_url") or None,
            username=username,
        )

    def revoke(self, tokens: Tokens) -> None:
        """End the permission."""
        form = {**self._credentials(), "token": tokens.access_token}
        raise_for_oauth(self._door.send("POST", self.REVOKE, form=form))

    def _creator(self, tokens: Tokens) -> Creator:
        return read_creator(self._call("/post/publish/creator_info/query/", tokens, {}))

    def _call(
        self, path: str, tokens: Tokens, json: Any, *, params: dict[str, str] | None = None, creating: bool = False
    ) -> dict[str, Any]:  # fmt: skip
        headers = {**_bearer(tokens), "Content-Type": "application/json; charset=UTF-8"}
        answer = self._door.send(
            "POST", f"{self.API}{path}", headers=headers, params=params, json=json
        )
        return data_of(answer, creating=creating)


def _bearer(tokens: Tokens) -> dict[str, str]:
    return {"Authorization": f"Bearer {tokens.access_token}"}


def _end(now: datetime, seconds: Any) -> datetime | None:
    """The end of a lifetime in seconds; None when TikTok tells none, or nothing one can count with."""
    try:
        return now + timedelta(seconds=int(seconds)) if seconds else None
    except (TypeError, ValueError, OverflowError):
        return None

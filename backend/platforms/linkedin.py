"""LinkedIn: OAuth 2.0, and posts of a member with text, images, a document or a video.

Facts: LinkedIn documentation of OAuth 2.0, Sign In with OpenID Connect, and the Posts, Images, Videos and Documents
APIs (2026-09). What is seen in practice but not documented is said where it matters.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote, urlencode

from pydantic import AliasChoices, Field, SecretStr

from ..core.errors import NoAnswer
from ..core.platform_contract import (
    Content,
    Granted,
    Identity,
    Notes,
    Part,
    Published,
    Rendering,
    Seen,
    Tokens,
    Violation,
)
from ..core.ports import Answer, PictureLimits, PlatformDoor
from ..settings import PlatformSettings
from .limits import limit_violations
from .linkedin_content import LIMITS, TEXT_MAX, LinkedInOptions
from .linkedin_errors import post_url, raise_for, raise_for_oauth
from .linkedin_media import LinkedInMedia
from .linkedin_reading import READ_BACK_SCOPE, seen_posts
from .little_text import escape
from .options import option_violations

log = logging.getLogger("lin.platforms.linkedin")


class LinkedInSettings(PlatformSettings, env_prefix="LINKEDIN_"):
    """LINKEDIN_…; the names CLIENT_ID, CLIENT_SECRET and REDIRECT_URL are accepted as well."""

    client_id: str | None = Field(
        default=None, validation_alias=AliasChoices("LINKEDIN_CLIENT_ID", "CLIENT_ID")
    )
    client_secret: SecretStr | None = Field(
        default=None, validation_alias=AliasChoices("LINKEDIN_CLIENT_SECRET", "CLIENT_SECRET")
    )
    redirect_url: str | None = Field(
        default=None, validation_alias=AliasChoices("LINKEDIN_REDIRECT_URL", "REDIRECT_URL")
    )
    version: str = Field(default="202609", pattern=r"^20\d{4}$")
    read_back: bool = False
    # LinkedIn needs a few seconds until an uploaded picture can be used
    media_grace_seconds: float = Field(default=4.0, ge=0, le=60)


class LinkedIn:
    """LinkedIn for apps with "Sign In with LinkedIn using OpenID Connect" and "Share on LinkedIn" (both self-serve)."""

    name = "linkedin"
    AUTHORIZE = "https://www.linkedin.com/oauth/v2/authorization"
    TOKEN = "https://www.linkedin.com/oauth/v2/accessToken"  # noqa: S105 - an address
    REVOKE = "https://www.linkedin.com/oauth/v2/revoke"
    USERINFO = "https://api.linkedin.com/v2/userinfo"
    REST = "https://api.linkedin.com/rest"

    # name and picture need `profile`, the id needs `openid`, posting needs `w_member_social`; the address is not needed
    SCOPES = ("openid", "profile", "w_member_social")
    LIMITS = LIMITS
    Settings = LinkedInSettings
    Options = LinkedInOptions
    pictures = PictureLimits(
        ("image/jpeg", "image/png"), max_bytes=10_000_000, max_pixels=36_152_320
    )
    one_consent = True

    def __init__(
        self,
        door: PlatformDoor,
        settings: LinkedInSettings,
        *,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._door = door
        self._client_id = settings.client_id
        self._client_secret = settings.secret
        self._version = settings.version
        self._asked = (*self.SCOPES, READ_BACK_SCOPE) if settings.read_back else self.SCOPES
        self._media = LinkedInMedia(self._rest, door, settings.media_grace_seconds, pause)

    @property
    def configured(self) -> bool:
        """Whether client id and secret are set."""
        return bool(self._client_id and self._client_secret)

    @property
    def scopes(self) -> tuple[str, ...]:
        """The scopes that publishing needs."""
        return self.SCOPES

    @property
    def read_back_scope(self) -> str:
        """What reading a member's posts needs; asked for where the app has it."""
        return READ_BACK_SCOPE

    @property
    def absence_is_proof(self) -> bool:
        """No: nothing says that the listing is complete and current, so only what it shows counts."""
        return False

    # ---------------------------------------------------------------- OAuth and identity

    def authorization_url(self, *, state: str, redirect_uri: str, verifier: str) -> str:
        """The consent page. LinkedIn's web flow takes no PKCE challenge, so the verifier is not used."""
        query = urlencode(
            {
                "response_type": "code",
                "client_id": self._client_id or "",
                "redirect_uri": redirect_uri,
                "state": state,
                "scope": " ".join(self._asked),
            },
            quote_via=quote,
        )
        return self._door.browser_url(f"{self.AUTHORIZE}?{query}")

    def exchange_code(
        self, *, code: str, redirect_uri: str, verifier: str, now: datetime
    ) -> Tokens:
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
        credentials = {
            "client_id": self._client_id or "",
            "client_secret": self._client_secret or "",
        }
        answer = self._door.send("POST", self.TOKEN, form={**grant, **credentials})
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

    def accounts(self, tokens: Tokens) -> Sequence[Granted]:
        """The member."""
        return [Granted(self._member(tokens), tokens)]

    def profile(self, tokens: Tokens, identity: Identity) -> Identity:
        """The member as they are now."""
        return self._member(tokens)

    def _member(self, tokens: Tokens) -> Identity:
        """The member, from OpenID Connect's userinfo. `sub` is stable for this app; name and picture may change."""
        answer = self._door.send("GET", self.USERINFO, headers=_bearer(tokens))
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
            self.REVOKE,
            form={
                "client_id": self._client_id or "",
                "client_secret": self._client_secret or "",
                "token": tokens.access_token,
            },
        )
        raise_for_oauth(answer)

    # ---------------------------------------------------------------- content

    def render(self, content: Content) -> Rendering:
        """The commentary as it is sent: little text, hashtags kept. It counts as it is read, before escaping."""
        part = Part(escape(content.text), len(content.text), TEXT_MAX)
        return Rendering((part,), privacy=content.options.get("visibility", "PUBLIC"))

    def violations(self, content: Content) -> Sequence[Violation]:
        """What LinkedIn would refuse, before anything is sent. The text counts as it is read, before escaping."""
        return [
            *limit_violations("LinkedIn", LIMITS, content, self.render(content).parts),
            *option_violations(LinkedInOptions, content.options),
        ]

    def prepare(
        self, tokens: Tokens, identity: Identity, content: Content, notes: Notes
    ) -> dict[str, Any]:
        """Upload the media; returns the body of the create call. Repeatable: unused uploads are invisible."""
        author = f"urn:li:person:{identity.external_id}"
        body: dict[str, Any] = {
            "author": author,
            "commentary": escape(content.text),
            "visibility": content.options.get("visibility", "PUBLIC"),
            "distribution": {
                "feedDistribution": "MAIN_FEED",
                "targetEntities": [],
                "thirdPartyDistributionChannels": [],
            },
            "lifecycleState": "PUBLISHED",
            "isReshareDisabledByAuthor": False,
        }
        if content.attachments:
            body["content"] = self._media.upload(tokens, author, content)
        return body

    def publish(self, tokens: Tokens, prepared: Any, notes: Notes) -> Published:
        """Create the post. 201 means it exists, even without an id; what is not a clear refusal leaves it unknown."""
        answer = self._rest("POST", "/posts", tokens, json=prepared)
        raise_for(answer, creating=True)
        urn = answer.headers.get("x-restli-id") or None
        return Published(
            external_id=urn,
            external_url=post_url(urn) if urn else None,
            http_status=answer.status,
            request_id=answer.headers.get("x-li-request-id") or answer.headers.get("x-li-uuid"),
        )

    def recent_posts(
        self, tokens: Tokens, identity: Identity, *, since: datetime
    ) -> Sequence[Seen]:
        """The member's posts created since then, of the newest hundred."""
        query = {"q": "author", "author": f"urn:li:person:{identity.external_id}", "count": "100"}
        answer = self._rest("GET", "/posts", tokens, params=query)
        raise_for(answer, creating=False)
        return seen_posts(answer, since)

    def _rest(
        self, method: str, path: str, tokens: Tokens, *, json: Any = None, params: Mapping[str, str] | None = None
    ) -> Answer:  # fmt: skip
        headers = {
            **_bearer(tokens),
            "LinkedIn-Version": self._version,
            "X-Restli-Protocol-Version": "2.0.0",
        }
        return self._door.send(
            method, f"{self.REST}{path}", headers=headers, params=params, json=json
        )


def _bearer(tokens: Tokens) -> dict[str, str]:
    return {"Authorization": f"Bearer {tokens.access_token}"}


def _end(now: datetime, seconds: Any) -> datetime | None:
    """The end of a lifetime in seconds; None when the platform tells none, or nothing one can count with."""
    try:
        return now + timedelta(seconds=int(seconds)) if seconds else None
    except (TypeError, ValueError, OverflowError):
        return None


PLATFORM = LinkedIn

"""LinkedIn: posts of a member, and of the pages that they may post for, with text, images, a document, a video, an article
or a poll.

Facts: LinkedIn documentation of OAuth 2.0, Sign In with OpenID Connect, and the Posts, Images, Videos and Documents
APIs (2026-09). What is seen in practice but not documented is said where it matters.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from typing import Any
from urllib.parse import quote

from pydantic import AliasChoices, Field, SecretStr

from ..core.errors import Rejected
from ..core.platform_contract import (
    Content,
    Granted,
    Identity,
    Metrics,
    Notes,
    Published,
    Rendering,
    Seen,
    Tokens,
    Violation,
)
from ..core.ports import Answer, PictureLimits, PlatformDoor
from ..settings import PlatformSettings
from .linkedin_content import (
    LIMITS,
    LinkedInOptions,
    commentary,
    content_violations,
    post_body,
)
from .linkedin_errors import post_url, raise_for
from .linkedin_login import LinkedInLogin, bearer
from .linkedin_media import LinkedInMedia, forget_uploads
from .linkedin_pages import (
    LIST_SCOPE,
    POST_SCOPE,
    author_of,
    granted_to,
    page_now,
    pages_of,
    require_page_scope,
)
from .linkedin_quota import minded
from .linkedin_reading import PAGE_READ_SCOPE, READ_BACK_SCOPE, seen_posts
from .linkedin_statistics import (
    MEMBER_STATISTICS_SCOPE,
    PAGE_STATISTICS_SCOPE,
    metrics_of_member,
    metrics_of_page,
)
from .linkedin_versions import version_ends


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
    version: str = Field(default="202609", pattern=r"^20\d\d(0[1-9]|1[0-2])$")
    read_back: bool = False
    organizations: bool = False
    analytics: bool = False
    # LinkedIn needs a few seconds until an uploaded picture can be used
    media_grace_seconds: float = Field(default=4.0, ge=0, le=60)


class LinkedIn:
    """LinkedIn for apps with "Sign In with LinkedIn using OpenID Connect" and "Share on LinkedIn" (both self-serve); pages
    and statistics for apps that LinkedIn has given the Community Management API."""

    name = "linkedin"
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
        self._is_configured = bool(settings.client_id and settings.secret)
        self._version = settings.version
        self._organizations = settings.organizations
        self._login = LinkedInLogin(
            door, client_id=settings.client_id or "", secret=settings.secret, scopes=_asked(self.SCOPES, settings)
        )  # fmt: skip
        self._media = LinkedInMedia(self._rest, door, settings.media_grace_seconds, pause)

    @property
    def configured(self) -> bool:
        """Whether client id and secret are set."""
        return self._is_configured

    @property
    def scopes(self) -> tuple[str, ...]:
        """The scopes that a member's posts need; a page's need `w_organization_social` as well, which `prepare` checks."""
        return self.SCOPES

    @property
    def read_back_scope(self) -> str:
        """What reading posts needs, a member's or a page's; asked for where the app has it."""
        return f"{READ_BACK_SCOPE} {PAGE_READ_SCOPE}"

    @property
    def metrics_scope(self) -> str:
        """What statistics need, a member's or a page's; asked for where the app has it."""
        return f"{MEMBER_STATISTICS_SCOPE} {PAGE_STATISTICS_SCOPE}"

    @property
    def absence_is_proof(self) -> bool:
        """No: nothing says that the listing is complete and current, so only what it shows counts."""
        return False

    @property
    def version(self) -> str:
        """The version of the API in use, YYYYMM."""
        return self._version

    @property
    def version_ends(self) -> date | None:
        """The day from which LinkedIn refuses the version; None for one that its list does not name."""
        return version_ends(self._version)

    # ---------------------------------------------------------------- OAuth and accounts

    def authorization_url(self, *, state: str, redirect_uri: str, verifier: str) -> str:
        """The consent page. LinkedIn's web flow takes no PKCE challenge, so the verifier is not used."""
        return self._login.authorization_url(state=state, redirect_uri=redirect_uri)

    def exchange_code(
        self, *, code: str, redirect_uri: str, verifier: str, now: datetime
    ) -> Tokens:
        """A code for tokens, with what was granted."""
        return self._login.exchange_code(code=code, redirect_uri=redirect_uri, now=now)

    def refresh(self, tokens: Tokens, *, now: datetime) -> Tokens:
        """New access token for a refresh token, which only apps approved by LinkedIn get."""
        return self._login.refresh(tokens, now=now)

    def accounts(self, tokens: Tokens) -> Sequence[Granted]:
        """The member and, where the app may, every page they may post for. The same token serves all."""
        found = [self._login.member(tokens)]
        if self._organizations and POST_SCOPE in tokens.scopes:
            found += pages_of(self._rest, tokens)
        return [granted_to(identity, tokens) for identity in found]

    def profile(self, tokens: Tokens, identity: Identity) -> Identity:
        """The member as they are now; a page as long as its member may post for it."""
        if identity.kind == "organization":
            return page_now(self._rest, tokens, identity)
        return self._login.member(tokens)

    def revoke(self, tokens: Tokens) -> None:
        """End the token, for the member and all their pages. The address is not documented: best effort."""
        self._login.revoke(tokens)

    # ---------------------------------------------------------------- content

    def render(self, content: Content) -> Rendering:
        """The commentary as it is sent, and who may see it."""
        return Rendering(
            (commentary(content),), privacy=content.options.get("visibility", "PUBLIC")
        )

    def violations(self, content: Content) -> Sequence[Violation]:
        """What LinkedIn would refuse, before anything is sent."""
        return content_violations(content)

    def prepare(
        self, tokens: Tokens, identity: Identity, content: Content, notes: Notes
    ) -> dict[str, Any]:
        """Upload the media that the notes do not hold; returns the body of the create call. Unused uploads are invisible."""
        require_page_scope(identity, tokens)
        author = author_of(identity)
        body = post_body(author, content)
        with minded(notes):
            if content.attachments and "content" in body:
                thumbnail = self._media.thumbnail(tokens, author, content, notes)
                body["content"]["article"]["thumbnail"] = thumbnail
            elif content.attachments:
                body["content"] = self._media.upload(tokens, author, content, notes)
        return body

    def publish(self, tokens: Tokens, prepared: Any, notes: Notes) -> Published:
        """Create the post. 201 means it exists, even without an id; what is not a clear refusal leaves it unknown."""
        with minded(notes):
            answer = self._rest("POST", "/posts", tokens, json=prepared)
            try:
                raise_for(answer, creating=True)
            except Rejected:
                forget_uploads(notes)
                raise
        urn = answer.headers.get("x-restli-id") or None
        return Published(
            external_id=urn,
            external_url=post_url(urn) if urn else None,
            http_status=answer.status,
            request_id=answer.headers.get("x-li-request-id") or answer.headers.get("x-li-uuid"),
        )

    # ---------------------------------------------------------------- afterwards

    def recent_posts(
        self, tokens: Tokens, identity: Identity, *, since: datetime
    ) -> Sequence[Seen]:
        """The account's posts created since then, of the newest hundred."""
        query = {"q": "author", "author": author_of(identity), "count": "100"}
        answer = self._rest("GET", "/posts", tokens, params=query)
        raise_for(answer, creating=False)
        return seen_posts(answer, since)

    def delete(self, tokens: Tokens, identity: Identity, external_id: str, notes: Notes) -> None:
        """Delete the post. Of one that is not there LinkedIn's documentation promises 204; 404 is seen as well."""
        path = f"/posts/{quote(external_id, safe='')}"
        answer = self._rest("DELETE", path, tokens, headers={"X-RestLi-Method": "DELETE"})
        if answer.status != 404:
            raise_for(answer, creating=False)

    def metrics(
        self, tokens: Tokens, identity: Identity, external_ids: Sequence[str]
    ) -> Mapping[str, Metrics]:
        """How posts do, where LinkedIn tells this account."""
        if identity.kind == "organization" and PAGE_STATISTICS_SCOPE in tokens.scopes:
            return metrics_of_page(self._rest, tokens, author_of(identity), external_ids)
        if identity.kind == "person" and MEMBER_STATISTICS_SCOPE in tokens.scopes:
            return metrics_of_member(self._rest, tokens, external_ids)
        return {}

    def _rest(
        self, method: str, path: str, tokens: Tokens, *,
        json: Any = None, params: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None,
    ) -> Answer:  # fmt: skip
        own = {
            **bearer(tokens),
            "LinkedIn-Version": self._version,
            "X-Restli-Protocol-Version": "2.0.0",
            **(headers or {}),
        }
        return self._door.send(method, f"{self.REST}{path}", headers=own, params=params, json=json)


def _asked(least: Sequence[str], settings: LinkedInSettings) -> list[str]:
    """The scopes to ask for: the least, and those of the products that the operator says the app has."""
    asked = [*least]
    if settings.read_back:
        asked.append(READ_BACK_SCOPE)
    if settings.analytics:
        asked.append(MEMBER_STATISTICS_SCOPE)
    if settings.organizations:
        listing = PAGE_STATISTICS_SCOPE if settings.analytics else LIST_SCOPE
        asked += [POST_SCOPE, PAGE_READ_SCOPE, listing]
    return asked


PLATFORM = LinkedIn

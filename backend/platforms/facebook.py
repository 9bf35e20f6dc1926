"""Facebook: pages of a user, and their posts with text, a link, photos, a video or a reel. Profiles cannot be posted to.

Facts: Facebook Login, Graph API and Pages API documentation (v24 to v26, 2025-2026). What is not documented is said where
it matters.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

from pydantic import Field, SecretStr

from ..core.errors import NoAnswer, Reconnect, Rejected
from ..core.platform_contract import (
    Absent,
    Accepted,
    Content,
    Granted,
    Identity,
    Metrics,
    Notes,
    Pending,
    Published,
    Rendering,
    Seen,
    Tokens,
    Violation,
)
from ..core.ports import PictureLimits, PlatformDoor
from ..settings import PlatformSettings
from .facebook_content import LIMITS, FacebookOptions, content_violations, message
from .facebook_errors import raise_for_page
from .facebook_media import FacebookMedia, forget_uploads
from .facebook_publishing import Call, call_for, published
from .facebook_reading import metrics_of, published_posts, video_outcome
from .graph import Graph, version_ends
from .graph_errors import is_gone
from .graph_login import FacebookLogin, may_publish, picture_of

READ_SCOPE = "pages_read_engagement"
INSIGHTS_SCOPE = "read_insights"
# what was created so long before our call may still be ours
_CLOCKS_DIFFER = timedelta(minutes=2)


class FacebookSettings(PlatformSettings, env_prefix="FACEBOOK_"):
    """FACEBOOK_…, the credentials by Meta's own names."""

    client_id: str | None = Field(default=None, validation_alias="FACEBOOK_APP_ID")
    client_secret: SecretStr | None = Field(default=None, validation_alias="FACEBOOK_APP_SECRET")
    version: str = Field(default="v26.0", pattern=r"^v\d+\.\d+$")
    read_insights: bool = False
    poll_seconds: float = Field(default=20.0, ge=1, le=600)


class Facebook:
    """Facebook Pages, for apps with Facebook Login and the permissions below (App Review, unless one has a role on the app)."""

    name = "facebook"
    # which pages there are, what they have published and how it does, and publishing
    SCOPES = ("pages_show_list", READ_SCOPE, "pages_manage_posts")
    LIMITS = LIMITS

    Settings = FacebookSettings
    Options = FacebookOptions
    pictures = PictureLimits(("image/jpeg", "image/png"), max_bytes=4_000_000)
    one_consent = True

    def __init__(
        self,
        door: PlatformDoor,
        settings: FacebookSettings,
        *,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        client_id, self._secret = settings.client_id or "", settings.secret
        self._client_id = client_id
        self._version = settings.version
        self._insights = settings.read_insights
        self._poll_seconds = settings.poll_seconds
        self._graph = Graph(
            door, settings.version, settings.secret, title="Facebook", own=raise_for_page
        )
        self._login = FacebookLogin(
            door, self._graph, version=settings.version, client_id=client_id, secret=settings.secret,
            title="Facebook", variables="FACEBOOK_APP_ID and FACEBOOK_APP_SECRET",
        )  # fmt: skip
        self._media = FacebookMedia(self._graph, client_id)

    @property
    def configured(self) -> bool:
        """Whether the app's id and secret are set."""
        return bool(self._client_id and self._secret)

    @property
    def scopes(self) -> tuple[str, ...]:
        """The scopes that publishing needs; without reading, what may be live could not be looked for."""
        return self.SCOPES

    @property
    def read_back_scope(self) -> str:
        """What reading a page's posts needs."""
        return READ_SCOPE

    @property
    def metrics_scope(self) -> str:
        """What counting reactions needs; views need `read_insights` as well, and are left out without it."""
        return READ_SCOPE

    @property
    def absence_is_proof(self) -> bool:
        """Yes: a page sees all of its posts. Whoever relies on it looks several times, as a new one may show late. What
        became of a video is asked by its own id instead (`outcome`), because it shows only after it was processed."""
        return True

    @property
    def version(self) -> str:
        """The version of the Graph API in use."""
        return self._version

    @property
    def version_ends(self) -> date | None:
        """The day from which the version is not served any more, None while Meta has not said."""
        return version_ends(self._version)

    # ---------------------------------------------------------------- OAuth and accounts

    def authorization_url(self, *, state: str, redirect_uri: str, verifier: str) -> str:
        """The consent page. Facebook's web flow takes no PKCE challenge, so the verifier is not used."""
        asked = (*self.SCOPES, INSIGHTS_SCOPE) if self._insights else self.SCOPES
        return self._login.authorization_url(state=state, redirect_uri=redirect_uri, scopes=asked)

    def exchange_code(
        self, *, code: str, redirect_uri: str, verifier: str, now: datetime
    ) -> Tokens:
        """A code for the user's long-lived token, with what they granted."""
        return self._login.exchange_code(code=code, redirect_uri=redirect_uri, now=now)

    def refresh(self, tokens: Tokens, *, now: datetime) -> Tokens:
        """Always Reconnect: a page's token has no end of its own, and when it is dead its user has to consent again."""
        raise Reconnect(
            "Facebook does not renew a page's permission; connect the page again.",
            error_class="no_refresh",
        )

    def accounts(self, tokens: Tokens) -> Sequence[Granted]:
        """The pages that the user ticked and may post to. Each keeps the user's token beside its own: only that one revokes."""
        pages = self._login.pages(tokens.access_token)
        usable = [page for page in pages if may_publish(page) and page.get("access_token")]
        if not usable:
            raise Rejected(_NO_ROLE if pages else _NO_PAGE, error_class="no_page")
        own = replace(tokens, expires_at=None, refresh_token=tokens.access_token)
        return [
            Granted(_identity(page), replace(own, access_token=str(page["access_token"])))
            for page in usable
        ]

    def profile(self, tokens: Tokens, identity: Identity) -> Identity:
        """The page as it is now."""
        fields = "id,name,username,picture{url}"
        return _identity(self._graph.get(identity.external_id, tokens.access_token, fields=fields))

    def revoke(self, tokens: Tokens) -> None:
        """End the user's consent, and with it the tokens of all their pages."""
        self._login.revoke(tokens.refresh_token or tokens.access_token)

    # ---------------------------------------------------------------- content

    def render(self, content: Content) -> Rendering:
        """The message as it is sent: plain text, as it was written."""
        return Rendering((message(content),))

    def violations(self, content: Content) -> Sequence[Violation]:
        """What Facebook would refuse, before anything is sent."""
        return content_violations(content)

    def prepare(self, tokens: Tokens, identity: Identity, content: Content, notes: Notes) -> Call:
        """Upload the files; returns the call that publishes."""
        return call_for(self._media, tokens.access_token, identity.external_id, content, notes)

    def publish(self, tokens: Tokens, prepared: Any, notes: Notes) -> Published | Accepted:
        """The one call that publishes. Videos and reels are out only after Facebook has processed them."""
        return published(
            self._graph, tokens.access_token, prepared, notes, check_after=self._poll_seconds
        )

    # ---------------------------------------------------------------- afterwards

    def outcome(
        self, tokens: Tokens, identity: Identity, content: Content, notes: Notes, *, since: datetime
    ) -> Published | Pending | Absent | None:
        """What became of a video. One whose id got lost with the answer is looked for: None says that the listing has it,
        but that it is not there yet proves nothing."""
        token, video = tokens.access_token, notes.get("video")
        if video is None:
            seen = published_posts(self._graph, token, identity.external_id, since - _CLOCKS_DIFFER)
            words = message(content).text.split()
            listed = any(post.text.split() == words for post in seen)
            return None if listed else Pending(self._poll_seconds)
        try:
            return video_outcome(
                self._graph, token, str(video),
                is_reel=notes.get("reel") is not None, since=since, check_after=self._poll_seconds,
            )  # fmt: skip
        except Rejected:
            forget_uploads(notes)
            raise

    def recent_posts(
        self, tokens: Tokens, identity: Identity, *, since: datetime
    ) -> Sequence[Seen]:
        """All posts of the page created since then."""
        return published_posts(self._graph, tokens.access_token, identity.external_id, since)

    def delete(self, tokens: Tokens, identity: Identity, external_id: str, notes: Notes) -> None:
        """Delete the post."""
        try:
            answer = self._graph.send("DELETE", external_id, tokens.access_token)
        except Rejected as error:
            if is_gone(error):
                return
            raise
        if self._graph.read(answer).get("success") is not True:
            raise NoAnswer("Facebook does not say whether it deleted the post")

    def metrics(
        self, tokens: Tokens, identity: Identity, external_ids: Sequence[str]
    ) -> Mapping[str, Metrics]:
        """Reactions, comments and shares; views where the app may read insights and the user granted it."""
        views = self._insights and INSIGHTS_SCOPE in tokens.scopes
        return metrics_of(self._graph, tokens.access_token, external_ids, views=views)


def _identity(page: Mapping[str, Any]) -> Identity:
    if not page.get("id"):
        raise NoAnswer("Facebook's answer names no page")
    name, username = page.get("name"), page.get("username")
    return Identity(
        external_id=str(page["id"]),
        account_name=str(name or username or "Facebook page"),
        kind="page",
        picture_url=picture_of(page),
        username=str(username) if username else None,
    )


_NO_PAGE = (
    "You gave Lin no Facebook page. Connect again and tick the pages that Lin may publish to; a page of a business has to "
    "be given to you in its settings first, and a personal profile cannot be published to."
)
_NO_ROLE = (
    "Your role on the Facebook pages that you gave Lin does not allow publishing. Have one of their managers let you create "
    "content, then connect again."
)

PLATFORM = Facebook

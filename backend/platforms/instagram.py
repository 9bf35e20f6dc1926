"""Instagram: professional accounts, and their posts: a picture, a carousel, a reel. There are none without a file.

Facts: Instagram API documentation, with Instagram Login and with Facebook Login (v24 to v26, 2025-2026). What is not documented
is said where it matters.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from typing import Any, Literal

from pydantic import Field, SecretStr

from ..core.errors import NoAnswer, Rejected
from ..core.platform_contract import (
    Absent,
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
from ..core.ports import PlatformDoor
from ..settings import PlatformSettings
from .graph import Graph, version_ends
from .graph_errors import is_gone
from .instagram_containers import Containers, Waiting
from .instagram_content import LIMITS, PICTURES, InstagramOptions, caption, content_violations
from .instagram_errors import raise_for_media, raise_for_publishing
from .instagram_login import InstagramLogin, other_login
from .instagram_pages import LoginThroughFacebook
from .instagram_publishing import Publishing
from .instagram_reading import metrics_of, published_media

# each login has one of them, and asks for no other to read posts and likes
_READ_SCOPES = " ".join((InstagramLogin.SCOPES[0], LoginThroughFacebook.SCOPES[0]))
_LOGINS: Mapping[str, type[InstagramLogin] | type[LoginThroughFacebook]] = {
    "instagram": InstagramLogin,
    "facebook": LoginThroughFacebook,
}


class InstagramSettings(PlatformSettings, env_prefix="INSTAGRAM_"):
    """INSTAGRAM_…, the credentials by Meta's own names: of the Instagram app, or of the Facebook app where `login` says so."""

    client_id: str | None = Field(default=None, validation_alias="INSTAGRAM_APP_ID")
    client_secret: SecretStr | None = Field(default=None, validation_alias="INSTAGRAM_APP_SECRET")
    login: Literal["instagram", "facebook"] = "instagram"
    version: str = Field(default="v26.0", pattern=r"^v\d+\.\d+$")
    read_insights: bool = False
    delete_posts: bool = False
    poll_seconds: float = Field(default=5.0, ge=1, le=60)


class Instagram:
    """Instagram, for apps with one of the two logins and the permissions of its `SCOPES` (App Review, unless one has a role on
    the app). A token of the one login is never sent to the host of the other."""

    name = "instagram"
    LIMITS = LIMITS

    Settings = InstagramSettings
    Options = InstagramOptions
    pictures = PICTURES
    # true of Facebook Login; through Instagram a consent opens one account, and nothing revokes it
    one_consent = True

    def __init__(
        self,
        door: PlatformDoor,
        settings: InstagramSettings,
        *,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._settings = settings
        client_id, way = settings.client_id or "", _LOGINS[settings.login]
        proof = settings.secret if way.PROVES else ""
        self._graph, commit = (
            Graph(door, settings.version, proof, title="Instagram", host=way.HOST, own=own)
            for own in (raise_for_media, raise_for_publishing)
        )
        self._login = way(
            door, self._graph, version=settings.version, client_id=client_id, secret=settings.secret
        )
        self._containers = Containers(self._graph, pause, settings.poll_seconds)
        self._publishing = Publishing(self._graph, commit, self._containers, settings.poll_seconds)

    @property
    def configured(self) -> bool:
        """Whether the app's id and secret are set."""
        return bool(self._settings.client_id and self._settings.secret)

    @property
    def scopes(self) -> tuple[str, ...]:
        """The scopes that publishing needs; reading the account's posts is among them."""
        return self._login.SCOPES

    @property
    def read_back_scope(self) -> str:
        """What reading an account's posts needs: of each login its own."""
        return _READ_SCOPES

    @property
    def metrics_scope(self) -> str:
        """What likes and comments need; views and shares need one more, and are left out without it."""
        return _READ_SCOPES

    @property
    def absence_is_proof(self) -> bool:
        """Yes: an account sees all of its posts. Whoever relies on it looks several times, as a new one may show late."""
        return True

    @property
    def version(self) -> str:
        """The version of the Graph API in use."""
        return self._settings.version

    @property
    def version_ends(self) -> date | None:
        """The day from which the version is not served any more, None while Meta has not said."""
        return version_ends(self._settings.version)

    # ---------------------------------------------------------------- OAuth and accounts

    def authorization_url(self, *, state: str, redirect_uri: str, verifier: str) -> str:
        """The consent page. Neither login takes a PKCE challenge, so the verifier is not used."""
        asked = list(self._login.SCOPES)
        if self._settings.read_insights:
            asked.append(self._login.INSIGHTS_SCOPE)
        if self._settings.delete_posts and self._login.DELETE_SCOPE:
            asked.append(self._login.DELETE_SCOPE)
        return self._login.authorization_url(state=state, redirect_uri=redirect_uri, scopes=asked)

    def exchange_code(
        self, *, code: str, redirect_uri: str, verifier: str, now: datetime
    ) -> Tokens:
        """A code for a long-lived token, with what was granted."""
        return self._login.exchange_code(code=code, redirect_uri=redirect_uri, now=now)

    def refresh(self, tokens: Tokens, *, now: datetime) -> Tokens:
        """A new token for one that still lives, where the login has that."""
        self._token(tokens)
        return self._login.refresh(tokens, now=now)

    def accounts(self, tokens: Tokens) -> Sequence[Granted]:
        """The professional accounts that a consent opened."""
        self._token(tokens)
        return self._login.accounts(tokens)

    def profile(self, tokens: Tokens, identity: Identity) -> Identity:
        """The account as it is now."""
        self._token(tokens)
        return self._login.profile(tokens, identity)

    def revoke(self, tokens: Tokens) -> None:
        """End the consent, where the login has that."""
        self._login.revoke(tokens)

    # ---------------------------------------------------------------- content

    def render(self, content: Content) -> Rendering:
        """The caption as it is sent: plain text, as it was written."""
        return Rendering((caption(content),))

    def violations(self, content: Content) -> Sequence[Violation]:
        """What Instagram would refuse, before anything is sent."""
        return content_violations(content)

    def prepare(
        self, tokens: Tokens, identity: Identity, content: Content, notes: Notes
    ) -> Waiting:
        """Let Instagram fetch the files and wait until it has processed them; returns the container that is to be published."""
        if not content.attachments:
            raise Rejected("Instagram takes no post without a file.", error_class="media_required")
        return self._containers.ready(self._token(tokens), identity.external_id, content, notes)

    def publish(self, tokens: Tokens, prepared: Any, notes: Notes) -> Published:
        """The one call that publishes."""
        return self._publishing.publish(self._token(tokens), prepared, notes)

    # ---------------------------------------------------------------- afterwards

    def outcome(
        self, tokens: Tokens, identity: Identity, content: Content, notes: Notes, *, since: datetime
    ) -> Published | Pending | Absent | None:
        """What became of the container."""
        return self._publishing.outcome(
            self._token(tokens), identity.external_id, caption(content).text, notes, since=since
        )

    def recent_posts(
        self, tokens: Tokens, identity: Identity, *, since: datetime
    ) -> Sequence[Seen]:
        """All posts of the account created since then."""
        return published_media(self._graph, self._token(tokens), identity.external_id, since)

    def delete(self, tokens: Tokens, identity: Identity, external_id: str, notes: Notes) -> None:
        """Delete the post. Only for accounts connected through Facebook, where the app may and the user granted it."""
        scope = self._login.DELETE_SCOPE
        if scope is None or scope not in tokens.scopes:
            raise Rejected(_NO_DELETE if scope is None else _NO_DELETE_SCOPE, error_class="no_delete")  # fmt: skip
        try:
            answer = self._graph.send("DELETE", external_id, self._token(tokens))
        except Rejected as error:
            if is_gone(error):
                return
            raise
        if self._graph.read(answer).get("success") is not True:
            raise NoAnswer("Instagram does not say whether it deleted the post")

    def metrics(
        self, tokens: Tokens, identity: Identity, external_ids: Sequence[str]
    ) -> Mapping[str, Metrics]:
        """Likes and comments; views and shares where the app may read insights and the user granted it."""
        insights = self._settings.read_insights and self._login.INSIGHTS_SCOPE in tokens.scopes
        return metrics_of(self._graph, self._token(tokens), external_ids, insights=insights)

    def _token(self, tokens: Tokens) -> str:
        """The access token, if it came through the login that is configured: no other goes to its host. Raises Reconnect."""
        if self._login.SCOPES[0] not in tokens.scopes:
            raise other_login()
        return tokens.access_token


_NO_DELETE = "Instagram does not let apps delete posts of accounts that were connected this way; delete it in Instagram's own app."
_NO_DELETE_SCOPE = (
    "This account has not let Lin delete posts; delete it in Instagram's own app. If this server asks for the permission, "
    "connecting the account again grants it."
)

PLATFORM = Instagram

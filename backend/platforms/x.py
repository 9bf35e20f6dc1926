"""X: OAuth 2.0 with PKCE, and posts with text, pictures, an animated picture or a video; long texts as threads.

Facts: X API v2 documentation and OpenAPI 2.167 (2026-08). What it leaves open is said where it matters. Left out: posts of
more than 280 (premium accounts may write them; that the API takes them is not confirmed), polls, quotes, communities.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from pydantic import Field

from ..core.errors import NoAnswer, Rejected
from ..core.platform_contract import (
    Absent,
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
from .x_content import LIMITS, XOptions, bodies_of, parts_of, texts_of, violations_of
from .x_errors import raise_for
from .x_login import XLogin
from .x_media import XMedia
from .x_reading import FIELDS, MOST_LISTED, READ_BACK_SCOPE, Listed, listed_posts, metrics_of
from .x_threads import Prepared, begin, noted_texts, publish_parts, thread_outcome


class XSettings(PlatformSettings, env_prefix="X_"):
    """X_…: the credentials are those of a confidential client ("Web App") in the developer portal."""

    # Life of a refresh token in days. Reported is about six months, which X does not confirm.
    refresh_days: int = Field(default=180, ge=1, le=3650)


class X:
    """X for a self-serve app of API v2. Every call costs the app's owner money, reading and repeating too."""

    name = "x"
    API = "https://api.x.com/2"
    # reading the profile needs tweet.read as well as users.read; without offline.access the permission ends after 2 hours
    SCOPES = ("tweet.read", "tweet.write", "users.read", "media.write", "offline.access")
    LIMITS = LIMITS
    Settings = XSettings
    Options = XOptions
    pictures = PictureLimits(("image/jpeg", "image/png", "image/webp"), max_bytes=5_000_000)
    one_consent = False

    def __init__(
        self,
        door: PlatformDoor,
        settings: XSettings,
        *,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._door = door
        self._configured = bool(settings.client_id and settings.secret)
        self._login = XLogin(door, settings.client_id, settings.secret, settings.refresh_days)
        self._media = XMedia(self._call, pause)

    @property
    def configured(self) -> bool:
        """Whether client id and secret are set."""
        return self._configured

    @property
    def scopes(self) -> tuple[str, ...]:
        """The scopes that publishing at a later time needs."""
        return self.SCOPES

    @property
    def read_back_scope(self) -> str:
        """What reading an account's posts needs; every account grants it."""
        return READ_BACK_SCOPE

    @property
    def metrics_scope(self) -> str:
        """What the public counts need; the same."""
        return READ_BACK_SCOPE

    @property
    def absence_is_proof(self) -> bool:
        """No: a timeline may lag, so a post that it does not show is its owner's to decide about."""
        return False

    # ---------------------------------------------------------------- OAuth and identity

    def authorization_url(self, *, state: str, redirect_uri: str, verifier: str) -> str:
        """The consent page, with the verifier's challenge."""
        return self._login.authorization_url(
            self.SCOPES, state=state, redirect_uri=redirect_uri, verifier=verifier
        )

    def exchange_code(
        self, *, code: str, redirect_uri: str, verifier: str, now: datetime
    ) -> Tokens:
        """A code for tokens, within its 30 seconds."""
        return self._login.exchange_code(
            code=code, redirect_uri=redirect_uri, verifier=verifier, now=now
        )

    def refresh(self, tokens: Tokens, *, now: datetime) -> Tokens:
        """A new pair of tokens; the old refresh token is dead."""
        return self._login.refresh(tokens, now=now)

    def accounts(self, tokens: Tokens) -> Sequence[Granted]:
        """The user."""
        return [Granted(self._user(tokens), tokens)]

    def profile(self, tokens: Tokens, identity: Identity) -> Identity:
        """The user as they are now."""
        return self._user(tokens)

    def _user(self, tokens: Tokens) -> Identity:
        """The user. The id is stable, a decimal string; the user name may change."""
        fields = {"user.fields": "id,name,username,profile_image_url"}
        answer = self._call("GET", "/users/me", tokens, params=fields)
        raise_for(answer, creating=False)
        body = answer.json()
        user = body.get("data") if isinstance(body, dict) else None
        if not isinstance(user, dict) or not user.get("id"):
            raise NoAnswer("X's answer names no user")
        username = user.get("username")
        return Identity(
            external_id=str(user["id"]),
            account_name=user.get("name") or username or "X user",
            picture_url=user.get("profile_image_url"),
            username=username,
        )

    def revoke(self, tokens: Tokens) -> None:
        """End both tokens."""
        self._login.revoke(tokens)

    # ---------------------------------------------------------------- content

    def render(self, content: Content) -> Rendering:
        """The text as it is sent, unchanged; of a thread its parts. X knows no privacy of a single post."""
        return Rendering(parts_of(content))

    def violations(self, content: Content) -> Sequence[Violation]:
        """What X would refuse, before anything is sent."""
        return violations_of(content)

    def prepare(
        self, tokens: Tokens, identity: Identity, content: Content, notes: Notes
    ) -> Prepared:
        """Upload the media; returns the create calls, ready to be sent. The media are the first post's."""
        texts = begin(content.text, texts_of(content), notes)
        bodies = bodies_of(texts, content.options)
        if content.attachments and not notes.get("parts"):
            bodies[0]["media"] = {"media_ids": self._media.upload(tokens, content, notes)}
        return Prepared(identity.external_id, bodies)

    def publish(self, tokens: Tokens, prepared: Any, notes: Notes) -> Published:
        """Create the post, or those posts of a thread that the notes do not hold yet."""
        calls: Prepared = prepared
        return publish_parts(
            lambda body: self._call("POST", "/tweets", tokens, json=body),
            lambda since: self._listed(tokens, calls.user_id, since),
            calls.bodies,
            notes,
        )

    # ---------------------------------------------------------------- afterwards

    def recent_posts(
        self, tokens: Tokens, identity: Identity, *, since: datetime
    ) -> Sequence[Seen]:
        """The user's posts created since then, of the newest hundred."""
        return [post.seen() for post in self._listed(tokens, identity.external_id, since)]

    def outcome(
        self, tokens: Tokens, identity: Identity, content: Content, notes: Notes, *, since: datetime
    ) -> Published | Absent | None:
        """What became of a thread, by the user's timeline; of a single post, which has no reference, nothing is told."""
        texts = noted_texts(content.text, notes)
        return thread_outcome(
            lambda start: self._listed(tokens, identity.external_id, start), texts, notes, since
        )

    def _listed(self, tokens: Tokens, user_id: str, since: datetime) -> Sequence[Listed]:
        query = {
            "max_results": str(MOST_LISTED),
            "start_time": since.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "tweet.fields": FIELDS,
        }
        path = f"/users/{user_id}/tweets"
        answer = self._call("GET", path, tokens, params=query)
        raise_for(answer, creating=False)
        return listed_posts(answer, since)

    def delete(self, tokens: Tokens, identity: Identity, external_id: str, notes: Notes) -> None:
        """Delete the post; of a thread all its posts, the last first, so that what is left hangs together."""
        ids: list[str] = notes.get("parts") or [external_id]
        if not all(ids):  # live, but X never said under which id
            raise Rejected("X did not say the id of this post; delete it there.", error_class="no_id")  # fmt: skip
        for post_id in reversed(ids):
            answer = self._call("DELETE", f"/tweets/{post_id}", tokens)
            if answer.status != 404:  # gone already
                raise_for(answer, creating=False)

    def metrics(
        self, tokens: Tokens, identity: Identity, external_ids: Sequence[str]
    ) -> Mapping[str, Metrics]:
        """The public counts; of a thread those of its first post."""
        query = {"ids": ",".join(external_ids), "tweet.fields": "public_metrics"}
        answer = self._call("GET", "/tweets", tokens, params=query)
        raise_for(answer, creating=False)
        return metrics_of(answer)

    def _call(
        self, method: str, path: str, tokens: Tokens, *, json: Any = None, params: Mapping[str, str] | None = None,
        form: Mapping[str, str] | None = None, files: Mapping[str, tuple[str, bytes, str]] | None = None,
    ) -> Answer:  # fmt: skip
        return self._door.send(
            method, f"{self.API}{path}", headers={"Authorization": f"Bearer {tokens.access_token}"},
            json=json, params=params, form=form, files=files,
        )  # fmt: skip


PLATFORM = X

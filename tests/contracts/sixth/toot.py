"""Toot, a platform that does not exist: pictures and short texts. Facts: toot.md, version 2026-01."""

from __future__ import annotations

import base64
import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, Literal
from urllib.parse import quote, urlencode

from pydantic import BaseModel, ConfigDict, Field

from ..core.errors import NoAnswer, Rejected, TryLater
from ..core.platform_contract import (
    Attachment,
    Content,
    Granted,
    Identity,
    Metrics,
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
from .counting import hashtags, links
from .limits import limit_violations
from .options import option_violations, read_options
from .toot_errors import named, object_of, raise_for, seconds_to_wait

TEXT_MAX = 500
LIMITS: Mapping[str, Any] = {
    "text": {"max": TEXT_MAX, "counted": "characters"},
    "media": {
        "mixed": False,
        "image": {"max": 4, "fit": True, "max_alt_text": 200},
        "gif": {"max": 1, "mimes": ["image/gif"], "max_bytes": 2_000_000, "max_alt_text": 200},
    },
    "options": {"audience": ["everyone", "followers"]},
}
# Toot keeps what no toot uses for a day; ours is taken for half of it.
_FILE_SECONDS = 12 * 3600
_VERSION_ENDS = {"2026-01": date(2028, 1, 31)}


class TootSettings(PlatformSettings, env_prefix="TOOT_"):
    """TOOT_…"""

    version: str = Field(default="2026-01", pattern=r"^20\d\d-\d\d$")


class TootOptions(BaseModel):
    """What a target may say about a toot."""

    model_config = ConfigDict(extra="forbid")

    audience: Literal["everyone", "followers"] = Field(
        default="everyone", description="Who sees the toot."
    )


class Toot:
    """Toot for any app."""

    name = "toot"
    API = "https://api.toot.example"
    SCOPES = ("toots:read", "toots:write")
    LIMITS = LIMITS
    Settings = TootSettings
    Options = TootOptions
    pictures = PictureLimits(("image/jpeg", "image/png"), max_bytes=1_000_000)
    one_consent = True

    def __init__(
        self,
        door: PlatformDoor,
        settings: TootSettings,
        *,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._door = door
        self._settings = settings

    @property
    def configured(self) -> bool:
        """Whether client id and secret are set."""
        return bool(self._settings.client_id and self._settings.secret)

    @property
    def scopes(self) -> tuple[str, ...]:
        """What publishing needs."""
        return self.SCOPES

    @property
    def read_back_scope(self) -> str:
        """What reading toots needs."""
        return "toots:read"

    @property
    def metrics_scope(self) -> str:
        """What counts need; the same."""
        return "toots:read"

    @property
    def absence_is_proof(self) -> bool:
        """No: nothing says that the listing is current."""
        return False

    @property
    def version(self) -> str:
        """The version in use."""
        return self._settings.version

    @property
    def version_ends(self) -> date | None:
        """The day from which it is not served; None for one that is not known."""
        return _VERSION_ENDS.get(self.version)

    # ---------------------------------------------------------------- OAuth and identity

    def authorization_url(self, *, state: str, redirect_uri: str, verifier: str) -> str:
        """The consent page, with the verifier's challenge."""
        digest = hashlib.sha256(verifier.encode()).digest()
        query = {
            "client_id": self._settings.client_id or "",
            "redirect_uri": redirect_uri,
            "response_type": "code",
            "scope": " ".join(self.SCOPES),
            "state": state,
            "code_challenge": base64.urlsafe_b64encode(digest).decode().rstrip("="),
        }
        address = f"https://toot.example/authorize?{urlencode(query, quote_via=quote)}"
        return self._door.browser_url(address)

    def exchange_code(
        self, *, code: str, redirect_uri: str, verifier: str, now: datetime
    ) -> Tokens:
        """A code for tokens."""
        grant = {"code": code, "redirect_uri": redirect_uri, "code_verifier": verifier}
        return self._tokens("authorization_code", grant, now)

    def refresh(self, tokens: Tokens, *, now: datetime) -> Tokens:
        """A new access token."""
        grant = {"refresh_token": tokens.refresh_token or ""}
        return self._tokens("refresh_token", grant, now)

    def _tokens(self, kind: str, grant: Mapping[str, str], now: datetime) -> Tokens:
        body = object_of(self._oauth("token", {"grant_type": kind, **grant}))
        if not body.get("access_token"):
            raise NoAnswer("Toot's answer holds no token")
        return Tokens(
            access_token=str(body["access_token"]),
            expires_at=now + timedelta(seconds=float(body["expires_in"])),
            refresh_token=body.get("refresh_token"),
            refresh_expires_at=now + timedelta(days=60),
            scopes=tuple(str(body.get("scope", "")).split()),
        )

    def revoke(self, tokens: Tokens) -> None:
        """End both tokens."""
        self._oauth("revoke", {"token": tokens.access_token})

    def _oauth(self, path: str, form: Mapping[str, str]) -> Answer:
        own = {
            "client_id": self._settings.client_id or "",
            "client_secret": self._settings.secret,
        }
        answer = self._door.send("POST", f"{self.API}/oauth/{path}", form={**own, **form})
        if answer.status >= 500 or answer.status == 429:
            raise TryLater(
                f"Toot answered {answer.status}.", after=seconds_to_wait(answer), **named(answer)
            )
        if answer.status >= 300:
            raise Rejected("Toot refused the connection.", **named(answer))
        return answer

    def accounts(self, tokens: Tokens) -> Sequence[Granted]:
        """The member."""
        return [Granted(self._me(tokens), tokens)]

    def profile(self, tokens: Tokens, identity: Identity) -> Identity:
        """The member as they are now."""
        return self._me(tokens)

    def _me(self, tokens: Tokens) -> Identity:
        me = object_of(self._call("GET", "/me", tokens))
        if not me.get("id"):
            raise NoAnswer("Toot's answer names nobody")
        return Identity(
            str(me["id"]), str(me.get("name") or me.get("handle")), username=me.get("handle")
        )

    # ---------------------------------------------------------------- content

    def render(self, content: Content) -> Rendering:
        """The text as it is sent, unchanged."""
        text = content.text
        part = Part(text, len(text), TEXT_MAX, hashtags(text), links(text))
        return Rendering((part,), privacy=str(content.options.get("audience", "everyone")))

    def violations(self, content: Content) -> Sequence[Violation]:
        """What Toot would refuse."""
        return [
            *option_violations(TootOptions, content.options),
            *limit_violations("Toot", LIMITS, content, self.render(content).parts),
        ]

    def prepare(
        self, tokens: Tokens, identity: Identity, content: Content, notes: Notes
    ) -> dict[str, Any]:
        """Upload the files that the notes do not hold yet; returns the body of the create call."""
        kept: dict[str, Any] = dict(notes.get("files", {}))
        now = datetime.now(UTC).timestamp()
        for file in content.attachments:
            if file.media_id not in kept or now - kept[file.media_id][1] > _FILE_SECONDS:
                kept[file.media_id] = [self._upload(tokens, file), now]
                notes.keep(files=kept)
        return {
            "text": content.text,
            "audience": read_options(TootOptions, content.options).audience,
            "files": [
                {"id": kept[file.media_id][0], "alt": file.alt_text or ""}
                for file in content.attachments
            ],
        }

    def _upload(self, tokens: Tokens, file: Attachment) -> str:
        body = object_of(self._call("POST", "/files", tokens, body=file.open(), mime=file.mime))
        if not body.get("id"):
            raise NoAnswer("Toot's answer names no file")
        return str(body["id"])

    def publish(self, tokens: Tokens, prepared: Any, notes: Notes) -> Published:
        """Create the toot. 201 means that it is there, even without an id."""
        answer = self._call("POST", "/toots", tokens, json=prepared, creating=True)
        body = object_of(answer)
        return Published(body.get("id"), body.get("url"), http_status=answer.status)

    # ---------------------------------------------------------------- afterwards

    def recent_posts(
        self, tokens: Tokens, identity: Identity, *, since: datetime
    ) -> Sequence[Seen]:
        """The member's toots created since then, of the newest hundred."""
        query = {"since": str(int(since.timestamp()))}
        body = object_of(self._call("GET", "/toots", tokens, params=query))
        return [
            Seen(one["id"], one["url"], one["text"], one["files"], datetime.fromtimestamp(one["created"], UTC))
            for one in body.get("toots", [])
        ]  # fmt: skip

    def delete(self, tokens: Tokens, identity: Identity, external_id: str, notes: Notes) -> None:
        """Delete the toot."""
        self._call("DELETE", f"/toots/{quote(external_id, safe='')}", tokens, gone=404)

    def metrics(
        self, tokens: Tokens, identity: Identity, external_ids: Sequence[str]
    ) -> Mapping[str, Metrics]:
        """Views and likes."""
        query = {"ids": ",".join(external_ids)}
        body = object_of(self._call("GET", "/counts", tokens, params=query))
        return {one: Metrics(told["views"], told["likes"]) for one, told in body.items()}

    def _call(
        self, method: str, path: str, tokens: Tokens, *, params: Mapping[str, str] | None = None, json: Any = None,
        body: Any = None, mime: str | None = None, creating: bool = False, gone: int | None = None,
    ) -> Answer:  # fmt: skip
        headers = {"Authorization": f"Bearer {tokens.access_token}", "Toot-Version": self.version}
        if mime:
            headers["Content-Type"] = mime
        answer = self._door.send(
            method, f"{self.API}/v1{path}", headers=headers, params=params, json=json, body=body
        )
        if answer.status != gone:
            raise_for(answer, creating=creating)
        return answer


PLATFORM = Toot

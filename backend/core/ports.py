"""What the core needs from outside: small Protocols, and the dataclasses that cross them."""

from __future__ import annotations

import json as jsonlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, BinaryIO, Literal, Protocol, runtime_checkable

from .errors import NoAnswer

# ------------------------------------------------------------------------------------ outgoing HTTP


@dataclass(frozen=True)
class Answer:
    """A platform's answer. `headers` is case-insensitive; `body` is complete (content-length checked)."""

    status: int
    headers: Mapping[str, str]
    body: bytes = b""

    def json(self) -> Any:
        """The body as JSON. Raises NoAnswer when it is not JSON (cut off or not from the platform)."""
        try:
            return jsonlib.loads(self.body)
        except ValueError as error:
            raise NoAnswer("the platform's answer is not readable JSON") from error


class PlatformDoor(Protocol):
    """The way to platforms: no redirects, no automatic retries, every URL rewritten to the sandbox if one is set."""

    def send(
        self,
        method: str,
        url: str,
        *,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        json: Any = None,
        form: Mapping[str, str] | None = None,
        body: bytes | BinaryIO | None = None,
    ) -> Answer:
        """Send one request and read the whole answer (connect 5 s, in total 30 s), over a connection that is new or was
        in use within 5 s: one that lay longer may be closed as we write, which would make the outcome unknown.

        Raises NotSent when provably nothing reached the platform, NoAnswer for everything later.
        """
        ...

    def browser_url(self, url: str) -> str:
        """The URL a browser has to open for this platform URL (the sandbox's, if one is set)."""
        ...


@dataclass(frozen=True)
class Fetched:
    """What a URL given by a user answered. `url` is where the redirects ended; `moved_to` the last of a
    chain of permanent redirects (301, 308) from the start, None without; body is unpacked, at most the limit."""

    status: int
    url: str
    headers: Mapping[str, str]
    body: bytes
    moved_to: str | None = None


class PublicDoor(Protocol):
    """The way to URLs that users typed: http(s) only, never a private address, size and time capped."""

    def fetch(
        self,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        max_bytes: int,
        deadline_seconds: float = 20.0,
    ) -> Fetched:
        """GET the URL following at most 5 redirects, each hop checked on the address connected to.

        200 and 304 are returned; raises AddressRefused, TooLarge, FetchFailed.
        """
        ...


# ------------------------------------------------------------------------------------ Spaces


@dataclass(frozen=True)
class WriteRequest:
    """What a writer Space is asked for: a post of at most `max_length` characters for `platform`."""

    title: str
    text: str
    url: str | None
    platform: str
    tone: str | None
    language: str | None
    max_length: int
    image: bool


@dataclass(frozen=True)
class Progress:
    """Where a running generation stands. `queue_position` is 0 for "next"; `text` is all text so far."""

    state: Literal["waking", "queued", "running"]
    queue_position: int | None = None
    text: str | None = None


@dataclass(frozen=True)
class Written:
    """What a writer Space produced."""

    text: str
    image: bytes | None = None
    image_mime: str | None = None


class Writer(Protocol):
    """A Space that drafts posts."""

    @property
    def space(self) -> str:
        """owner/name or URL, as configured; kept with each generation."""
        ...

    def write(
        self,
        request: WriteRequest,
        *,
        on_progress: Callable[[Progress], None],
        canceled: Callable[[], bool],
        deadline_seconds: float,
    ) -> Written:
        """Run the Space, reporting progress as it comes and stopping it soon after `canceled()` turns true.

        Raises SpaceUnavailable, SpaceTimedOut, SpaceFailed, SpaceAnswerUnusable, GenerationCanceled.
        """
        ...


# ------------------------------------------------------------------------------------ sources


@dataclass(frozen=True)
class FeedItem:
    """One article of a feed. `guid` is the feed's id, else the canonical link, else a digest; `text` is plain."""

    guid: str
    url: str | None
    title: str
    text: str
    published_at: datetime | None


@dataclass(frozen=True)
class Feed:
    """A parsed feed, newest item first."""

    title: str
    items: Sequence[FeedItem]


@dataclass(frozen=True)
class Page:
    """The readable part of one web page, as plain text."""

    url: str
    title: str
    text: str
    published_at: datetime | None = None


class SourceReader(Protocol):
    """Turns fetched bytes into articles. Raises UnreadableSource."""

    def read_feed(self, fetched: Fetched) -> Feed: ...

    def read_page(self, fetched: Fetched) -> Page: ...


# ------------------------------------------------------------------------------------ media

MediaKind = Literal["image", "gif", "video", "audio", "document"]


@dataclass(frozen=True)
class Inspected:
    """What the bytes of a file really are. Dimensions in pixels as displayed (EXIF rotation applied),
    duration in seconds, checksum is SHA-256 in hex; what does not apply to the kind is None."""

    kind: MediaKind
    mime: str
    bytes: int
    checksum: str
    width: int | None = None
    height: int | None = None
    duration: float | None = None
    pages: int | None = None


class MediaInspector(Protocol):
    """Reads what a file is from its bytes, never from its name. Raises MediaRejected."""

    def inspect(self, file: BinaryIO) -> Inspected: ...


# ------------------------------------------------------------------------------------ platforms


@dataclass(frozen=True)
class Tokens:
    """An account's tokens in the clear; only ever in memory. Times are UTC, None means "not told"."""

    access_token: str = field(repr=False)
    expires_at: datetime | None
    refresh_token: str | None = field(default=None, repr=False)
    refresh_expires_at: datetime | None = None
    scopes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Identity:
    """Who an account is on its platform. `external_id` is stable, everything else may change."""

    external_id: str
    account_name: str
    kind: Literal["person", "page", "organization", "professional"] = "person"
    given_name: str | None = None
    family_name: str | None = None
    picture_url: str | None = None


@dataclass(frozen=True)
class Attachment:
    """A media file of a post, readable as often as needed through `open()`."""

    media_id: str
    kind: MediaKind
    mime: str
    bytes: int
    alt_text: str | None
    title: str
    open: Callable[[], BinaryIO]


@dataclass(frozen=True)
class Content:
    """What is to be published to one account, before it is rendered for the platform."""

    text: str
    attachments: tuple[Attachment, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Violation:
    """Why content cannot be published as it is, naming the field and the limit."""

    field: str
    message: str


@dataclass(frozen=True)
class Published:
    """The platform created the post. `external_id` None means "created, id unknown"."""

    external_id: str | None
    external_url: str | None
    http_status: int | None = None
    request_id: str | None = None


@dataclass(frozen=True)
class Seen:
    """A post that a platform shows. `text` is as it was sent (rendered), `media` the number of its files."""

    external_id: str
    external_url: str | None
    text: str
    media: int
    created_at: datetime


class Platform(Protocol):
    """One social network: OAuth, identity, rendering, publishing.

    Errors of every call: NotSent, NoAnswer, TryLater, Reconnect, Rejected, OutcomeUnknown.
    """

    name: str

    @property
    def configured(self) -> bool:
        """Whether this server has the platform's credentials."""
        ...

    @property
    def scopes(self) -> tuple[str, ...]:
        """The least scopes that publishing needs."""
        ...

    def authorization_url(self, *, state: str, redirect_uri: str, verifier: str) -> str:
        """Where the user's browser goes to give consent."""
        ...

    def exchange_code(
        self, *, code: str, redirect_uri: str, verifier: str, now: datetime
    ) -> Tokens: ...

    def refresh(self, tokens: Tokens, *, now: datetime) -> Tokens:
        """New tokens for a refresh token. Rejected or Reconnect mean that the platform refuses for good."""
        ...

    def identity(self, tokens: Tokens) -> Identity: ...

    def revoke(self, tokens: Tokens) -> None:
        """Best effort: errors are the caller's to ignore."""
        ...

    def render(self, text: str) -> str:
        """The text exactly as it is sent."""
        ...

    def violations(self, content: Content) -> Sequence[Violation]: ...

    def prepare(self, tokens: Tokens, identity: Identity, content: Content) -> Any:
        """Everything repeatable: upload media. Returns what `publish` needs."""
        ...

    def publish(self, tokens: Tokens, prepared: Any) -> Published:
        """The one call that creates the post. Sent once."""
        ...


@runtime_checkable
class ReadsBack(Protocol):
    """A platform that shows an account its own posts: what may be live can be looked for."""

    @property
    def read_back_scope(self) -> str:
        """The scope that this needs; the same as in the platform's row (supabase/seed.sql)."""
        ...

    @property
    def absence_is_proof(self) -> bool:
        """Whether a post that the listing does not show surely does not exist: it has to be complete and current."""
        ...

    def recent_posts(
        self, tokens: Tokens, identity: Identity, *, since: datetime
    ) -> Sequence[Seen]:
        """The account's posts created since then. Errors are those of Platform."""
        ...

"""What the core needs from outside: small Protocols, and the dataclasses that cross them."""

from __future__ import annotations

import json as jsonlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, BinaryIO, Literal, Protocol

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
        files: Mapping[str, tuple[str, bytes, str]] | None = None,
        body: bytes | BinaryIO | None = None,
    ) -> Answer:
        """Send one request and read the whole answer (connect 5 s, in total 30 s), over a connection that is new or was
        in use within 5 s: one that lay longer may be closed as we write, which would make the outcome unknown.
        `files` (field: file name, bytes, type) goes as multipart/form-data, with the fields of `form` beside them.

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
    duration in seconds, checksum is SHA-256 in hex; what does not apply to the kind is None.

    `frame_rate` is in pictures a second, None also where the container does not tell (most WebM files); `codec` is what
    the pictures of a video are coded with: H.264, H.265, VP8, VP9, AV1, ProRes. `index_first` says whether its index (of an
    MP4: the moov box) stands before its pictures."""

    kind: MediaKind
    mime: str
    bytes: int
    checksum: str
    width: int | None = None
    height: int | None = None
    duration: float | None = None
    pages: int | None = None
    frame_rate: float | None = None
    codec: str | None = None
    index_first: bool | None = None


@dataclass(frozen=True)
class PictureLimits:
    """What a platform takes of still pictures: sizes in pixels, `max_pixels` (width × height) exclusive, ratios width ÷ height.
    Others are turned into the first of `mimes`."""

    mimes: tuple[str, ...]
    max_bytes: int
    max_pixels: int | None = None
    max_width: int | None = None
    max_height: int | None = None
    min_width: int | None = None
    min_ratio: float | None = None
    max_ratio: float | None = None


class MediaInspector(Protocol):
    """Reads what a file is from its bytes, never from its name. Raises MediaRejected."""

    def inspect(self, file: BinaryIO) -> Inspected: ...

"""What the sandbox keeps: requests it saw, posts it took, media it was sent."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any


def as_text(seconds: float | None) -> str | None:
    """Seconds since the epoch as RFC 3339 in UTC."""
    if seconds is None:
        return None
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")


@dataclass
class SeenRequest:
    """One request to a platform. Never holds a token, a code or a secret."""

    number: int
    platform: str
    host: str
    method: str
    path: str
    action: str | None
    member: str | None
    subject: str | None
    time: float
    version: str | None = None
    user_agent: str | None = None
    client_request_id: str | None = None
    order: str | None = None
    #: The platform carried it out (its own answer was below 400), whatever the client was told.
    accepted: bool = False
    #: What the platform's rules answered; None when a fault kept the request from them.
    platform_status: int | None = None
    #: What went over the wire; None when no answer did.
    status: int | None = None

    def as_json(self) -> dict[str, Any]:
        """For the control path."""
        return asdict(self) | {"time": as_text(self.time)}


@dataclass
class Media:
    """Bytes a client uploaded, described without trusting what the client called them."""

    urn: str
    platform: str
    member: str
    owner: str
    kind: str
    data: bytes = b""
    mime: str | None = None
    width: int | None = None
    height: int | None = None
    frames: int | None = None
    pages: int | None = None
    seconds: float | None = None
    failure: str | None = None

    def as_json(self) -> dict[str, Any]:
        """Everything but the bytes; those are at ``/_control/media/{urn}``."""
        fields = ("urn", "owner", "kind", "mime", "width", "height", "frames", "pages", "seconds")
        described = {name: getattr(self, name) for name in fields}
        return described | {
            "bytes": len(self.data),
            "sha256": hashlib.sha256(self.data).hexdigest(),
            "failure": self.failure,
        }


@dataclass
class ReceivedPost:
    """A post a platform accepted, and how its readers would see it."""

    urn: str
    platform: str
    member: str
    author: str
    author_name: str
    app: str
    commentary: str
    visible_text: str
    #: ``(kind, text)`` in reading order; kind is ``text``, ``hashtag`` or ``mention``.
    pieces: list[tuple[str, str]]
    visibility: str
    created: float
    kind: str = "text"
    #: The content as sent, and the media in it with their alt texts and titles.
    content: dict[str, Any] = field(default_factory=dict)
    media: list[dict[str, Any]] = field(default_factory=list)
    defects: list[str] = field(default_factory=list)
    distribution: str = "MAIN_FEED"
    reshare_disabled: bool = False
    edited: float | None = None
    deleted: float | None = None
    request: int | None = None
    client_request_id: str | None = None

    def as_json(self) -> dict[str, Any]:
        """For the control path."""
        plain = asdict(self)
        for name in ("created", "edited", "deleted"):
            plain[f"{name}_at"] = as_text(plain.pop(name))
        return plain

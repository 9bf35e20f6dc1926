"""What the LinkedIn part of the sandbox knows, and how its parts reach it."""

from __future__ import annotations

import threading
from collections import Counter, deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from local.sandbox.records import Media, ReceivedPost

from .tokens import App, Code, Grants, Token, subject_of

if TYPE_CHECKING:
    from local.sandbox.people import Member
    from local.sandbox.world import World

ORGANIZATION_ROLES_THAT_POST = ("ADMINISTRATOR", "CONTENT_ADMIN")


@dataclass
class Recent:
    """What one author posted lately, for the duplicate check."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    posts: deque[tuple[str, ReceivedPost]] = field(default_factory=deque)


@dataclass
class Part:
    """One range of a video; ``etag`` is set when its bytes came."""

    first: int
    last: int
    etag: str | None = None
    data: bytes = b""


@dataclass
class Asset:
    """A piece of media on its way."""

    media: Media
    key: str
    signature: str
    urls_expire: float
    upload_token: str = ""
    file_size: int = 0
    parts: list[Part] = field(default_factory=list)
    #: Captions and thumbnail of a video, by name.
    extras: dict[str, bytes] = field(default_factory=dict)
    uploaded: float | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def urn(self) -> str:
        """The id a post names it by."""
        return self.media.urn

    def url(self, what: str) -> str:
        """The signed address to PUT ``what`` to, on LinkedIn's real host."""
        return (
            f"https://www.linkedin.com/dms-uploads/sp/v2/{self.key}/{what}"
            f"?ut={self.signature}&app=sandbox"
        )


class State:
    """Grants and uploads, next to the shared world."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.grants = Grants()
        self.reset()

    def reset(self) -> None:
        """Forget everything but the world."""
        self.grants.reset()
        self.assets: dict[str, Asset] = {}
        self.assets_by_key: dict[str, Asset] = {}
        self.recent: dict[str, Recent] = {}
        #: Seconds between the last byte of an upload and AVAILABLE; per member or for all (None).
        self.processing: dict[str | None, float] = {None: 0.0}
        #: What statistics say of each post, by query type; per member or for all (None).
        self.statistics: dict[str | None, dict[str, int]] = {}

    def member(self, identity: str) -> Member:
        """The member with this sandbox id."""
        member = self.world.people.get(identity)
        if member is None:
            raise LookupError(f"no member {identity}")
        return member

    def subject(self, app: App, member: str) -> str:
        """The app's id of a member, remembered so that tools may use it as a name."""
        subject = subject_of(app, member)
        self.world.people.remember_alias(subject, member)
        return subject

    def now(self, member: str) -> float:
        """Seconds since the epoch on this member's clock."""
        return self.world.clock.now(member)

    def issue(self, code: Code | Token) -> Token:
        """An access token for what a code or refresh token stands for."""
        now = self.now(code.member)
        return self.grants.new_token(code.app, code.member, code.scopes, now)

    def organization_name(self, urn: str) -> str | None:
        """The exact name of an organisation one of the members has a role on."""
        return self.world.people.organizations().get(urn.rsplit(":", 1)[-1])

    def recent_of(self, author: str) -> Recent:
        """The duplicate window of one author."""
        with self.world.lock:
            return self.recent.setdefault(author, Recent())

    def statistics_of(self, member: str | None) -> Counter[str]:
        """Numbers by query type, the member's own over those for all; what is not set is 0."""
        return Counter({**self.statistics.get(None, {}), **self.statistics.get(member, {})})

    def processing_seconds(self, member: str) -> float:
        """How long this member's uploads take to become AVAILABLE."""
        return self.processing.get(member, self.processing[None])

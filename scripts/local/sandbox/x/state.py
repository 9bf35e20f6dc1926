"""What the X part of the sandbox knows, and how its parts reach it."""

from __future__ import annotations

import hashlib
import re
import threading
import unicodedata
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from local.sandbox.records import Media

from .limits import Windows
from .settings import Settings
from .tokens import Code, Grants, Token

if TYPE_CHECKING:
    from local.sandbox.people import Member
    from local.sandbox.records import ReceivedPost
    from local.sandbox.world import World


@dataclass
class Upload:
    """A piece of media on its way."""

    media: Media
    media_type: str
    category: str
    total: int
    expires: float
    segments: dict[int, bytes] = field(default_factory=dict)
    finalized: float | None = None
    alt_text: str | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def id(self) -> str:
        """The id a post names it by."""
        return self.media.urn

    @property
    def key(self) -> str:
        """The media key: the category's number before the id."""
        number = {"image": 3, "video": 7, "gif": 16}.get(self.media.kind, 0)
        return f"{number}_{self.id}"


class State:
    """Grants, limits and uploads, next to the shared world."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.grants = Grants()
        self.windows = Windows(world.clock)
        self.settings = Settings()
        self.reset()

    def reset(self) -> None:
        """Forget everything but the world."""
        self.grants.reset()
        self.windows.reset()
        self.settings.reset()
        self.uploads: dict[str, Upload] = {}
        #: The last post of each member with each text.
        self.last_with_text: dict[tuple[str, str], ReceivedPost] = {}
        #: Numbers of a post that were set from outside, by its id.
        self.metrics: dict[str, dict[str, int]] = {}
        self.usernames: dict[str, str] = {}
        self._members: dict[str, str] = {}

    def member(self, identity: str) -> Member:
        """The member with this sandbox id."""
        member = self.world.people.get(identity)
        if member is None:
            raise LookupError(f"no member {identity}")
        return member

    def subject(self, member: str) -> str:
        """X's id of a member: a decimal string, the same towards every app and after restarts."""
        digest = hashlib.sha256(f"x/{member}".encode()).digest()
        subject = str(10**18 + int.from_bytes(digest[:7]))
        self.world.people.remember_alias(subject, member)
        self._members[subject] = member
        return subject

    def member_of(self, subject: str) -> Member | None:
        """The member with X's id, once known to X."""
        return self.world.people.get(self._members.get(subject, ""))

    def username(self, member: str) -> str:
        """The handle without @: up to 15 characters. It can be changed, the id cannot."""
        if member in self.usernames:
            return self.usernames[member]
        plain = unicodedata.normalize("NFKD", self.member(member).name)
        letters = re.sub(r"[^A-Za-z0-9]", "", plain)[:8] or "user"
        return f"{letters}_{hashlib.sha256(member.encode()).hexdigest()[:6]}"

    def now(self, member: str | None) -> float:
        """Seconds since the epoch on this member's clock."""
        return self.world.clock.now(member)

    def setting(self, name: str, member: str | None) -> Any:
        """What is switched for this member."""
        return self.settings.get(name, member)

    def issue(self, source: Code | Token) -> tuple[Token, Token | None]:
        """An access token for what a code or a refresh token stands for, and a refresh token when
        ``offline.access`` was granted."""
        app, member, scopes, now = source.app, source.member, source.scopes, self.now(source.member)
        grant = source.grant if isinstance(source, Token) else None
        access = self.grants.new_token(app, member, scopes, now, grant=grant)
        if not access.allows("offline.access"):
            return access, None
        refresh = self.grants.new_token(app, member, scopes, now, grant=access.grant, refresh=True)
        return access, refresh

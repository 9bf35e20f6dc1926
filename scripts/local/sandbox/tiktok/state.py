"""What the TikTok part of the sandbox knows, and how its parts reach it."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from local.sandbox.records import Media

from .creators import Creator
from .limits import MinuteLimits
from .tokens import App, Grants, Token, open_id_of

if TYPE_CHECKING:
    from local.sandbox.people import Member
    from local.sandbox.world import World


@dataclass
class Publication:
    """What a ``publish_id`` names."""

    id: str
    post_id: int
    token: Token
    kind: str
    #: A draft for the person to finish, not a post.
    inbox: bool
    source: str
    caption: str
    visibility: str
    #: The init call's body, as sent.
    sent: dict[str, Any]
    opened: float
    request: int
    client_request_id: str | None
    #: FILE_UPLOAD: how the bytes come.
    upload_key: str = ""
    size: int = 0
    chunk_size: int = 0
    chunks: int = 0
    parts: list[bytes] = field(default_factory=list)
    media: list[Media] = field(default_factory=list)
    defects: list[str] = field(default_factory=list)
    #: When the last byte was here.
    complete: float | None = None
    #: When it became a post or a draft.
    published: float | None = None
    fail_reason: str | None = None
    lock: threading.RLock = field(default_factory=threading.RLock)

    @property
    def member(self) -> str:
        """Whose it is."""
        return self.token.member

    @property
    def over(self) -> bool:
        """Whether nothing will happen any more."""
        return self.published is not None or self.fail_reason is not None

    @property
    def status(self) -> str:
        """As status/fetch gives it."""
        if self.fail_reason is not None:
            return "FAILED"
        if self.published is not None:
            return "SEND_TO_USER_INBOX" if self.inbox else "PUBLISH_COMPLETE"
        return "PROCESSING_UPLOAD" if self.source == "FILE_UPLOAD" else "PROCESSING_DOWNLOAD"

    def is_public(self, state: State) -> bool:
        """Whether everybody sees it: posted to everyone, and moderated."""
        if self.inbox or self.visibility != "PUBLIC_TO_EVERYONE" or self.published is None:
            return False
        moderated = self.published + state.creator(self.member).moderation_seconds
        return state.now(self.member) >= moderated


class State:
    """Grants, accounts and publications, next to the shared world."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.lock = threading.RLock()
        self.reset()

    def reset(self) -> None:
        """Forget everything but the world."""
        self.grants = Grants()
        self.limits = MinuteLimits()
        self.publications: dict[str, Publication] = {}
        self.by_upload: dict[str, Publication] = {}
        self.by_post_id: dict[str, Publication] = {}
        #: Times of posts that ``/_control/quotas`` pretends.
        self.pretended: dict[str, list[float]] = {}
        #: Who asked creator_info and did not post since, as (app, member).
        self.asked_creator: set[tuple[str, str]] = set()
        self.rotates_refresh = True
        #: The HTTP status of OAuth errors is not confirmed; 200 was seen.
        self.oauth_error_status = 400
        #: Comments, duets or stitches asked for where the creator disabled them: ``refuse`` or
        #: ``override``, both were seen (row 17).
        self.disabled_interactions = "refuse"
        self._changes: dict[str | None, dict[str, Any]] = {}

    def member(self, identity: str) -> Member:
        """The member with this sandbox id."""
        member = self.world.people.get(identity)
        if member is None:
            raise LookupError(f"no member {identity}")
        return member

    def username(self, identity: str) -> str:
        """The name behind the @."""
        return identity.replace("-", "_")

    def subject(self, app: App, member: str) -> str:
        """The ``open_id``, remembered so that tools may use it as a name."""
        subject = open_id_of(app, member)
        self.world.people.remember_alias(subject, member)
        return subject

    def now(self, member: str) -> float:
        """Seconds since the epoch on this member's clock."""
        return self.world.clock.now(member)

    def creator(self, member: str | None) -> Creator:
        """How the account is set: its own settings over those for all."""
        changes = self._changes.get(None, {})
        if member is not None:
            changes = changes | self._changes.get(member, {})
        return Creator().changed(changes)

    def change_creator(self, member: str | None, changes: dict[str, Any]) -> None:
        """Set one account, or all (None). Raises ValueError."""
        Creator().changed(changes)
        with self.lock:
            self._changes[member] = self._changes.get(member, {}) | changes

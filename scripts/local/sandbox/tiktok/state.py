"""What the TikTok part of the sandbox knows, and how its parts reach it."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from .creators import Creator
from .limits import MinuteLimits
from .tokens import App, Grants, open_id_of

if TYPE_CHECKING:
    from local.sandbox.people import Member
    from local.sandbox.world import World

    from .publications import Publication


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

"""What one of Meta's platforms knows beside the shared world."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic

from local.sandbox.people import Member

from .settings import Settings
from .tokens import EXPIRED, REVOKED, App, Grants, Token
from .windows import Windows

if TYPE_CHECKING:
    from local.sandbox.world import World

#: Settings that both platforms have.
COMMON: dict[str, Any] = {
    # From the last byte to ready, in seconds.
    "processing_seconds": 0.0,
    # A sentence: processing ends in this failure. Empty: it succeeds unless the file is wrong.
    "processing_fails": "",
    # Until a published post is found by reading back, in seconds.
    "readback_seconds": 0.0,
    # HTTP status of error 190: 400 by a live probe, 401 by other reports.
    "invalid_token_status": 400,
    # A subcode of error 190 (460: password changed, …): no token of the member works.
    "token_subcode": None,
    # Calls in 24 hours: 4800 for each engaged user or impression, which is one here.
    "calls_per_day": 4800,
    # Code and status of an answer over the budget; None: the platform's own code.
    "limit_code": None,
    "limit_status": 400,
    # The next upload keeps this many bytes of the request and answers 500 (used up at once).
    "upload_breaks_after": None,
}


class GraphState(Generic[App]):
    """Grants, settings and counts."""

    def __init__(self, world: World, grants: Grants[App], defaults: dict[str, Any]) -> None:
        self.world = world
        self.grants = grants
        self.settings = Settings(COMMON | defaults)
        self.windows = Windows()

    def reset(self) -> None:
        """Forget everything but the world."""
        self.grants.reset()
        self.settings.reset()
        self.windows.reset()

    def now(self, member: str | None) -> float:
        """Seconds since the epoch on this member's clock."""
        return self.world.clock.now(member)

    def member(self, identity: str) -> Member:
        """The member with this sandbox id."""
        member = self.world.people.get(identity)
        if member is None:
            raise LookupError(f"no member {identity}")
        return member

    def allows(self, token: Token[App], permission: str) -> bool:
        """Whether the member granted this to the token's app, and still does."""
        return self.grants.granted(token.app, token.member).permissions.get(permission) == "granted"

    def end_tokens(self, how: str, member: str | None, token: str | None) -> int:
        """Make one token, or all of a member, ``revoked`` or ``expired``."""
        chosen = self.grants.of_member(member) if member else []
        if token is not None:
            one = self.grants.tokens.get(token)
            chosen = [one] if one else []
        for each in chosen:
            each.ended = REVOKED if how == "revoked" else EXPIRED
        return len(chosen)

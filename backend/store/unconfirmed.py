"""Targets that may be live, past row-level security: handed out to be looked for, and settled by what was seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, cast

from ..core.platform_contract import Seen
from ..core.records import UnconfirmedTarget
from .calls import Calls
from .rows import unconfirmed_target


class Unconfirmed:
    """One method per database function. Errors are those of `Calls`."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def claim_unconfirmed(self, take: int, lease_seconds: int) -> list[UnconfirmedTarget]:
        """Targets to look for now; each is this caller's until the lease is over."""
        rows = self._calls.rpc("claim_unconfirmed", take=take, lease_seconds=lease_seconds)
        return [unconfirmed_target(row) for row in rows]

    def settle_unconfirmed(
        self, unconfirmed: UnconfirmedTarget, seen: Sequence[Seen], *, absence_is_proof: bool
    ) -> Literal["published", "scheduled", "looking", "asked", "lost"]:
        """Say which posts a look saw that may be this one; returns what that led to (see the database function)."""
        verdict = self._calls.rpc(
            "settle_unconfirmed",
            target=unconfirmed.target.target_id,
            look=unconfirmed.look,
            seen=[{"external_id": s.external_id, "external_url": s.external_url} for s in seen],
            absence_is_proof=absence_is_proof,
        )
        return cast('Literal["published", "scheduled", "looking", "asked", "lost"]', verdict)

    def settle_outcome(self, unconfirmed: UnconfirmedTarget, told: Mapping[str, Any]) -> str:
        """Say what the platform told of this publication; returns what that led to (see the database function)."""
        return str(
            self._calls.rpc(
                "settle_outcome", target=unconfirmed.target.target_id, look=unconfirmed.look, told=dict(told)
            )
        )  # fmt: skip

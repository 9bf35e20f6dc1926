"""Targets to claim, and a store that gives them out: what tests of the dispatcher have in common."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from backend.core.records import ClaimedTarget, Lease

NOW = datetime(2026, 11, 28, tzinfo=UTC)


def target(token: int, due_in: float) -> ClaimedTarget:
    """A target with this lease, due so many seconds after NOW."""
    due = NOW + timedelta(seconds=due_in)
    return ClaimedTarget(
        target_id=f"t{token}", post_id="p", user_id="u", account_id="a", platform="linkedin", lease_token=token, attempt=1,
        failures=0, due_at=due, deadline_at=due, post_version=1, target_version=1, text="", options={}, identity=None,  # type: ignore[arg-type]
        granted_scopes=(), tokens=None, media=(),
    )  # fmt: skip


class Leases:
    """Gives out these targets once, and notes which leases are kept."""

    def __init__(self, *targets: ClaimedTarget) -> None:
        self.targets = list(targets)
        self.kept: list[int] = []

    def claim_due_targets(self, *_: Any, **__: Any) -> tuple[datetime, list[ClaimedTarget]]:
        given, self.targets = self.targets, []
        return NOW, given

    def renew_leases(self, leases: Sequence[Lease], lease_seconds: int) -> set[int]:
        self.kept += [lease.lease_token for lease in leases]
        return set(self.kept)

"""The publisher's queue, past row-level security: claim, mark, settle, renew, recover."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from ..core.errors import Unavailable
from ..core.records import (
    ClaimedTarget,
    Lease,
    Mark,
    Settlement,
)
from .calls import Calls, readable
from .rows import claimed_target


class Targets:
    """One method per database function; many targets a call. Errors are those of `Calls`."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def claim_due_targets(
        self,
        worker: str,
        take: int,
        lease_seconds: int,
        ahead_seconds: float,
        *,
        places: int,
        held: Mapping[str, int],
    ) -> tuple[datetime, list[ClaimedTarget]]:
        """Lease due targets, fairly for a worker with that many places, which holds so many of each user and platform;
        returns the database's clock and the targets."""
        answer = self._calls.rpc(
            "claim_due_targets", worker_name=worker, take=take, lease_seconds=lease_seconds, ahead_seconds=ahead_seconds,
            places=places, held=dict(held),
        )  # fmt: skip
        answer = readable(dict, answer)
        return datetime.fromisoformat(answer["now"]), [
            claimed_target(row) for row in answer["targets"]
        ]

    def begin_send(
        self, targets: Sequence[ClaimedTarget], seconds_left: int, ahead_seconds: float
    ) -> dict[int, Mark]:
        """Commit the send marks, up to so many seconds before their time, each with that many seconds of lease from now on;
        returns by lease token the verdict (send, changed, parked, early or lost) and how long it is until then."""
        sends = [
            {"target_id": t.target_id, "lease_token": t.lease_token, "post_version": t.post_version, "target_version": t.target_version}
            for t in targets
        ]  # fmt: skip
        rows = self._calls.rpc(
            "begin_send", sends=sends, seconds_left=seconds_left, ahead_seconds=ahead_seconds
        )
        verdicts = _verdicts(rows, len(targets))
        early = {int(row["lease_token"]): float(row["early_by"]) for row in rows}
        return {token: Mark(verdict, early[token]) for token, verdict in verdicts.items()}

    def settle_attempts(self, settlements: Sequence[Settlement]) -> dict[int, str]:
        """Record outcomes; returns the verdict by lease token: settled, known or kept. Safe to repeat."""
        rows = self._calls.rpc("settle_attempt", results=[asdict(s) for s in settlements])
        return _verdicts(rows, len(settlements))

    def keep_notes(
        self, target_id: str, lease_token: int, values: Mapping[str, Any], look: int | None
    ) -> bool:
        """Add to what is known of a target's publication; False when the lease (or the look) is another's by now."""
        return readable(
            bool,
            self._calls.rpc(
                "keep_notes", target=target_id, token=lease_token, patch=dict(values), look=look
            ),
        )

    def renew_leases(self, leases: Sequence[Lease], lease_seconds: int) -> set[int]:
        """Extend leases; returns the tokens still held."""
        held = [
            {"target_id": lease.target_id, "lease_token": lease.lease_token} for lease in leases
        ]
        return {
            int(token)
            for token in self._calls.rpc("renew_lease", leases=held, lease_seconds=lease_seconds)
        }

    def recover_leases(self) -> dict[str, int]:
        """Take back what vanished workers held; returns counts of requeued, quarantined, unconfirmed."""
        counts: dict[str, int] = self._calls.rpc("recover_leases")
        return counts

    def mark_missed(self) -> int:
        """End targets whose deadline has passed; returns how many."""
        return int(self._calls.rpc("mark_missed"))


def _verdicts(rows: Any, asked: int) -> dict[int, str]:
    """By lease token; the database answers about each. Raises Unavailable."""
    if len(readable(list, rows)) < asked:
        raise Unavailable("The database's answer is not whole; try again in a moment.")
    return {int(row["lease_token"]): str(row["verdict"]) for row in rows}

"""Generations to run, past row-level security."""

from __future__ import annotations

from typing import Any

from ..core.records import (
    ClaimedGeneration,
)
from .calls import Calls


class Generations:
    """Claiming, progress and results of generations. Errors are those of `Calls`."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def claim_generation(
        self, generation_id: str | None, lease_seconds: int
    ) -> ClaimedGeneration | None:
        """Take a waiting generation (None: the oldest); None when there is nothing to take."""
        rows = self._calls.rpc(
            "claim_generation", wanted=generation_id, lease_seconds=lease_seconds
        )
        if not rows:
            return None
        row = rows[0]
        return ClaimedGeneration(row["id"], row["user_id"], row["input"], row["lease_token"])

    def record_generation_progress(
        self,
        generation: ClaimedGeneration,
        status: str,
        space: str,
        progress: dict[str, Any],
        lease_seconds: int,
    ) -> str:
        """Record progress and extend the lease; returns "go on", "cancel" or "lost"."""
        return str(
            self._calls.rpc(
                "record_generation_progress",
                generation=generation.generation_id,
                token=generation.lease_token,
                new_status=status,
                new_space=space,
                new_progress=progress,
                lease_seconds=lease_seconds,
            )
        )

    def finish_generation(self, generation: ClaimedGeneration, result: dict[str, Any]) -> bool:
        """End a generation with its result; False when it was not ours any more."""
        return bool(
            self._calls.rpc(
                "finish_generation",
                generation=generation.generation_id,
                token=generation.lease_token,
                result=result,
            )
        )

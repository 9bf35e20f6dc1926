"""Sources to read, past row-level security."""

from __future__ import annotations

from typing import Any

from ..core.records import (
    DueSource,
)
from .calls import Calls


class Sources:
    """Sources and their items. Errors are those of `Calls`."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def claim_due_sources(self, take: int, retry_after_seconds: int) -> list[DueSource]:
        """Sources whose time has come."""
        rows = self._calls.rpc(
            "claim_due_sources", take=take, retry_after_seconds=retry_after_seconds
        )
        return [_due_source(row) for row in rows]

    def record_source_fetch(self, source_id: str, result: dict[str, Any]) -> int:
        """Store what one reading of a source found; returns how many items were new."""
        return int(self._calls.rpc("record_source_fetch", source=source_id, result=result))


def _due_source(row: dict[str, Any]) -> DueSource:
    return DueSource(
        row["id"],
        row["user_id"],
        row["url"],
        row["kind"],
        row["etag"],
        row["last_modified"],
        row["failures"],
    )

"""What keeps an installation going, past row-level security."""

from __future__ import annotations

from typing import Any

from .calls import Calls, readable


class Operations:
    """Heartbeats, health, slots to fill, idempotency keys. Errors are those of `Calls`."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def take_idempotency_key(self, user_id: str, key: str, request_hash: str) -> dict[str, Any]:
        """Take a key, or learn what the first request with it got (see the database function)."""
        answer: dict[str, Any] = self._calls.rpc(
            "take_idempotency_key", owner=user_id, new_key=key, hash=request_hash
        )
        return answer

    def store_idempotent_answer(self, user_id: str, key: str, status: int, body: Any) -> None:
        """Keep the answer of the first request with a key."""
        self._calls.run(
            self._calls.table("idempotency_keys")
            .update({"response_status": status, "response_body": body}, returning="minimal")
            .eq("user_id", user_id)
            .eq("key", key)
        )

    def free_idempotency_key(self, user_id: str, key: str) -> None:
        """Free a key whose request failed, so that it may be tried again."""
        self._calls.run(
            self._calls.table("idempotency_keys")
            .delete(returning="minimal")
            .eq("user_id", user_id)
            .eq("key", key)
        )

    def heartbeat(self, worker: str) -> None:
        """Say that this worker lives."""
        self._calls.rpc("heartbeat", name=worker)

    def purge_expired(self) -> int:
        """Remove what has served its time; returns how many rows went."""
        return int(self._calls.rpc("purge_expired"))

    def next_work(self) -> dict[str, float | None]:
        """Seconds until each queue has work, by its name; None when nothing waits there."""
        due: dict[str, float | None] = readable(dict, self._calls.rpc("next_work"))
        return due

    def system_health(self) -> dict[str, Any]:
        """Ages and counts that readiness asks for."""
        health: dict[str, Any] = readable(dict, self._calls.rpc("system_health"))
        return health

    def counters(self) -> dict[str, Any]:
        """Every counter since the installation began, and the bounds of the histograms (see the database function)."""
        told: dict[str, Any] = readable(dict, self._calls.rpc("counters"))
        return told

    def add_up_counts(self) -> int:
        """Add up what was counted; returns how many events."""
        return int(self._calls.rpc("add_up_counts"))

    def open_occurrences(self) -> int:
        """Open the occurrences of the coming 14 days; returns how many are new, 0 when all are open."""
        return int(self._calls.rpc("open_occurrences"))

    def fill_occurrences(self, take: int) -> dict[str, int]:
        """Fill the occurrences whose lead time has begun; returns counts by what became of them."""
        counts: dict[str, int] = self._calls.rpc("fill_occurrences", take=take)
        return counts

"""Webhooks past row-level security: their secrets, and the line of what is to be posted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from ..core.records import DueDelivery
from .calls import Calls, readable


class Webhooks:
    """One method per database function. Errors are those of `Calls`."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def create(
        self, webhook_id: str, user_id: str, url: str, kinds: Sequence[str] | None, description: str | None, secret_sealed: str
    ) -> dict[str, Any]:  # fmt: skip
        """Make a webhook with its secret; returns its row. Raises Conflict beyond 5 of one person."""
        row: dict[str, Any] = readable(
            dict,
            self._calls.rpc(
                "create_webhook", hook=webhook_id, owner=user_id, address=url,
                of_kinds=None if kinds is None else list(kinds), described=description, secret=secret_sealed,
            ),
        )  # fmt: skip
        return row

    def add_secret(
        self, webhook_id: str, user_id: str, secret_sealed: str, overlap_seconds: int
    ) -> datetime:
        """Bring in a new secret; returns when the ones before it end. Raises NotFound, Conflict."""
        ends_at = self._calls.rpc(
            "add_webhook_secret", hook=webhook_id, owner=user_id, secret=secret_sealed, overlap_seconds=overlap_seconds,
        )  # fmt: skip
        return datetime.fromisoformat(readable(str, ends_at))

    def claim_deliveries(
        self, take: int, take_troubled: int, lease_seconds: int
    ) -> list[DueDelivery]:
        """Events to post now; each is this caller's until the lease is over."""
        rows = self._calls.rpc(
            "claim_webhook_deliveries", take=take, take_troubled=take_troubled, lease_seconds=lease_seconds,
        )  # fmt: skip
        return [due_delivery(row) for row in readable(list, rows)]

    def settle_delivery(self, delivery: DueDelivery, result: Mapping[str, Any]) -> str:
        """Store what came of it; returns the delivery's state, "lost" when it is not the caller's any more."""
        return str(
            self._calls.rpc(
                "settle_webhook_delivery", delivery=delivery.delivery_id, token=delivery.lease_token, result=dict(result),
            )
        )  # fmt: skip


def due_delivery(row: Mapping[str, Any]) -> DueDelivery:
    """One row of claim_webhook_deliveries."""
    return DueDelivery(
        delivery_id=row["delivery_id"],
        lease_token=row["lease_token"],
        webhook_id=row["webhook_id"],
        url=row["url"],
        secrets_sealed=tuple(row["secrets"]),
        event_id=row["event_id"],
        kind=row["kind"],
        occurred_at=datetime.fromisoformat(row["occurred_at"]),
        data=row["data"],
        attempts=row["attempts"],
        troubled=row["troubled"],
    )

"""The outbox of mails, past row-level security: handed out under a lease, and told what became of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from ..core.mailing import Item, Mail, MailResult
from .calls import Calls, readable


class Mails:
    """One method per database function. Errors are those of `Calls`."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def claim_mails(self, take: int, lease_seconds: int) -> list[Mail]:
        """Mails of so many people that are due now; each is this caller's until the lease is over."""
        rows = self._calls.rpc("claim_mails", take=take, lease_seconds=lease_seconds)
        return [_mail(row) for row in readable(list, rows)]

    def record_mails(self, results: Sequence[MailResult]) -> int:
        """Say what became of mails; returns how many notifications were written, without those that others hold by now."""
        told = [
            {
                "ids": [item.id for item in result.mail.items],
                "try": result.mail.number,
                "outcome": result.outcome,
                "error": result.error,
                "after_seconds": result.after_seconds,
            }
            for result in results
        ]
        return readable(int, self._calls.rpc("record_mails", results=told))

    def stop_mails(self, user_id: str, topic: str) -> bool:
        """Switch off a topic of somebody's mail ("mail": all of it); False when they are gone. Raises InvalidInput."""
        return readable(bool, self._calls.rpc("stop_mails", owner=user_id, topic=topic))


def _mail(row: dict[str, Any]) -> Mail:
    return Mail(
        row["mail_id"], row["try"], row["user_id"], row["address"], row["name"], row["locale"], row["timezone"],
        tuple(
            Item(
                item["id"], item["kind"], item["topic"], datetime.fromisoformat(item["created_at"]), item["payload"], item["text"]
            )
            for item in row["items"]
        ),
    )  # fmt: skip

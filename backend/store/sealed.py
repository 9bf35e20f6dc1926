"""Every place where sealed values are stored, to seal them again: read in pages, replaced many at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..core.records import SealedRow, SealedValue
from ..core.subscribing import secret_of
from ..core.tokens import access_of, refresh_of, verifier_of
from .calls import Calls, readable


class SealedTokenRows:
    """The platforms' tokens, by account. Errors are those of `Calls`."""

    name = "account"

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def count(self) -> int:
        """How many rows there are."""
        table = self._calls.table("social_account_tokens")
        return self._calls.count(table.select("account_id", count="exact", head=True))

    def page(self, after: str | None, take: int) -> list[SealedRow]:
        """The next rows by id."""
        columns = "account_id,version,access_token_sealed,refresh_token_sealed"
        query = self._calls.table("social_account_tokens").select(columns).order("account_id")
        if after is not None:
            query = query.gt("account_id", after)
        return [_tokens(row) for row in readable(list, self._calls.run(query.limit(take)))]

    def replace(self, rows: Sequence[SealedRow]) -> set[str]:
        """Store these values, except of rows that changed since they were read or are being refreshed. Returns the ids
        of those stored."""
        batch = [{"id": row.id, "version": row.version} | _columns(row) for row in rows]
        return set(readable(list, self._calls.rpc("reseal_many_tokens", batch=batch)))


class SealedStates:
    """The PKCE verifiers of connections that are being made. Errors are those of `Calls`."""

    name = "started connection"

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def count(self) -> int:
        """How many rows there are."""
        return self._calls.count(self._open("state_hash", count="exact", head=True))

    def page(self, after: str | None, take: int) -> list[SealedRow]:
        """The next rows by id."""
        query = self._open("state_hash,verifier_sealed").order("state_hash")
        if after is not None:
            query = query.gt("state_hash", after)
        return [_verifier(row) for row in readable(list, self._calls.run(query.limit(take)))]

    def replace(self, rows: Sequence[SealedRow]) -> set[str]:
        """Store these values. Returns the ids of those stored: all but the purged."""
        batch = [{"id": row.id} | _columns(row) for row in rows]
        return set(readable(list, self._calls.rpc("reseal_many_verifiers", batch=batch)))

    def _open(self, columns: str, **more: Any) -> Any:
        """Those that may still be used: of the others nobody will open the verifier."""
        table = self._calls.table("oauth_states")
        return table.select(columns, **more).is_("used_at", "null").gt("expires_at", "now")


class SealedSigningSecrets:
    """The secrets that webhooks are signed with. Errors are those of `Calls`."""

    name = "webhook secret"

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def count(self) -> int:
        """How many rows there are."""
        table = self._calls.table("webhook_secrets")
        return self._calls.count(table.select("id", count="exact", head=True))

    def page(self, after: str | None, take: int) -> list[SealedRow]:
        """The next rows by id."""
        query = self._calls.table("webhook_secrets").select("id,webhook_id,secret_sealed").order("id")  # fmt: skip
        if after is not None:
            query = query.gt("id", after)
        return [_signing_secret(row) for row in readable(list, self._calls.run(query.limit(take)))]

    def replace(self, rows: Sequence[SealedRow]) -> set[str]:
        """Store these values, which never change otherwise. Returns the ids of those stored: all but the purged."""
        done: set[str] = set()
        for row in rows:
            table = self._calls.table("webhook_secrets")
            stored = self._calls.run(table.update(_columns(row)).eq("id", row.id))
            done |= {one["id"] for one in readable(list, stored)}
        return done


def _tokens(row: dict[str, Any]) -> SealedRow:
    account_id = row["account_id"]
    values = (
        SealedValue("access_token_sealed", access_of(account_id), row["access_token_sealed"]),
        SealedValue("refresh_token_sealed", refresh_of(account_id), row["refresh_token_sealed"]),
    )
    stored = tuple(value for value in values if value.sealed is not None)
    return SealedRow(account_id, row["version"], stored)


def _verifier(row: dict[str, Any]) -> SealedRow:
    state_hash = row["state_hash"]
    value = SealedValue("verifier_sealed", verifier_of(state_hash), row["verifier_sealed"])
    return SealedRow(state_hash, 0, (value,))


def _signing_secret(row: dict[str, Any]) -> SealedRow:
    value = SealedValue("secret_sealed", secret_of(row["webhook_id"]), row["secret_sealed"])
    return SealedRow(row["id"], 0, (value,))


def _columns(row: SealedRow) -> dict[str, str]:
    return {value.column: value.sealed for value in row.values}

"""Published posts and the accounts behind them, past row-level security: how they do, deleting, names and pictures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from ..core.platform_contract import Identity, Metrics
from ..core.records import AskedAccount, PublishedTarget
from .calls import Calls, readable
from .rows import asked_account, published_target


class PublishedPosts:
    """One method per database function. Errors are those of `Calls`."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def claim_measurements(self, take: int) -> list[PublishedTarget]:
        """Published posts of which it is time to ask how they do."""
        rows = readable(list, self._calls.rpc("claim_measurements", take=take))
        return [published_target(row) for row in rows]

    def store_metrics(self, found: Mapping[str, tuple[str, Metrics]]) -> None:
        """Keep how posts do: by target id, the owner and the figures."""
        rows = [
            {"target_id": target_id, "user_id": user_id, **asdict(metrics)}
            for target_id, (user_id, metrics) in found.items()
        ]
        self._calls.run(self._calls.table("post_metrics").insert(rows, returning="minimal"))

    def target_to_delete(self, target_id: str, user_id: str) -> PublishedTarget:
        """A published target of a user. Raises NotFound, Conflict when nothing of it is out."""
        row = self._calls.rpc("target_to_delete", target=target_id, owner=user_id)
        return published_target(readable(dict, row))

    def note_deleted(self, target_id: str) -> None:
        """The post is gone from its platform."""
        self._calls.rpc("note_deleted", target=target_id)

    def claim_profiles(self, take: int) -> list[AskedAccount]:
        """Accounts whose name and picture are to be read again."""
        rows = readable(list, self._calls.rpc("claim_profiles", take=take))
        return [asked_account(row) for row in rows]

    def store_profile(self, account_id: str, identity: Identity) -> None:
        """Keep an account's name and picture."""
        fields: dict[str, Any] = {
            "account_name": identity.account_name[:300],
            "given_name": identity.given_name and identity.given_name[:200],
            "family_name": identity.family_name and identity.family_name[:200],
            "picture_url": identity.picture_url and identity.picture_url[:2000],
            "username": identity.username and identity.username[:200],
        }
        self._calls.run(
            self._calls.table("social_accounts")
            .update(fields, returning="minimal")
            .eq("id", account_id)
        )

    def account_to_ask(self, account_id: str, user_id: str) -> AskedAccount:
        """One active account of a user. Raises NotFound, Conflict when it is not connected."""
        row = self._calls.rpc("account_to_ask", account=account_id, owner=user_id)
        return asked_account(readable(dict, row))

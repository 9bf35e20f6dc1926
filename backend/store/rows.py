"""Rows of the database as the core's dataclasses."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from ..core.ports import Identity
from ..core.records import ClaimedMedia, ClaimedTarget, SealedTokens


def time_or_none(value: str | None) -> datetime | None:
    """A timestamp of the database's JSON, aware; None stays None."""
    return datetime.fromisoformat(value) if value else None


def claimed_target(row: dict[str, Any]) -> ClaimedTarget:
    """One element of claim_due_targets' `targets`."""
    account, token = row["account"], row["token"]
    return ClaimedTarget(
        target_id=row["target_id"],
        post_id=row["post_id"],
        user_id=row["user_id"],
        account_id=row["account_id"],
        platform=row["platform"],
        lease_token=row["lease_token"],
        attempt=row["attempt"],
        failures=row["failures"],
        due_at=datetime.fromisoformat(row["due_at"]),
        deadline_at=datetime.fromisoformat(row["deadline_at"]),
        post_version=row["post_version"],
        target_version=row["target_version"],
        text=row["text"],
        options=row["options"],
        identity=Identity(
            external_id=account["external_id"],
            account_name=account["account_name"],
            kind=account["kind"],
        ),
        granted_scopes=tuple(account["granted_scopes"]),
        tokens=token
        and SealedTokens(
            access_token_sealed=token["access_token_sealed"],
            refresh_token_sealed=token["refresh_token_sealed"],
            access_token_expires_at=time_or_none(token["access_token_expires_at"]),
            refresh_token_expires_at=time_or_none(token["refresh_token_expires_at"]),
            version=token["version"],
        ),
        media=tuple(ClaimedMedia(**media) for media in row["media"]),
    )

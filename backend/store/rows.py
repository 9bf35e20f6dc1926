"""Rows of the database as the core's dataclasses."""

from __future__ import annotations

from dataclasses import fields
from datetime import datetime
from typing import Any

from ..core.platform_contract import Identity
from ..core.records import (
    AskedAccount,
    ClaimedMedia,
    ClaimedTarget,
    ExpiringTokens,
    PublishedTarget,
    SealedTokens,
    UnconfirmedTarget,
)


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
        identity=_identity(account),
        granted_scopes=tuple(account["granted_scopes"]),
        tokens=sealed_tokens(token),
        media=tuple(_media(media, row.get("videos", {})) for media in row["media"]),
        notes=row["notes"],
    )


def _media(row: dict[str, Any], videos: dict[str, Any]) -> ClaimedMedia:
    """What this version knows of a file, and of videos by their ids: a newer database may tell more."""
    told = row | videos.get(row["media_id"], {})
    known: dict[str, Any] = {field.name: told.get(field.name) for field in fields(ClaimedMedia)}
    return ClaimedMedia(**known)


def _identity(account: dict[str, Any]) -> Identity:
    return Identity(
        external_id=account["external_id"], account_name=account["account_name"], kind=account["kind"], username=account["username"],
    )  # fmt: skip


def published_target(row: dict[str, Any]) -> PublishedTarget:
    """One element of claim_measurements."""
    return PublishedTarget(claimed_target(row), row["external_id"])


def asked_account(row: dict[str, Any]) -> AskedAccount:
    """One element of claim_profiles."""
    account = row["account"]
    scopes = tuple(account["granted_scopes"])
    return AskedAccount(
        row["account_id"], row["platform"], _identity(account), scopes, sealed_tokens(row["token"])
    )


def unconfirmed_target(row: dict[str, Any]) -> UnconfirmedTarget:
    """One element of claim_unconfirmed."""
    return UnconfirmedTarget(
        claimed_target(row), row["look"], datetime.fromisoformat(row["sending_at"])
    )


def sealed_tokens(row: dict[str, Any] | None) -> SealedTokens | None:
    """A row of social_account_tokens; None stays None."""
    if row is None:
        return None
    return SealedTokens(
        access_token_sealed=row["access_token_sealed"],
        refresh_token_sealed=row["refresh_token_sealed"],
        access_token_expires_at=time_or_none(row["access_token_expires_at"]),
        refresh_token_expires_at=time_or_none(row["refresh_token_expires_at"]),
        version=row["version"],
    )


def expiring_tokens(row: dict[str, Any]) -> ExpiringTokens:
    """One element of tokens_to_refresh."""
    tokens = sealed_tokens(row["token"])
    assert tokens is not None, "tokens_to_refresh names no account without tokens"  # noqa: S101 - the function's contract
    return ExpiringTokens(row["account_id"], row["platform"], tuple(row["granted_scopes"]), tokens)

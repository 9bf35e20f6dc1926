"""Connecting accounts and keeping their sealed tokens, past row-level security."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from ..core.platform_contract import Identity
from ..core.records import (
    ExpiringTokens,
    RefreshVerdict,
    SealedTokens,
    StateVerdict,
)
from .calls import Calls, readable
from .rows import expiring_tokens, sealed_tokens


class Accounts:
    """OAuth states, accounts and tokens. Errors are those of `Calls`."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def save_oauth_state(
        self, *, state_hash: str, user_id: str, session_id: str | None, platform: str, verifier_sealed: str, browser_hash: str,
        redirect_to: str, expires_at: datetime,
    ) -> None:  # fmt: skip
        """Remember a started connection, and the session that started it."""
        self._calls.run(
            self._calls.table("oauth_states").insert(
                {
                    "state_hash": state_hash,
                    "user_id": user_id,
                    "session_id": session_id,
                    "platform_id": platform,
                    "verifier_sealed": verifier_sealed,
                    "browser_hash": browser_hash,
                    "redirect_to": redirect_to,
                    "expires_at": expires_at.isoformat(),
                },
                returning="minimal",
            )
        )

    def consume_oauth_state(
        self, state_hash: str, platform: str, browser_hash: str | None
    ) -> StateVerdict:
        """Use up a state; only one caller ever gets the verdict "ok"."""
        row = self._calls.rpc(
            "consume_oauth_state", hash=state_hash, platform=platform, browser=browser_hash
        )
        return StateVerdict(
            verdict=row["verdict"],
            user_id=row.get("user_id"),
            redirect_to=row.get("redirect_to"),
            verifier_sealed=row.get("verifier_sealed"),
        )

    def store_account(
        self, account_id: str, user_id: str, platform: str, identity: Identity, scopes: Sequence[str], tokens: SealedTokens
    ) -> str:  # fmt: skip
        """Store or reconnect an account with its sealed tokens; returns its id."""
        account = {
            "id": account_id,
            "user_id": user_id,
            "platform": platform,
            "granted_scopes": list(scopes),
            **asdict(identity),
        }
        return str(self._calls.rpc("store_account", account=account, token=_token_json(tokens)))

    def account_tokens(self, account_id: str) -> SealedTokens | None:
        """An account's sealed tokens, None when they were forgotten."""
        rows = self._calls.run(
            self._calls.table("social_account_tokens")
            .select(
                "access_token_sealed,refresh_token_sealed,access_token_expires_at,refresh_token_expires_at,version"
            )
            .eq("account_id", account_id)
        )
        return sealed_tokens(rows[0]) if rows else None

    def other_accounts(self, account_id: str, user_id: str, platform: str) -> int:
        """How many other connected accounts the user has on the platform."""
        rows = self._calls.run(
            self._calls.table("social_accounts")
            .select("id")
            .eq("user_id", user_id)
            .eq("platform_id", platform)
            .neq("id", account_id)
            .neq("status", "disconnected")
        )
        return len(rows)

    def disconnect_account(self, account_id: str, user_id: str) -> bool:
        """Forget an account's tokens; False when there is no such account."""
        return bool(self._calls.rpc("disconnect_account", account=account_id, owner=user_id))

    def reseal_tokens(
        self, account_id: str, version: int, access_sealed: str, refresh_sealed: str | None
    ) -> bool:
        """Replace sealed tokens by the same under a newer key, unless they changed meanwhile."""
        return bool(
            self._calls.rpc(
                "reseal_tokens",
                account=account_id,
                read_version=version,
                access_token_sealed=access_sealed,
                refresh_token_sealed=refresh_sealed,
            )
        )

    def begin_token_refresh(
        self, account_id: str, version: int, lease_seconds: int
    ) -> tuple[RefreshVerdict, SealedTokens | None]:
        """Ask to refresh tokens of this version: refresh, wait, changed or gone, with the current tokens."""
        answer = self._calls.rpc(
            "begin_token_refresh",
            account=account_id,
            read_version=version,
            lease_seconds=lease_seconds,
        )
        answer = readable(dict, answer)
        return answer["verdict"], sealed_tokens(answer.get("token"))

    def end_token_refresh(self, account_id: str, version: int, tokens: SealedTokens | None) -> bool:
        """Store refreshed tokens (None: it did not work); False when they were changed meanwhile."""
        return readable(
            bool,
            self._calls.rpc(
                "end_token_refresh",
                account=account_id,
                read_version=version,
                token=_token_json(tokens) if tokens else None,
            ),
        )

    def tokens_to_refresh(self, take: int) -> list[ExpiringTokens]:
        """Tokens that end within the hour and can be refreshed."""
        return [expiring_tokens(row) for row in self._calls.rpc("tokens_to_refresh", take=take)]

    def lose_account(self, account_id: str, reason: str) -> None:
        """The permission was refused for good: flag the account and park what waits for it."""
        self._calls.rpc("lose_account", account=account_id, reason=reason)

    def watch_permissions(self) -> int:
        """Warn of permissions that end soon and park those that have ended; returns how many."""
        return int(self._calls.rpc("watch_permissions"))


def _token_json(tokens: SealedTokens) -> dict[str, Any]:
    return {
        "access_token_sealed": tokens.access_token_sealed,
        "refresh_token_sealed": tokens.refresh_token_sealed,
        "access_token_expires_at": tokens.access_token_expires_at.isoformat()
        if tokens.access_token_expires_at
        else None,
        "refresh_token_expires_at": tokens.refresh_token_expires_at.isoformat()
        if tokens.refresh_token_expires_at
        else None,
    }

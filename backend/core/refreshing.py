"""Keeping an account's tokens usable. A hiccup never costs a connection: only a platform's plain refusal does.

One refresh per account at a time across all workers; the new tokens are stored before they are used, because with
rotating tokens the old ones are dead by then.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from .errors import (
    NoAnswer,
    NotSent,
    OutcomeUnknown,
    PlatformError,
    Reconnect,
    Rejected,
    SealBroken,
    TryLater,
    Unavailable,
)
from .platform_contract import Platform, Tokens
from .records import ExpiringTokens, RefreshVerdict, SealedTokens
from .tokens import Sealer, is_stale, open_tokens, seal_tokens

log = logging.getLogger("lin.refreshing")

# A token that ends within this time is refreshed before it is used.
MARGIN = timedelta(minutes=5)
LEASE_SECONDS = 60
_WAIT_STEPS = (0.1, 0.2, 0.5, 1.0, 1.0, 2.0, 2.0, 3.0)
_BATCH = 50
# RFC 6749, 5.2: the operator's credentials are wrong, which says nothing about anybody's permission.
_OF_THE_APP = ("invalid_client", "unauthorized_client", "unsupported_grant_type")


class TokenStore(Protocol):
    """What keeping tokens needs from the database; see store/accounts.py."""

    def begin_token_refresh(
        self, account_id: str, version: int, lease_seconds: int
    ) -> tuple[RefreshVerdict, SealedTokens | None]: ...

    def end_token_refresh(
        self, account_id: str, version: int, tokens: SealedTokens | None
    ) -> bool: ...

    def reseal_tokens(
        self, account_id: str, version: int, access_sealed: str, refresh_sealed: str | None
    ) -> bool: ...

    def tokens_to_refresh(self, take: int) -> Sequence[ExpiringTokens]: ...

    def lose_account(self, account_id: str, reason: str) -> None: ...


@dataclass(frozen=True)
class TokenKeeper:
    """Opens tokens and refreshes them in time."""

    store: TokenStore
    platforms: Mapping[str, Platform]
    sealer: Sealer
    pause: Callable[[float], None] = time.sleep

    def usable(
        self,
        account_id: str,
        platform: Platform,
        sealed: SealedTokens,
        scopes: tuple[str, ...],
        now: datetime,
    ) -> Tokens:
        """Tokens that work now. Raises Reconnect when only the owner can help, TryLater when a refresh did not work."""
        tokens = self._open(account_id, sealed, scopes)
        if not _ends(tokens.expires_at, now + MARGIN):
            self._reseal(account_id, sealed, tokens)
            return tokens
        if tokens.refresh_token is None or _ends(tokens.refresh_expires_at, now):
            if _ends(tokens.expires_at, now):
                raise Reconnect(
                    "The permission to publish has expired.", error_class="token_expired"
                )
            return tokens
        try:
            return self._refreshed(account_id, platform, sealed, scopes, now)
        except TryLater as error:
            if _ends(tokens.expires_at, now):
                raise
            log.warning(
                "a refresh waits",
                extra={
                    "account_id": account_id,
                    "error": str(error),
                    "cause": str(error.__cause__),
                },
            )
            return tokens  # it still works for a few minutes

    def renew(
        self,
        account_id: str,
        platform: Platform,
        sealed: SealedTokens,
        scopes: tuple[str, ...],
        now: datetime,
    ) -> Tokens:
        """New tokens although the old ones should still work. Raises Reconnect, TryLater."""
        return self._refreshed(account_id, platform, sealed, scopes, now)

    def refresh_due(self, now: datetime) -> int:
        """Refresh what ends within the hour; returns how many worked. Failures wait for their next turn."""
        done = 0
        for expiring in self.store.tokens_to_refresh(_BATCH):
            try:
                platform = self.platforms[expiring.platform]
                self._refreshed(
                    expiring.account_id, platform, expiring.tokens, expiring.granted_scopes, now
                )
                done += 1
            except Reconnect as error:
                self.store.lose_account(expiring.account_id, str(error))
            except (TryLater, SealBroken, KeyError) as error:
                log.warning(
                    "a refresh waits",
                    extra={"account_id": expiring.account_id, "error": str(error)},
                )
        return done

    def _refreshed(
        self,
        account_id: str,
        platform: Platform,
        sealed: SealedTokens,
        scopes: tuple[str, ...],
        now: datetime,
    ) -> Tokens:
        for seconds in (*_WAIT_STEPS, None):
            verdict, current = self.store.begin_token_refresh(
                account_id, sealed.version, LEASE_SECONDS
            )
            if verdict == "gone" or current is None:
                raise Reconnect("The account is not connected any more.", error_class="no_token")
            if verdict == "changed":
                return self._open(account_id, current, scopes)
            if verdict == "refresh":
                return self._refresh(account_id, platform, current, scopes, now)
            if seconds is not None:
                self.pause(seconds)
        raise TryLater(
            "Another worker is renewing the permission; this one waits.",
            error_class="refresh_under_way",
        )

    def _refresh(
        self,
        account_id: str,
        platform: Platform,
        sealed: SealedTokens,
        scopes: tuple[str, ...],
        now: datetime,
    ) -> Tokens:
        try:
            fresh = platform.refresh(self._open(account_id, sealed, scopes), now=now)
        except (Rejected, Reconnect) as error:
            self.store.end_token_refresh(account_id, sealed.version, None)
            if error.error_class == "seal_broken":
                raise
            if not _is_plain_refusal(error):
                raise TryLater(
                    "The platform does not talk to this server just now.",
                    error_class="refresh_failed",
                    operator=error.error_class in _OF_THE_APP,
                    http_status=error.http_status,
                ) from error
            raise Reconnect(
                "The platform does not renew the permission any more.",
                error_class="refresh_refused",
            ) from error
        except (NotSent, NoAnswer, TryLater, OutcomeUnknown) as error:
            self.store.end_token_refresh(account_id, sealed.version, None)
            after = error.after if isinstance(error, TryLater) else None
            status = error.http_status if isinstance(error, PlatformError) else None
            raise TryLater(
                "The permission could not be renewed just now.",
                error_class="refresh_failed",
                after=after,
                operator=isinstance(error, TryLater) and error.operator,
                http_status=status,
            ) from error
        self._store(account_id, sealed, fresh)
        return Tokens(
            fresh.access_token,
            fresh.expires_at,
            fresh.refresh_token,
            fresh.refresh_expires_at,
            fresh.scopes or scopes,
        )

    def _store(self, account_id: str, sealed: SealedTokens, fresh: Tokens) -> None:
        """Before anything uses them: with rotating tokens, what is not stored is lost."""
        resealed = seal_tokens(self.sealer, account_id, fresh)
        for seconds in (*_WAIT_STEPS, None):
            try:
                self.store.end_token_refresh(account_id, sealed.version, resealed)
            except Unavailable:
                if seconds is None:
                    raise
                self.pause(seconds)
            else:
                return

    def _open(self, account_id: str, sealed: SealedTokens, scopes: tuple[str, ...]) -> Tokens:
        try:
            return open_tokens(self.sealer, account_id, sealed, scopes)
        except SealBroken as error:
            log.exception(
                "a stored token cannot be opened; is a key missing from TOKEN_KEYS?",
                extra={"account_id": account_id},
            )
            raise Reconnect(
                "The stored permission cannot be read any more.", error_class="seal_broken"
            ) from error

    def _reseal(self, account_id: str, sealed: SealedTokens, tokens: Tokens) -> None:
        if is_stale(self.sealer, sealed):
            fresh = seal_tokens(self.sealer, account_id, tokens)
            self.store.reseal_tokens(
                account_id, sealed.version, fresh.access_token_sealed, fresh.refresh_token_sealed
            )


def _is_plain_refusal(error: PlatformError) -> bool:
    """Whether the platform refused this refresh token (RFC 6749, 5.2), rather than our app or the request's way there."""
    return error.http_status in (None, 400, 401) and error.error_class not in _OF_THE_APP


def _ends(moment: datetime | None, before: datetime) -> bool:
    return moment is not None and moment <= before

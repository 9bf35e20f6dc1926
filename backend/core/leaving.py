"""Deleting somebody's account. Every step may be repeated, so whoever comes after a dead process goes through all of them.

What acts stops first, so that nothing goes out meanwhile; tokens are revoked while they are still known; rows go before
files, so that no row names a file that is gone; the person goes last, because until then they can ask again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from .errors import LinError, NotFound, Unavailable

log = logging.getLogger("lin.leaving")

# Revoking asks each account's platform, 30 s at most each; a second process that starts after this does no harm.
LEASE_SECONDS = 180
_TARGETS = 1000
_ROWS = 500
_BATCH = 10


@dataclass(frozen=True)
class Stopped:
    """What `quiet` did: targets stopped, things still at work, targets that are live on the platforms or may be."""

    stopped: int
    at_work: int
    published: int


class DeletionStore(Protocol):
    """What leaving needs from the database, Storage and Auth; see store/account_data.py."""

    def begin(self, user_id: str, lease_seconds: int) -> bool: ...

    def claim(self, take: int, lease_seconds: int) -> Sequence[str]: ...

    def quiet(self, user_id: str, take: int, lease_seconds: int) -> Stopped: ...

    def accounts(self, user_id: str) -> Sequence[tuple[str, str]]: ...

    def delete_rows(self, user_id: str, take: int) -> int: ...

    def delete_files(self, user_id: str) -> None: ...

    def delete_person(self, user_id: str) -> None: ...


@dataclass(frozen=True)
class Left:
    """Whether all is gone; what stays live on the platforms, None when another process is at it."""

    done: bool
    published: int | None = None


class Leaver:
    """Deletes accounts. `disconnect` revokes at the platform and forgets the tokens (Connector.disconnect)."""

    def __init__(
        self,
        store: DeletionStore,
        disconnect: Callable[[str, str, str], None],
        *,
        lease_seconds: int = LEASE_SECONDS,
    ) -> None:
        self._store = store
        self._disconnect = disconnect
        self._lease_seconds = lease_seconds

    def leave(self, user_id: str) -> Left:
        """Delete this account as far as that goes now; a worker goes on where it did not. One that is gone is done.

        Raises Unavailable when it could not even be noted.
        """
        try:
            mine = self._store.begin(user_id, self._lease_seconds)
        except NotFound:
            return Left(True)
        if not mine:
            return Left(False)
        try:
            return self._go_on(user_id)
        except Unavailable as error:
            log.warning("a deletion stopped; a worker goes on", extra={"error": str(error)})
            return Left(False)

    def run(self) -> int:
        """Go on with deletions that wait or whose process died; returns how many ended."""
        ended = 0
        for user_id in self._store.claim(_BATCH, self._lease_seconds):
            try:
                ended += self._go_on(user_id).done
            except Exception:
                # one that cannot be ended must not keep the others from it
                log.exception("a deletion stopped; it is tried again")
        return ended

    def _go_on(self, user_id: str) -> Left:
        now = self._store.quiet(user_id, _TARGETS, self._lease_seconds)
        while now.stopped == _TARGETS:
            now = self._store.quiet(user_id, _TARGETS, self._lease_seconds)
        if now.at_work:
            return Left(False, now.published)
        for account_id, platform in self._store.accounts(user_id):
            self._revoke(account_id, platform, user_id)
        while self._store.delete_rows(user_id, _ROWS):
            pass
        self._store.delete_files(user_id)
        self._store.delete_person(user_id)
        log.info("an account was deleted")
        return Left(True, now.published)

    def _revoke(self, account_id: str, platform: str, user_id: str) -> None:
        """Best effort: nobody has to stay because a platform is down. Raises Unavailable of the database only."""
        try:
            self._disconnect(account_id, platform, user_id)
        except Unavailable:
            raise
        except LinError as error:
            log.warning("an account could not be disconnected; its tokens go all the same", extra={"platform": platform, "error": str(error)})  # fmt: skip
        except Exception:
            log.exception("disconnecting broke; the tokens go all the same", extra={"platform": platform})  # fmt: skip

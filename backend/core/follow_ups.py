"""Follow-ups of publishing: how posts do, deleting one from its platform, and what an account is called today.

Nothing here touches the state machine of publishing: a failure waits for its next turn, or is told to who asked.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from typing import Any, Protocol

from .errors import Conflict, LinError, Unavailable
from .noting import NoteStore, TargetNotes
from .platform_contract import (
    Deletes,
    Identity,
    Measures,
    Metrics,
    OffersChoices,
    Platform,
    Tokens,
)
from .records import AskedAccount, ClaimedTarget, PublishedTarget
from .refreshing import TokenKeeper

log = logging.getLogger("lin.published")

_BATCH = 100
# as many as every platform tells about in one call (TikTok, video/query: 20)
_AT_ONCE = 20


class PublishedStore(Protocol):
    """What this needs from the database; see store/published.py."""

    def claim_measurements(self, take: int) -> Sequence[PublishedTarget]: ...

    def store_metrics(self, found: Mapping[str, tuple[str, Metrics]]) -> None: ...

    def target_to_delete(self, target_id: str, user_id: str) -> PublishedTarget: ...

    def note_deleted(self, target_id: str) -> None: ...

    def claim_profiles(self, take: int) -> Sequence[AskedAccount]: ...

    def store_profile(self, account_id: str, identity: Identity) -> None: ...

    def account_to_ask(self, account_id: str, user_id: str) -> AskedAccount: ...


@dataclass(frozen=True)
class FollowUps:
    """What may be asked of published posts and of their accounts. `stopping` set: no more is begun."""

    store: PublishedStore
    notes: NoteStore
    platforms: Mapping[str, Platform]
    keeper: TokenKeeper
    clock: Callable[[], datetime]
    stopping: threading.Event = field(default_factory=threading.Event)

    def measure(self) -> int:
        """Ask for the figures that are due, batch after batch; returns how many posts were told about."""
        told = 0
        while not self.stopping.is_set() and (due := self.store.claim_measurements(_BATCH)):
            told += self._measure_all(due)
        return told

    def _measure_all(self, due: Sequence[PublishedTarget]) -> int:
        told = 0
        for _, group in groupby(due, key=lambda one: one.target.account_id):
            posts = list(group)
            for start in range(0, len(posts), _AT_ONCE):
                told += self._measured(posts[start : start + _AT_ONCE])
        return told

    def _measured(self, posts: Sequence[PublishedTarget]) -> int:
        """The same for posts of one account; what goes wrong is no other account's business, and the next time is set."""
        account = {"account_id": posts[0].target.account_id}
        try:
            return self._measure(posts)
        except Unavailable:
            raise
        except LinError as error:
            log.info("figures could not be read", extra={**account, "error": str(error)})
        except Exception:
            log.exception("reading figures failed unexpectedly", extra=account)
        return 0

    def _measure(self, posts: Sequence[PublishedTarget]) -> int:
        target = posts[0].target
        platform: Any = self.platforms.get(target.platform)
        ids = {one.external_id: one.target for one in posts if one.external_id}
        if not isinstance(platform, Measures) or not ids:
            return 0
        figures = platform.metrics(self._of(target, platform), target.identity, tuple(ids))
        found = {
            ids[external_id].target_id: (ids[external_id].user_id, metrics)
            for external_id, metrics in figures.items()
            if external_id in ids
        }
        if found:
            self.store.store_metrics(found)
        return len(found)

    def delete(self, target_id: str, user_id: str) -> None:
        """Delete a published post from its platform, where that can be done by API.

        Raises NotFound, Conflict with what to do instead, and the errors of Platform.
        """
        published = self.store.target_to_delete(target_id, user_id)
        target = published.target
        platform: Any = self.platforms.get(target.platform)
        if not isinstance(platform, Deletes):
            raise Conflict(f"{target.platform} does not let apps delete posts; delete it there.")
        notes = TargetNotes(target, self.notes)
        if published.external_id is None and not notes.get("live"):
            raise Conflict("Lin does not know the id of this post; delete it on the platform.")
        platform.delete(
            self._of(target, platform), target.identity, published.external_id or "", notes
        )
        self.store.note_deleted(target_id)

    def refresh_profiles(self) -> int:
        """Read names and pictures again, batch after batch; returns how many accounts were read."""
        read = 0
        while not self.stopping.is_set() and (due := self.store.claim_profiles(_BATCH)):
            read += self._read_profiles(due)
        return read

    def _read_profiles(self, due: Sequence[AskedAccount]) -> int:
        read = 0
        for account in due:
            platform: Any = self.platforms.get(account.platform)
            if platform is None or account.tokens is None:
                continue
            try:
                identity = platform.profile(self._tokens(account, platform), account.identity)
                self.store.store_profile(account.account_id, identity)
            except Unavailable:
                raise
            except LinError as error:  # a day later again; publishing judges permissions
                log.info("a profile could not be read", extra={"account_id": account.account_id, "error": str(error)})  # fmt: skip
            except Exception:
                log.exception("reading a profile failed unexpectedly", extra={"account_id": account.account_id})  # fmt: skip
            else:
                read += 1
        return read

    def choices(self, account_id: str, user_id: str) -> Mapping[str, Any]:
        """What the account's owner may choose now, as the platform says; empty where it is not asked.

        Raises NotFound, Conflict, and the errors of Platform.
        """
        account = self.store.account_to_ask(account_id, user_id)
        platform: Any = self.platforms.get(account.platform)
        if not isinstance(platform, OffersChoices):
            return {}
        tokens = self._tokens(account, self.platforms[account.platform])
        return platform.choices(tokens, account.identity)

    def _tokens(self, account: AskedAccount, platform: Platform) -> Tokens:
        if account.tokens is None:
            raise Conflict("This account has to be connected again first.")
        return self.keeper.usable(
            account.account_id, platform, account.tokens, account.granted_scopes, self.clock()
        )

    def _of(self, target: ClaimedTarget, platform: Any) -> Tokens:
        account = AskedAccount(
            target.account_id,
            target.platform,
            target.identity,
            target.granted_scopes,
            target.tokens,
        )
        return self._tokens(account, platform)

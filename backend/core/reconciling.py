"""Looking for what may be live. Where a platform shows an account its posts, an unconfirmed target is settled by looking.

Reading is repeatable, so nothing here can publish twice: a post is adopted when it is the only one that fits, and freed
for another try only where the platform's own listing proves, twice, that it is not there.
"""

from __future__ import annotations

import logging
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from .errors import LinError, Unavailable
from .ports import Platform, ReadsBack, Seen
from .records import ClaimedTarget, UnconfirmedTarget
from .refreshing import TokenKeeper

log = logging.getLogger("lin.reconciling")

# As long as a batch may take when each answer takes the longest time allowed, so that nobody else looks meanwhile.
LEASE_SECONDS = 120
_BATCH = 4
# Clocks differ a little: what was created this long before our mark may still be ours.
CLOCKS_DIFFER = timedelta(minutes=2)


class UnconfirmedStore(Protocol):
    """Targets that may be live; see store/unconfirmed.py."""

    def claim_unconfirmed(self, take: int, lease_seconds: int) -> Sequence[UnconfirmedTarget]: ...

    def settle_unconfirmed(
        self, unconfirmed: UnconfirmedTarget, seen: Sequence[Seen], *, absence_is_proof: bool
    ) -> str: ...


@dataclass(frozen=True)
class Reconciler:
    """Looks for unconfirmed targets; any number of workers may do so at once."""

    store: UnconfirmedStore
    platforms: Mapping[str, Platform]
    keeper: TokenKeeper
    clock: Callable[[], datetime]

    def run(self) -> int:
        """Look for a batch; returns how many were settled. The rest comes with the next run."""
        claimed = self.store.claim_unconfirmed(_BATCH, LEASE_SECONDS)
        verdicts = [self._look(unconfirmed) for unconfirmed in claimed]
        return sum(verdict in ("published", "scheduled") for verdict in verdicts)

    def _look(self, unconfirmed: UnconfirmedTarget) -> str:
        target = unconfirmed.target
        platform = self.platforms.get(target.platform)
        found: Sequence[Seen] = ()
        is_proof = False
        if platform is not None and isinstance(platform, ReadsBack):
            try:
                found = self._found(unconfirmed, platform, platform)
                is_proof = platform.absence_is_proof
            except Unavailable:
                raise
            except LinError as error:  # not seen is not absent: the next look may see more
                log.warning("could not look", extra={**_names(target), "error": str(error)})
        verdict = self.store.settle_unconfirmed(unconfirmed, found, absence_is_proof=is_proof)
        log.info("looked for", extra={**_names(target), "look": unconfirmed.look, "verdict": verdict})  # fmt: skip
        return verdict

    def _found(
        self, unconfirmed: UnconfirmedTarget, platform: Platform, shows: ReadsBack
    ) -> list[Seen]:
        target = unconfirmed.target
        if target.tokens is None:
            return []
        tokens = self.keeper.usable(
            target.account_id, platform, target.tokens, target.granted_scopes, self.clock()
        )
        since = unconfirmed.sending_at - CLOCKS_DIFFER
        seen = shows.recent_posts(tokens, target.identity, since=since)
        return matching(seen, platform.render(target.text), len(target.media), since)


def matching(seen: Sequence[Seen], text: str, media: int, since: datetime) -> list[Seen]:
    """The posts that may be ours: created since then, with this rendered text and as many files."""
    wanted = _normalised(text)
    return [
        post
        for post in seen
        if post.created_at >= since and post.media == media and _normalised(post.text) == wanted
    ]


def _normalised(text: str) -> str:
    """The text without what platforms change when they store it: white space and the form of accents."""
    return " ".join(unicodedata.normalize("NFC", text).split())


def _names(target: ClaimedTarget) -> dict[str, str]:
    return {"target_id": target.target_id, "account_id": target.account_id, "platform": target.platform}  # fmt: skip

"""Looking for what may be live. Where a platform shows an account its posts, an unconfirmed target is settled by looking.

Reading is repeatable, so nothing here can publish twice: a post is adopted when it is the only one that fits, and freed
for another try only where the platform's own listing proves, twice, that it is not there.
"""

from __future__ import annotations

import io
import logging
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from .errors import LinError, Rejected, Unavailable
from .noting import NoteStore, TargetNotes
from .platform_contract import (
    Absent,
    Content,
    Follows,
    Pending,
    Platform,
    Published,
    ReadsBack,
    Seen,
    Tokens,
)
from .preparing import attachment_of
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

    def settle_outcome(self, unconfirmed: UnconfirmedTarget, told: Mapping[str, Any]) -> str: ...


@dataclass(frozen=True)
class Reconciler:
    """Looks for unconfirmed targets, and for those that a platform finishes later; any number of workers may do so at once."""

    store: UnconfirmedStore
    notes: NoteStore
    platforms: Mapping[str, Platform]
    keeper: TokenKeeper
    clock: Callable[[], datetime]

    def run(self) -> int:
        """Look for a batch; returns how many were settled. The rest comes with the next run."""
        claimed = self.store.claim_unconfirmed(_BATCH, LEASE_SECONDS)
        verdicts = [self._look(unconfirmed) for unconfirmed in claimed]
        return sum(verdict in ("published", "scheduled", "failed") for verdict in verdicts)

    def _look(self, unconfirmed: UnconfirmedTarget) -> str:
        target = unconfirmed.target
        platform = self.platforms.get(target.platform)
        verdict: str | None = None
        found: Sequence[Seen] = ()
        is_proof = False
        if platform is not None and target.tokens is not None:
            try:
                verdict = self._asked(unconfirmed, platform)
                if verdict is None and isinstance(platform, ReadsBack):
                    found, is_proof = self._found(unconfirmed, platform, platform)
            except Unavailable:
                raise
            except LinError as error:  # not seen is not absent: the next look may see more
                log.warning("could not look", extra={**_names(target), "error": str(error)})
            except Exception:  # a mistake of ours about one keeps no other from being looked for
                log.exception("looking failed unexpectedly", extra=_names(target))
        if verdict is None:
            verdict = self.store.settle_unconfirmed(unconfirmed, found, absence_is_proof=is_proof)
        log.info("looked for", extra={**_names(target), "look": unconfirmed.look, "verdict": verdict})  # fmt: skip
        return verdict

    def _asked(self, unconfirmed: UnconfirmedTarget, platform: Platform) -> str | None:
        """Ask for this one publication, where the platform can be asked; None when that told nothing."""
        target = unconfirmed.target
        if not isinstance(platform, Follows) or "reference" not in target.notes:
            return None
        notes = TargetNotes(target, self.notes, look=unconfirmed.look)
        try:
            told = platform.outcome(
                self._tokens(target, platform), target.identity, _content(target), notes, since=unconfirmed.sending_at
            )  # fmt: skip
        except Rejected as error:
            return self.store.settle_outcome(
                unconfirmed,
                {"outcome": "failed", "error_class": error.error_class, "error": str(error), "http_status": error.http_status},
            )  # fmt: skip
        match told:
            case Published():
                return self.store.settle_outcome(
                    unconfirmed,
                    {"outcome": "published", "external_id": told.external_id, "external_url": told.external_url},
                )  # fmt: skip
            case Pending():
                return self.store.settle_outcome(
                    unconfirmed, {"outcome": "pending", "after_seconds": told.check_after_seconds}
                )
            case Absent():
                return self.store.settle_outcome(
                    unconfirmed,
                    {"outcome": "absent", "error_class": "not_created", "error": told.reason},
                )
        return None

    def _found(
        self, unconfirmed: UnconfirmedTarget, platform: Platform, shows: ReadsBack
    ) -> tuple[list[Seen], bool]:
        """The posts that fit, and whether none would be proof that there is none."""
        target = unconfirmed.target
        parts = platform.render(_content(target)).parts
        if len(parts) > 1:
            # one post of a thread proves nothing about the others: only `Follows` can tell
            return [], False
        since = unconfirmed.sending_at - CLOCKS_DIFFER
        seen = shows.recent_posts(self._tokens(target, platform), target.identity, since=since)
        return matching(seen, parts[0].text, len(target.media), since), shows.absence_is_proof

    def _tokens(self, target: ClaimedTarget, platform: Platform) -> Tokens:
        assert target.tokens is not None  # noqa: S101 - the caller has looked
        return self.keeper.usable(
            target.account_id, platform, target.tokens, target.granted_scopes, self.clock()
        )


def _content(target: ClaimedTarget) -> Content:
    """What was to be published, without the bytes of its files."""
    attachments = tuple(attachment_of(media, io.BytesIO) for media in target.media)
    return Content(target.text, attachments, target.options, target.identity.kind)


def matching(seen: Sequence[Seen], text: str, media: int, since: datetime) -> list[Seen]:
    """The posts that may be ours: created since then, with this rendered text and, where that is told, as many files."""
    wanted = _normalised(text)
    return [
        post
        for post in seen
        if post.created_at >= since
        and post.media in (None, media)
        and (post.fits(text) if post.fits else _normalised(post.text) == wanted)
    ]


def _normalised(text: str) -> str:
    """The text without what platforms change when they store it: white space and the form of accents."""
    return " ".join(unicodedata.normalize("NFC", text).split())


def _names(target: ClaimedTarget) -> dict[str, str]:
    return {"target_id": target.target_id, "account_id": target.account_id, "platform": target.platform}  # fmt: skip

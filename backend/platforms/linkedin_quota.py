"""LinkedIn's daily limits: 150 requests of a member and 100,000 of an app a day, counted from 00:00 UTC, of which an answer
tells neither how many are left nor when to come back. Source: Share on LinkedIn, rate limits (2026-09).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta

from ..core.errors import LinError, TryLater
from ..core.platform_contract import Notes

# A limit without a time may be a short one: two waits of minutes, then the day's limit it must be.
_SHORT_WAITS = (120.0, 600.0)
_CLOCKS_DIFFER = timedelta(minutes=1)


def _utc_now() -> datetime:
    return datetime.now(UTC)


@contextmanager
def minded(notes: Notes, now: Callable[[], datetime] = _utc_now) -> Iterator[None]:
    """Gives a refusal for a limit, where LinkedIn named no time, one to wait: by how often this post has met it."""
    try:
        yield
    except TryLater as error:
        if error.http_status == 429 and error.after is None:
            met = int(notes.get("limits_met", 0))
            with suppress(LinError):  # the refusal itself must not get lost
                notes.keep(limits_met=met + 1)
            error.after = _SHORT_WAITS[met] if met < len(_SHORT_WAITS) else _to_midnight(now())
        raise


def _to_midnight(now: datetime) -> float:
    midnight = datetime.combine(now.date() + timedelta(days=1), datetime.min.time(), UTC)
    return (midnight + _CLOCKS_DIFFER - now).total_seconds()

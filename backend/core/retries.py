"""When to try again: pure functions of what happened, so that each rule can be read and tested alone."""

from __future__ import annotations

import math
import random
from datetime import datetime
from email.utils import parsedate_to_datetime

FIRST_STEP_SECONDS = 30.0
LONGEST_STEP_SECONDS = 3600.0
LONGEST_HINT_SECONDS = 24 * 3600.0
LONGEST_FETCH_SECONDS = 7 * 24 * 3600
# What Standard Webhooks recommends: the first try at once, then ever later, the tenth after three days.
DELIVERY_STEPS_SECONDS = (5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400)


def retry_delay(
    failures: int, *, throttled: bool, hint_seconds: float | None, draw: random.Random
) -> float:
    """Seconds until the next try after `failures` earlier ones (0 for the first failure).

    Steps of 30 s double up to an hour. Network faults draw anywhere in the step (full jitter); throttling keeps at
    least half of it, because draws near zero would use up all tries inside one limit window. A platform's own hint is
    a floor, capped at a day, with up to a tenth more.
    """
    step: float = min(FIRST_STEP_SECONDS * 2**failures, LONGEST_STEP_SECONDS)
    own = step * (0.5 + draw.random() / 2 if throttled else draw.random())
    if hint_seconds is None:
        return own
    floor = min(max(hint_seconds, 0.0), LONGEST_HINT_SECONDS)
    return max(own, floor * (1 + draw.random() / 10))


def next_fetch_delay(interval_seconds: int, failures: int, draw: random.Random) -> int:
    """Seconds until a source is read again: the interval, doubled with every failure in a row, up to a week; and up to a
    tenth more, so that what was added at once is not read at once for ever."""
    longest = max(LONGEST_FETCH_SECONDS, interval_seconds)
    return int(min(interval_seconds * 2 ** min(failures, 30), longest) * (1 + draw.random() / 10))


def next_delivery_delay(
    attempts: int, hint_seconds: float | None, draw: random.Random
) -> float | None:
    """Seconds until an event is posted again after this many failed attempts, None when that was the last. The receiver's own
    hint is a floor, capped at a day; up to a tenth more, so that what failed together does not come back together."""
    if attempts > len(DELIVERY_STEPS_SECONDS):
        return None
    floor = min(max(hint_seconds or 0.0, 0.0), LONGEST_HINT_SECONDS)
    return max(DELIVERY_STEPS_SECONDS[attempts - 1], floor) * (1 + draw.random() / 10)


def moment_of_answer(date: str | None, otherwise: datetime) -> datetime:
    """When an answer was given by the clock of who gave it (its Date header, RFC 9110, 6.6.1), which is also the clock
    that its Retry-After means. `otherwise` where it does not say."""
    try:
        moment = parsedate_to_datetime(date or "")
    except (ValueError, TypeError):
        return otherwise
    return moment if moment.tzinfo else otherwise


def retry_after_seconds(value: str | None, now: datetime) -> float | None:
    """The seconds a Retry-After header asks for; it holds seconds or an HTTP date (RFC 9110, 10.2.3). None if unusable."""
    if value is None:
        return None
    try:
        seconds = float(value)
    except ValueError:
        pass
    else:
        return max(0.0, seconds) if math.isfinite(seconds) else None
    try:
        return max(0.0, (parsedate_to_datetime(value) - now).total_seconds())
    except (ValueError, TypeError):
        return None

"""How long a post waits for LinkedIn's limits, of which an answer does not tell the time."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from backend.core.errors import LeaseLost, Rejected, TryLater
from backend.core.platform_contract import Notes
from backend.platforms.linkedin_quota import minded
from tests.contracts.conftest import Kept

EVENING = datetime(2026, 11, 21, 22, 30, tzinfo=UTC)


def limit(after: float | None = None, status: int = 429) -> TryLater:
    return TryLater("Limit.", error_class="limit", http_status=status, after=after)


def met(error: TryLater, notes: Notes, now: datetime = EVENING) -> float | None:
    with pytest.raises(TryLater) as raised, minded(notes, lambda: now):
        raise error
    assert raised.value is error
    return raised.value.after


def test_two_waits_of_minutes_and_then_until_midnight() -> None:
    notes = Kept()
    waits = [met(limit(), notes) for _ in range(4)]
    assert waits == [120, 600, 5460, 5460]


def test_a_minute_is_added_because_clocks_differ() -> None:
    notes = Kept(limits_met=2)
    assert met(limit(), notes, datetime(2026, 12, 31, 23, 59, 59, tzinfo=UTC)) == 61
    assert met(limit(), notes, datetime(2027, 1, 1, tzinfo=UTC)) == 24 * 3600 + 60


@pytest.mark.parametrize(("after", "status"), [(7.0, 429), (0.0, 429), (None, 409), (None, 426)])
def test_linkedins_own_time_and_other_waits_stay(after: float | None, status: int) -> None:
    notes = Kept()
    assert met(limit(after, status), notes) == after
    assert notes.values == {}


def test_a_note_that_cannot_be_kept_does_not_hide_the_refusal() -> None:
    class Lost(Kept):
        def keep(self, **values: object) -> None:
            raise LeaseLost("gone")

    assert met(limit(), Lost()) == 120


def test_other_errors_and_success_pass() -> None:
    notes = Kept()
    with pytest.raises(Rejected), minded(notes):
        raise Rejected("No.", error_class="invalid", http_status=400)
    with minded(notes):
        pass
    assert notes.values == {}

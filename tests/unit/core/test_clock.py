"""The database's time, carried on by the monotonic clock."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import pytest

from backend.core.clock import DatabaseClock
from backend.core.errors import Unavailable

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)


def test_it_goes_on_from_the_last_answer_whatever_the_wall_clock_says() -> None:
    seconds = [100.0]
    clock = DatabaseClock(lambda: seconds[0])
    clock.tell(NOON, 100.0)
    seconds[0] = 107.5
    assert clock.now() == NOON + timedelta(seconds=7.5)
    clock.tell(NOON + timedelta(seconds=7), 107.5)
    assert clock.now() == NOON + timedelta(seconds=7)


def test_who_asks_before_the_first_answer_waits_for_it() -> None:
    clock = DatabaseClock(lambda: 0.0)
    answers: list[datetime] = []
    asking = threading.Thread(target=lambda: answers.append(clock.now()))
    asking.start()
    clock.tell(NOON, 0.0)
    asking.join(5)
    assert answers == [NOON]


def test_without_an_answer_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(DatabaseClock, "PATIENCE_SECONDS", 0.01)
    with pytest.raises(Unavailable):
        DatabaseClock().now()

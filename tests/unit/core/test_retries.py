"""When to try again: each rule of core/retries.py, by table and by chance."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.core.retries import (
    moment_of_answer,
    next_delivery_delay,
    next_fetch_delay,
    retry_after_seconds,
    retry_delay,
)

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
DAY = 24 * 3600


class Draw(random.Random):
    """A source of chance that always says the same number from 0 to 1."""

    def __init__(self, value: float) -> None:
        super().__init__(0)
        self._value = value

    def random(self) -> float:
        return self._value


@pytest.mark.parametrize(
    ("failures", "step"),
    [(0, 30), (1, 60), (2, 120), (5, 960), (6, 1920), (7, 3600), (50, 3600)],
)
def test_steps_double_from_half_a_minute_to_an_hour(failures: int, step: float) -> None:
    longest = retry_delay(failures, throttled=False, hint_seconds=None, draw=Draw(1))
    assert longest == step


def test_a_network_fault_draws_anywhere_in_the_step() -> None:
    shortest = retry_delay(0, throttled=False, hint_seconds=None, draw=Draw(0))
    middle = retry_delay(0, throttled=False, hint_seconds=None, draw=Draw(0.5))
    assert (shortest, middle) == (0, 15)


def test_throttling_keeps_at_least_half_of_the_step() -> None:
    drawn = [retry_delay(1, throttled=True, hint_seconds=None, draw=Draw(x)) for x in (0, 0.5, 1)]
    assert drawn == [30, 45, 60]


@pytest.mark.parametrize(
    ("hint", "chance", "delay"),
    [
        (120, 0, 120),  # the hint is a floor
        (120, 1, 132),  # with up to a tenth more
        (5, 1, 30),  # the own step is longer
        (0, 0, 0),
        (-7, 0, 0),  # a nonsense hint does not go back in time
        (10 * DAY, 0, DAY),  # an absurd hint is capped
        (float("inf"), 1, DAY * 1.1),
    ],
)
def test_a_hint_of_the_platform_is_a_capped_floor(hint: float, chance: float, delay: float) -> None:
    drawn = retry_delay(0, throttled=False, hint_seconds=hint, draw=Draw(chance))
    assert drawn == pytest.approx(delay)


@given(
    failures=st.integers(0, 200),
    throttled=st.booleans(),
    hint=st.none() | st.floats(-1e6, 1e9),
    seed=st.integers(),
)
def test_no_delay_is_shorter_than_told_or_longer_than_a_day_and_a_tenth(
    failures: int, throttled: bool, hint: float | None, seed: int
) -> None:
    delay = retry_delay(failures, throttled=throttled, hint_seconds=hint, draw=random.Random(seed))
    assert 0 <= delay <= DAY * 1.1
    assert delay >= min(hint or 0, DAY)
    if throttled:
        assert delay >= 15


@pytest.mark.parametrize(
    ("interval", "failures", "delay"),
    [(1800, 0, 1800), (1800, 1, 3600), (1800, 3, 14400), (1800, 20, 7 * DAY), (1, 10, 1024)],
)
def test_a_failing_source_is_read_less_and_less_often_down_to_once_a_week(
    interval: int, failures: int, delay: int
) -> None:
    delays = {next_fetch_delay(interval, failures, random.Random(seed)) for seed in range(50)}
    assert min(delays) >= delay
    assert max(delays) <= delay * 1.1
    assert len(delays) > 1 or delay == 1


def test_an_interval_longer_than_a_week_is_kept() -> None:
    assert 10 * DAY <= next_fetch_delay(10 * DAY, 4, random.Random(1)) <= 11 * DAY


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("", None),
        ("soon", None),
        ("120", 120),
        ("1.5", 1.5),
        ("-3", 0),
        (format_datetime(NOW + timedelta(seconds=90), usegmt=True), 90),
        (format_datetime(NOW - timedelta(hours=1), usegmt=True), 0),
        ("Sat, 21 Nov 2026 12:01:00 -0000", None),
        ("Sat, 99 Nov 2026 12:01:00 GMT", None),
    ],
)
def test_retry_after_holds_seconds_or_a_date(value: str | None, seconds: float | None) -> None:
    assert retry_after_seconds(value, NOW) == seconds


@pytest.mark.parametrize("value", ["nan", "inf", "-inf", "1e999"])
def test_retry_after_that_is_no_number_of_seconds_is_not_used(value: str) -> None:
    assert retry_after_seconds(value, NOW) is None


@given(st.text(max_size=40))
def test_no_retry_after_header_raises(value: str) -> None:
    seconds = retry_after_seconds(value, NOW)
    assert seconds is None or seconds >= 0


def test_an_answer_is_as_old_as_its_date_says() -> None:
    said = NOW - timedelta(hours=3)
    assert moment_of_answer(format_datetime(said, usegmt=True), NOW) == said


@pytest.mark.parametrize("date", [None, "", "yesterday", "Sat, 21 Nov 2026 12:00:00 -0000"])
def test_an_answer_without_a_usable_date_is_as_old_as_we_think(date: str | None) -> None:
    assert moment_of_answer(date, NOW) == NOW


MINUTE, HOUR = 60, 3600


def test_an_event_is_posted_again_at_the_times_that_receivers_know_from_others() -> None:
    steps = [next_delivery_delay(attempts, None, Draw(0)) for attempts in range(1, 11)]
    assert steps == [
        5, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 5 * HOUR, 10 * HOUR, 14 * HOUR, 20 * HOUR, 24 * HOUR, None
    ]  # fmt: skip


def test_events_that_failed_together_do_not_come_back_together() -> None:
    assert next_delivery_delay(2, None, Draw(1)) == pytest.approx(330)


@pytest.mark.parametrize(
    ("hint", "delay"), [(None, 300), (10, 300), (900, 900), (30 * DAY, DAY), (-5, 300)]
)
def test_a_receiver_may_ask_for_more_time_up_to_a_day(hint: float | None, delay: float) -> None:
    assert next_delivery_delay(2, hint, Draw(0)) == delay

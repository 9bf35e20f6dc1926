"""Circuit breakers, on a clock that the test turns."""

from __future__ import annotations

import pytest

from backend.core.breaker import Breakers


class Clock:
    """Seconds that pass when told."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def breakers(clock: Clock) -> Breakers:
    return Breakers(clock=clock)


def record(breakers: Breakers, outcomes: str, name: str = "linkedin") -> None:
    """One outcome for each letter: `f` failed, `s` succeeded."""
    for outcome in outcomes:
        breakers.record(name, ok=outcome == "s")


def opened(breakers: Breakers, clock: Clock) -> None:
    """Open the circuit for the first time."""
    record(breakers, "fffff")
    assert breakers.admit("linkedin") == 30
    clock.now += 30


@pytest.mark.parametrize(
    ("outcomes", "opens"),
    [
        ("", False),
        ("ffff", False),  # too few
        ("fffff", True),
        ("sssssfffff", True),  # five, and half of all
        ("ssssssfffff", False),  # five, and less than half
        ("ssssssffffff", True),
        ("ssssssssssssssssssss", False),
    ],
)
def test_it_opens_at_five_failures_that_are_half_of_all(
    breakers: Breakers, outcomes: str, opens: bool
) -> None:
    record(breakers, outcomes)
    assert (breakers.admit("linkedin") > 0) is opens
    assert breakers.open_names() == (["linkedin"] if opens else [])


def test_it_says_how_long_to_wait(breakers: Breakers, clock: Clock) -> None:
    record(breakers, "fffff")
    clock.now += 12
    assert breakers.admit("linkedin") == 18


def test_names_do_not_share_a_circuit(breakers: Breakers) -> None:
    record(breakers, "fffff", "linkedin")
    record(breakers, "ffff", "an account")
    assert breakers.admit("an account") == 0
    assert breakers.open_names() == ["linkedin"]


def test_what_is_older_than_a_minute_does_not_count(breakers: Breakers, clock: Clock) -> None:
    record(breakers, "ffff")
    clock.now += 61
    record(breakers, "ffff")
    assert breakers.admit("linkedin") == 0
    record(breakers, "f")
    assert breakers.admit("linkedin") > 0


def test_old_successes_do_not_hide_that_it_fails_now(breakers: Breakers, clock: Clock) -> None:
    record(breakers, "s" * 100)
    clock.now += 61
    record(breakers, "fffff")
    assert breakers.admit("linkedin") > 0


def test_one_trial_at_a_time_is_admitted_when_the_time_is_over(
    breakers: Breakers, clock: Clock
) -> None:
    opened(breakers, clock)
    assert breakers.open_names() == []
    assert [breakers.admit("linkedin") for _ in range(3)] == [0, 30, 30]
    assert breakers.open_names() == ["linkedin"]


def test_a_trial_that_never_ends_makes_room_for_another(breakers: Breakers, clock: Clock) -> None:
    opened(breakers, clock)
    assert breakers.admit("linkedin") == 0
    clock.now += 30
    assert [breakers.admit("linkedin") for _ in range(2)] == [0, 30]


def test_a_success_closes_it_and_the_past_is_forgotten(breakers: Breakers, clock: Clock) -> None:
    opened(breakers, clock)
    breakers.admit("linkedin")
    record(breakers, "s")
    assert [breakers.admit("linkedin") for _ in range(3)] == [0, 0, 0]
    record(breakers, "ffff")
    assert breakers.admit("linkedin") == 0
    record(breakers, "f")
    assert breakers.admit("linkedin") == 30


def test_every_failed_trial_doubles_the_time_up_to_ten_minutes(
    breakers: Breakers, clock: Clock
) -> None:
    opened(breakers, clock)
    waits = []
    for _ in range(6):
        assert breakers.admit("linkedin") == 0
        record(breakers, "f")
        waits.append(breakers.admit("linkedin"))
        clock.now += waits[-1]
    assert waits == [60, 120, 240, 480, 600, 600]
    record(breakers, "s")
    record(breakers, "fffff")
    assert breakers.admit("linkedin") == 30


@pytest.mark.parametrize("outcome", ["s", "f", "fffffff"])
def test_answers_to_requests_from_before_it_opened_change_nothing(
    breakers: Breakers, clock: Clock, outcome: str
) -> None:
    record(breakers, "fffff")
    clock.now += 10
    record(breakers, outcome)
    assert breakers.admit("linkedin") == 20


def test_the_first_time_is_set_by_the_operator(clock: Clock) -> None:
    breakers = Breakers(first_open_seconds=0.5, clock=clock)
    record(breakers, "fffff")
    assert breakers.admit("linkedin") == 0.5

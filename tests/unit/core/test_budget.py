"""How many retries a platform gets: a few always, a tenth of the traffic where that is more, the rest in line."""

from __future__ import annotations

import pytest

from backend.core.budget import FLOOR, WINDOW_SECONDS, RetryBudget


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def taken(budget: RetryBudget, times: int, platform: str = "linkedin") -> list[float]:
    return [budget.take(platform) for _ in range(times)]


def test_a_few_retries_are_always_allowed(clock: Clock) -> None:
    assert taken(RetryBudget(clock), FLOOR) == [0.0] * FLOOR


def test_one_more_waits_until_the_window_has_room(clock: Clock) -> None:
    budget = RetryBudget(clock)
    taken(budget, FLOOR)
    clock.now += 100
    assert budget.take("linkedin") == WINDOW_SECONDS - 100


def test_what_waits_lines_up_window_behind_window(clock: Clock) -> None:
    budget = RetryBudget(clock)
    waits = taken(budget, 3 * FLOOR)
    assert waits == [0.0] * FLOOR + [WINDOW_SECONDS] * FLOOR + [2 * WINDOW_SECONDS] * FLOOR


def test_a_tenth_of_the_traffic_may_be_retries(clock: Clock) -> None:
    budget = RetryBudget(clock)
    for _ in range(1000):
        budget.sent("linkedin")
    assert taken(budget, 101) == [0.0] * 100 + [WINDOW_SECONDS]


def test_what_was_ten_minutes_ago_counts_no_more(clock: Clock) -> None:
    budget = RetryBudget(clock)
    for _ in range(1000):
        budget.sent("linkedin")
    taken(budget, 100)
    clock.now += WINDOW_SECONDS
    assert taken(budget, FLOOR + 1) == [0.0] * FLOOR + [WINDOW_SECONDS]


def test_platforms_have_budgets_of_their_own(clock: Clock) -> None:
    budget = RetryBudget(clock)
    taken(budget, FLOOR)
    assert budget.take("x") == 0.0

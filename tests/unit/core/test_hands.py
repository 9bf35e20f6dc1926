"""Threads that take the most urgent step first, and outlive a step that fails."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from backend.core.hands import Hands
from tests.waiting import until


@pytest.fixture
def hands() -> Iterator[Hands]:
    made = Hands(1, "test")
    yield made
    made.stop()


def test_the_more_urgent_overtakes_and_within_a_rank_the_order_is_kept(hands: Hands) -> None:
    begun, go_on = threading.Event(), threading.Event()
    done: list[str] = []

    def first() -> None:
        begun.set()
        assert go_on.wait(10)

    hands.take(first)
    assert begun.wait(10)
    for name, rank in (("later", 2), ("a", 1), ("b", 1), ("now", 0)):
        hands.take(lambda name=name: done.append(name), rank)  # type: ignore[misc] # mypy cannot infer the default
    go_on.set()
    until(lambda: len(done) == 4, "all steps", 10)
    assert done == ["now", "a", "b", "later"]


def test_a_step_that_fails_does_not_take_its_thread_with_it(hands: Hands) -> None:
    def fail() -> None:
        raise ValueError("a mistake")

    done = threading.Event()
    hands.take(fail)
    hands.take(done.set)
    assert done.wait(10)


def test_as_many_steps_run_at_once_as_there_are_threads_and_no_more() -> None:
    hands, together = Hands(3, "test"), threading.Barrier(4)
    for _ in range(3):
        hands.take(lambda: together.wait(10) and None)
    together.wait(10)  # all three are there
    before = threading.active_count()
    done = threading.Event()
    hands.take(done.set)
    assert done.wait(10)
    assert threading.active_count() <= before
    hands.stop()

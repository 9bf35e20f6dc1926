"""The timer calls on time, in order, once; after `stop` it calls nobody."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from backend.core.timing import Timer
from tests.waiting import until

LATER = 3600.0


@pytest.fixture
def timer() -> Iterator[Timer]:
    made = Timer("test")
    yield made
    made.stop()


def test_callbacks_come_in_the_order_of_their_moments_and_never_early(timer: Timer) -> None:
    now = time.monotonic()
    moments = [now + 0.12, now + 0.04, now + 0.08]
    calls: list[tuple[float, float]] = []
    for moment in moments:
        timer.at(moment, lambda moment=moment: calls.append((moment, time.monotonic())))  # type: ignore[misc] # mypy cannot infer the default
    until(lambda: len(calls) == 3, "three callbacks", 5)
    assert [moment for moment, _ in calls] == sorted(moments)
    assert all(called >= moment for moment, called in calls)


def test_a_moment_that_has_passed_is_called_at_once(timer: Timer) -> None:
    called = threading.Event()
    timer.at(time.monotonic() + LATER, lambda: None)
    timer.at(time.monotonic() - 5, called.set)
    assert called.wait(5)


def test_an_earlier_moment_overtakes_one_that_is_waited_for(timer: Timer) -> None:
    calls: list[str] = []
    timer.at(time.monotonic() + LATER, lambda: calls.append("later"))
    timer.at(time.monotonic() + 0.02, lambda: calls.append("soon"))
    until(lambda: bool(calls), "the sooner callback", 5)
    assert calls == ["soon"]


def test_flush_calls_all_that_waits_in_the_order_of_its_moments(timer: Timer) -> None:
    calls: list[int] = []
    now = time.monotonic()
    for hours in (3, 1, 2):
        timer.at(now + hours * LATER, lambda hours=hours: calls.append(hours))  # type: ignore[misc] # mypy cannot infer the default
    timer.flush()
    until(lambda: len(calls) == 3, "all callbacks", 5)
    assert calls == [1, 2, 3]


def test_after_stop_nothing_is_called_and_its_thread_ends() -> None:
    timer = Timer("to be stopped")
    called = threading.Event()
    timer.at(time.monotonic() + 0.05, called.set)
    timer.stop()
    until(lambda: not timer._thread.is_alive(), "the thread to end", 5)
    timer.at(time.monotonic() - 1, called.set)
    timer.flush()
    assert not called.is_set()


def test_a_callback_that_fails_does_not_stop_the_others(
    timer: Timer, caplog: pytest.LogCaptureFixture
) -> None:
    called = threading.Event()

    def fail() -> None:
        raise ValueError("a mistake")

    timer.at(time.monotonic() - 2, fail)
    timer.at(time.monotonic() - 1, called.set)
    assert called.wait(5)
    assert "a timer's callback failed" in caplog.text

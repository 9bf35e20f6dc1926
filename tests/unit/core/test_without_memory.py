"""No memory to wait with: threads come back to their work, and what cannot be done is let go of, not held for ever."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from backend.core.clock import DatabaseClock
from backend.core.dispatching import Dispatcher
from backend.core.grouping import Grouped
from backend.core.hands import Hands
from backend.core.preparing import Ready
from backend.core.records import ClaimedTarget
from backend.core.timing import Timer
from backend.worker import Pulse
from tests.unit.core.claims import Leases, target
from tests.waiting import until

ROOT = Path(__file__).resolve().parents[3]
SECONDS = 10


class Scarcity:
    """Every thread but the main one waits in vain for the lock it would wait with, until this is over."""

    def __init__(self) -> None:
        self.refused = 0
        self.over = False
        self._make: Callable[[], Any] = threading._allocate_lock  # type: ignore[attr-defined]

    def __call__(self) -> Any:
        if self.over or threading.current_thread() is threading.main_thread():
            return self._make()
        self.refused += 1
        raise MemoryError


@pytest.fixture
def scarcity(monkeypatch: pytest.MonkeyPatch) -> Iterator[Scarcity]:
    made = Scarcity()
    # what Condition and Event make for each wait
    monkeypatch.setattr(threading, "_allocate_lock", made)
    yield made
    made.over = True


def test_a_thread_that_could_not_wait_for_steps_takes_them_all_the_same(scarcity: Scarcity) -> None:
    hands, done = Hands(2, "test"), threading.Event()
    until(lambda: scarcity.refused, "the first thread to find nothing to wait with", SECONDS)
    hands.take(done.set)
    assert done.wait(SECONDS)
    scarcity.over = True
    together = threading.Barrier(3)
    for _ in range(2):
        hands.take(lambda: together.wait(SECONDS) and None)
    together.wait(SECONDS)  # and none of them is counted that is not there
    hands.stop()


def test_a_timer_that_could_not_wait_calls_all_the_same(scarcity: Scarcity) -> None:
    timer, called = Timer("test"), threading.Event()
    until(lambda: scarcity.refused, "the timer to find nothing to wait with", SECONDS)
    timer.at(time.monotonic() + 0.01, called.set)
    assert called.wait(SECONDS)
    timer.stop()


def test_a_caller_that_could_not_wait_for_its_turn_still_leads_when_it_comes(scarcity: Scarcity) -> None:  # fmt: skip
    at_work, go_on = threading.Event(), threading.Event()

    def call(items: Sequence[int]) -> Mapping[int, str]:
        at_work.set()
        while not go_on.is_set():
            time.sleep(0.001)
        return {item: str(item) for item in items}

    grouped: Grouped[int, int, str] = Grouped(call, key=lambda item: item, missing="none", most=1)
    with ThreadPoolExecutor(3) as pool:
        first = pool.submit(grouped, 1)
        assert at_work.wait(SECONDS)
        others = [pool.submit(grouped, item) for item in (2, 3)]
        until(lambda: scarcity.refused >= 2, "both to find nothing to wait with", SECONDS)
        go_on.set()
        assert [one.result(SECONDS) for one in (first, *others)] == ["1", "2", "3"]


def test_a_leader_that_fails_before_its_call_leaves_the_lead_to_who_comes_next() -> None:
    class Failing(float):
        def __sub__(self, other: float) -> float:
            raise MemoryError

    grouped: Grouped[int, int, str] = Grouped(
        lambda items: {item: str(item) for item in items}, key=lambda item: item, missing="none"
    )
    grouped._next_start = Failing()
    with pytest.raises(MemoryError):
        grouped(1)
    grouped._next_start = 0.0
    assert grouped(2) == "2"


class Steps:
    """Each fails at the step that is asked for."""

    def __init__(self, fails_at: str) -> None:
        self._fails_at = fails_at
        self.reached = threading.Event()

    def _step(self, name: str) -> None:
        if name == self._fails_at:
            self.reached.set()
            raise MemoryError

    def prepare(self, target: ClaimedTarget, now: datetime) -> Ready:
        self._step("prepare")
        return Ready(target, None, None, None, {})  # type: ignore[arg-type]

    def send(self, ready: Ready) -> Callable[[], None]:
        self._step("send")
        return lambda: self._step("record")


@pytest.mark.parametrize("due_in", [-1.0, 0.3], ids=["due", "held for its time"])
@pytest.mark.parametrize("fails_at", ["prepare", "send", "record"])
def test_the_lease_of_what_failed_is_not_kept(fails_at: str, due_in: float) -> None:
    store, steps = Leases(target(1, due_in)), Steps(fails_at)
    dispatcher = Dispatcher(store, steps, DatabaseClock(), worker="w", threads=1, lease_seconds=60)
    assert dispatcher.claim_and_start() == 1
    assert steps.reached.wait(SECONDS)
    until(lambda: not dispatcher._held, "the target to be let go of", SECONDS)
    dispatcher.renew()
    assert store.kept == []
    assert dispatcher._at_work.total() == 0
    # a place that it had is free again
    store.targets = [target(2, -1.0)]
    assert dispatcher.claim_and_start() == 1
    assert dispatcher.stop(SECONDS)


def test_a_held_target_whose_time_cannot_be_told_to_a_thread_is_let_go_of(monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    store, steps = Leases(target(1, 0.3)), Steps("")
    dispatcher = Dispatcher(store, steps, DatabaseClock(), worker="w", threads=1, lease_seconds=60)
    assert dispatcher.claim_and_start() == 1
    until(lambda: dispatcher._waiting, "the target to wait for its time", SECONDS)

    def push(*_: Any) -> None:
        raise MemoryError

    monkeypatch.setattr("heapq.heappush", push)
    until(lambda: not dispatcher._held, "the target to be let go of", SECONDS)
    dispatcher.renew()
    assert store.kept == []
    assert (dispatcher._waiting, dispatcher._at_work.total()) == (set(), 0)
    assert dispatcher.stop(SECONDS)


def test_a_worker_whose_jobs_no_longer_begin_ends_itself() -> None:
    program = (
        "import signal, threading; from backend.worker import Pulse, STOP_SIGNALS;"
        "signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS); pulse = Pulse(0.05);"
        "threading.Thread(target=pulse.watch, daemon=True).start();"
        "print(signal.sigwait(STOP_SIGNALS) == signal.SIGTERM, pulse.lost)"
    )
    ended = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60)  # fmt: skip
    assert ended.stdout.split() == ["True", "True"]


def test_a_worker_whose_jobs_begin_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    ended: list[tuple[int, int]] = []
    monkeypatch.setattr(os, "kill", lambda pid, number: ended.append((pid, number)))
    pulse, looked = Pulse(0.0), 0

    def sleep(_: float) -> None:
        # jobs begin in every fourth look, for a while
        nonlocal looked
        looked += 1
        if looked % Pulse.PATIENCE == 0 and looked < 40:
            pulse.beat()

    monkeypatch.setattr("backend.worker.time.sleep", sleep)
    pulse.watch()
    assert looked == 36 + Pulse.PATIENCE
    assert ended == [(os.getpid(), signal.SIGTERM)]

"""What nobody waits for gives way to posts that are due, and not for ever."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime

import pytest

from backend.core.clock import DatabaseClock
from backend.core.dispatching import Dispatcher
from backend.core.preparing import Ready
from backend.core.records import ClaimedTarget
from tests.unit.core.claims import Leases, target
from tests.waiting import until

SECONDS = 10
PLACES = 4


class Platform:
    """Works at each post until it is told to go on."""

    def __init__(self) -> None:
        self.answers = threading.Semaphore(0)

    def prepare(self, target: ClaimedTarget, now: datetime) -> Ready:
        return Ready(target, None, None, None, {})  # type: ignore[arg-type]

    def send(self, ready: Ready) -> Callable[[], None]:
        assert self.answers.acquire(timeout=SECONDS)
        return lambda: None


class Worker:
    """A dispatcher with its line and its platform, and somebody with less urgent work."""

    def __init__(self, pool: ThreadPoolExecutor) -> None:
        self.line, self.platform = Leases(), Platform()
        self.dispatcher = Dispatcher(
            self.line, self.platform, DatabaseClock(), worker="w", threads=PLACES, lease_seconds=60
        )
        self._pool = pool

    def publish(self, count: int, due_in: float = -1.0) -> None:
        """Claim so many posts."""
        self.line.targets = [target(number, due_in) for number in range(count)]
        assert self.dispatcher.claim_and_start() == count

    def somebody(self) -> Future[None]:
        """Somebody who gives way."""
        return self._pool.submit(self.dispatcher.give_way)

    def end(self) -> Future[bool]:
        """Whether all that is at work ended in time."""
        return self._pool.submit(self.dispatcher.stop, SECONDS)


@pytest.fixture
def worker() -> Iterator[Worker]:
    with ThreadPoolExecutor() as pool:
        made = Worker(pool)
        yield made
        made.platform.answers.release(100)
        assert made.dispatcher.stop(SECONDS)


def test_what_is_not_urgent_waits_until_few_posts_are_at_work(worker: Worker) -> None:
    worker.dispatcher.GIVE_WAY_SECONDS = 60.0  # longer than the test may take
    worker.publish(PLACES)
    somebody = worker.somebody()
    worker.platform.answers.release(PLACES - 2)
    until(lambda: len(worker.dispatcher._held) == 2, "two posts to be out", SECONDS)
    assert not somebody.done()
    worker.platform.answers.release()
    somebody.result(SECONDS)
    assert len(worker.dispatcher._held) == 1


def test_it_waits_for_a_while_only_because_a_worker_may_always_have_posts(worker: Worker) -> None:
    worker.dispatcher.GIVE_WAY_SECONDS = 0.01
    worker.publish(PLACES)
    worker.somebody().result(SECONDS)
    assert len(worker.dispatcher._held) == PLACES


def test_a_post_that_waits_for_its_time_stops_nobody(worker: Worker) -> None:
    worker.dispatcher.GIVE_WAY_SECONDS = 60.0
    worker.publish(2 * PLACES, due_in=3600.0)
    until(lambda: len(worker.dispatcher._waiting) == 2 * PLACES, "all to be ready", SECONDS)
    worker.somebody().result(SECONDS)


def test_a_worker_that_ends_is_held_up_by_nobody_who_gives_way(worker: Worker) -> None:
    worker.dispatcher.GIVE_WAY_SECONDS = 60.0
    worker.publish(PLACES)
    somebody, ending = worker.somebody(), worker.end()
    somebody.result(SECONDS)
    assert not ending.done()
    assert len(worker.dispatcher._held) == PLACES

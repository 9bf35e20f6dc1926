"""Workers killed, paused and deprived of their database at random: the history must be true whatever the order."""

from __future__ import annotations

import random
import signal
import subprocess
import time
from collections.abc import Callable, Iterator

import pytest

from local.sandbox.driver import Sandbox
from tests.faults.crowd import Crowd, Workforce
from tests.faults.rig import Rig
from tests.waiting import until

WORKERS, THREADS = 4, 2
# what a worker may have marked at once: the calls under way, and what was about to be sent or is being recorded
MARKED = 2 * THREADS
ENV = {"WORKER_THREADS": str(THREADS), "PLATFORM_TIMEOUT_SECONDS": "3"}
# longer than the lease, so that some pauses cost it
LONGEST_PAUSE_SECONDS = 8.0


@pytest.fixture
def unhurried(platform: Sandbox) -> Iterator[None]:
    """A platform that takes 0.4 s for each answer, so that a kill rarely finds nothing under way."""
    platform.tell("latency", ms=400)
    yield
    platform.tell("latency", ms=0)


class Chaos:
    """One fault a second, drawn from a seed, until `over`."""

    def __init__(self, rig: Rig, workers: Workforce, seed: int) -> None:
        self._rig = rig
        self._workers = workers
        self._draw = random.Random(seed)
        self._asleep: list[tuple[float, subprocess.Popen[bytes]]] = []
        self.kills = 0
        self.pauses = 0

    def run(self, over: Callable[[], bool], *, pausing: bool = False, seconds: float) -> None:
        """Kill one of the workers, or let it sleep a while; one that works is always left to go on."""
        deadline = time.monotonic() + seconds
        while not over():
            assert time.monotonic() < deadline, f"not over after {self.kills} kills"
            up = [w for w in self._workers.at_work() if all(w is not s for _, s in self._asleep)]
            if len(up) > 1:
                victim = self._draw.choice(up)
                if pausing and self._draw.random() < 0.2:
                    self._pause(victim)
                else:
                    self._workers.kill(victim)
                    self.kills += 1
            self._wait(1.0, over)
        self._wake(everybody=True)

    def _pause(self, worker: subprocess.Popen[bytes]) -> None:
        worker.send_signal(signal.SIGSTOP)
        seconds = self._draw.uniform(0.5, LONGEST_PAUSE_SECONDS)
        self._asleep.append((time.monotonic() + seconds, worker))
        self.pauses += 1

    def _wake(self, *, everybody: bool = False) -> None:
        for moment, worker in list(self._asleep):
            if everybody or moment <= time.monotonic():
                worker.send_signal(signal.SIGCONT)
                self._asleep.remove((moment, worker))

    def _wait(self, seconds: float, over: Callable[[], bool]) -> None:
        end = time.monotonic() + seconds

        def passed() -> bool:
            self._wake()
            return time.monotonic() >= end or over()

        until(passed, "a second to pass", seconds + 60)


@pytest.mark.slow  # its short form is test_many_posts_survive_the_kill_of_one_of_their_workers
@pytest.mark.usefixtures("unhurried")
@pytest.mark.parametrize("seed", [1])
def test_two_hundred_due_posts_survive_a_random_kill_every_second(rig: Rig, seed: int) -> None:
    crowd = Crowd(rig, 200)
    chaos = Chaos(rig, Workforce(rig, WORKERS, **ENV), seed)
    chaos.run(lambda: chaos.kills == 6, seconds=120)
    assert not crowd.ended(), "it was over too soon to break anything"
    until(crowd.ended, "the rest to go out", 90)
    states = crowd.assert_agreed()
    assert states["unconfirmed"] <= MARKED * chaos.kills


@pytest.mark.slow
@pytest.mark.usefixtures("unhurried")
@pytest.mark.parametrize("seed", [2, 3, 4])
def test_three_thousand_posts_survive_kills_pauses_and_a_restart_of_the_database(
    rig: Rig, seed: int
) -> None:
    crowd = Crowd(rig, 3000)
    chaos = Chaos(rig, Workforce(rig, WORKERS, **ENV), seed)
    chaos.run(lambda: chaos.kills == 30, pausing=True, seconds=600)
    rig.stack.restart_postgres()
    rig.revive()
    chaos.run(lambda: chaos.kills == 75, pausing=True, seconds=900)
    assert not crowd.ended(), "it was over too soon to break anything"
    until(crowd.ended, "the rest to go out", 600)
    states = crowd.assert_agreed()
    assert chaos.pauses >= 5
    assert states["unconfirmed"] <= MARKED * (chaos.kills + chaos.pauses)

"""Any number of workers at once, and workers replaced one by one while posts are due: nothing twice, nothing lost."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from local.sandbox.driver import Sandbox
from tests.engine.actors import Row
from tests.faults.crowd import Crowd, Workforce
from tests.faults.rig import Rig
from tests.waiting import until

ENV = {"WORKER_THREADS": "3", "PLATFORM_TIMEOUT_SECONDS": "2"}
SIZES = [2, pytest.param(4, marks=pytest.mark.slow), pytest.param(8, marks=pytest.mark.slow)]


@pytest.fixture
def unhurried(platform: Sandbox) -> Iterator[None]:
    """A platform that takes 0.3 s for each answer, so that everybody gets some of the work."""
    platform.tell("latency", ms=300)
    yield
    platform.tell("latency", ms=0)


def _at_work(rig: Rig, size: int) -> Workforce:
    """So many workers, all of them started."""
    workers = Workforce(rig, size, **ENV)
    until(lambda: len(workers.at_work()) == size, "all workers to start", 60)
    return workers


def _attempts(rig: Rig, crowd: Crowd) -> list[Row]:
    return rig.admin.run("select * from publish_attempts where target_id = any (%s)", crowd.targets)


@pytest.mark.slow  # engine/test_claiming.py has eight claim at once, and below several work while they are replaced
@pytest.mark.usefixtures("unhurried")
@pytest.mark.parametrize("size", SIZES)
def test_each_due_post_is_claimed_once_by_one_of_many_schedulers(rig: Rig, size: int) -> None:
    crowd = Crowd(rig, 16 * size, due=3600)
    workers = _at_work(rig, size)
    crowd.schedule(2)
    until(crowd.ended, "all posts to go out", 60)
    assert crowd.assert_agreed() == {"published": len(crowd.targets)}
    attempts = _attempts(rig, crowd)
    assert len(attempts) == len(crowd.targets)
    assert len({a["lease_token"] for a in attempts}) == len(attempts)
    assert len({a["worker"] for a in attempts}) == size, "not everybody took part"
    assert [rig.end(worker) for worker in workers.running] == [0] * size


@pytest.mark.usefixtures("unhurried")
@pytest.mark.parametrize("size", SIZES)
def test_a_rolling_restart_in_the_middle_of_the_work_costs_nothing(rig: Rig, size: int) -> None:
    crowd = Crowd(rig, 40 * size, due=3600)
    workers = _at_work(rig, size)
    crowd.schedule(0)
    for number, worker in enumerate(list(workers.running)):
        until(lambda done=number: crowd.states()["published"] > 4 * done, "some to go out", 60)  # type: ignore[misc] # mypy cannot infer the default
        assert workers.retire(worker) == 0
    assert crowd.states()["scheduled"] > 0, "it was over before the last one was replaced"
    until(crowd.ended, "all posts to go out", 90)
    assert crowd.assert_agreed() == {"published": len(crowd.targets)}
    ends = {(a["outcome"], a["error_class"]) for a in _attempts(rig, crowd)}
    # the last one is what a machine that is too busy costs: a mark that came late is not used
    assert ends <= {("published", None), ("not_sent", "stopping"), ("retry", "marked_too_late")}
    assert [rig.end(worker) for worker in workers.running] == [0] * size

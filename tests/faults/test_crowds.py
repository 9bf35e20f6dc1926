"""Many posts, several workers, and something breaks in the middle of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest

from local.sandbox.driver import Sandbox
from tests.engine.actors import Post
from tests.faults.crew import CLAIM, MARK, SETTLE, Crew
from tests.faults.rig import Rig
from tests.faults.watched_wire import Lose
from tests.faults.wire import Wire
from tests.waiting import until

ENDS = ("published", "unconfirmed")


@pytest.fixture
def unhurried(platform: Sandbox) -> Iterator[None]:
    """A platform that takes 50 ms for each answer, so that there is a middle."""
    platform.tell("latency", ms=50)
    yield
    platform.tell("latency", ms=0)


def _sent(rig: Rig, posts: list[Post]) -> int:
    ids = [post.target for post in posts]
    row = rig.admin.run(
        "select count(*) as n from post_targets where id = any (%s) and state = 'published'", ids
    )[0]
    return int(row["n"])


@pytest.mark.parametrize(
    ("many", "workers"), [(30, 2), pytest.param(60, 4, marks=pytest.mark.slow)]
)
@pytest.mark.usefixtures("unhurried")
def test_many_posts_survive_the_kill_of_one_of_their_workers(
    rig: Rig, many: int, workers: int
) -> None:
    posts = [rig.due(due=-1) for _ in range(many)]
    running = [rig.worker_process() for _ in range(workers)]
    until(lambda: _sent(rig, posts) >= 10, "the first ten posts", 120)
    rig.kill(running[0])
    rig.wait_for(posts, *ENDS, seconds=40)
    states = Counter(rig.states([post.target for post in posts]))
    # six at the platform, and as many that are marked for it or wait to be recorded
    assert states["unconfirmed"] <= 12, "more unconfirmed than one worker may have marked"
    rig.assert_invariants(*posts)
    assert [rig.end(worker) for worker in running[1:]] == [0] * (workers - 1)


@pytest.mark.usefixtures("unhurried")
def test_a_restart_of_the_database_in_the_middle_of_a_batch_loses_nothing(rig: Rig) -> None:
    posts = [rig.due(due=-1) for _ in range(24)]
    rig.worker_process()
    until(lambda: _sent(rig, posts) >= 8, "the first posts", 120)
    rig.stack.restart_postgres()
    rig.revive()
    rig.wait_for(posts, *ENDS, seconds=40)
    states = Counter(rig.states([post.target for post in posts]))
    assert states["unconfirmed"] == 0, "the worker lived and knew every answer"
    rig.assert_invariants(*posts)


@pytest.mark.slow  # test_spooled_outcomes.py loses none of one post
@pytest.mark.usefixtures("unhurried")
def test_supabase_gone_for_seconds_loses_no_answer(rig: Rig) -> None:
    posts = [rig.due(due=-1) for _ in range(30)]
    held = [rig.due(due=-2) for _ in range(3)]
    for post in held:
        rig.order(post, {"hold": True})
    with Wire(rig.stack.info["supabase_url"]) as wire:
        worker = rig.worker_process(SUPABASE_URL=wire.url)
        for post in held:
            rig.held(post)
        until(lambda: _sent(rig, posts) >= 5, "the first posts", 120)
        wire.cut()
        rig.release(*held)  # these answers come while nothing can be stored
        rig.admin.run("select pg_sleep(2)")
        wire.mend()
        rig.wait_for(posts + held, *ENDS, seconds=40)
        assert rig.end(worker) == 0
    states = Counter(rig.states([post.target for post in posts + held]))
    assert states["unconfirmed"] == 0, "the worker lived and knew every answer"
    rig.assert_invariants(*posts, *held)


@pytest.mark.slow  # test_database_faults.py loses one of each kind
def test_an_answer_lost_after_the_database_did_its_work_is_asked_for_again(rig: Rig) -> None:
    posts = [rig.due(due=-1) for _ in range(30)]
    # one claim: three whose leases end unused would put the posts aside
    lost = [Lose(CLAIM, answered=True), *(Lose(path, answered=True, times=3) for path in (MARK, SETTLE))]  # fmt: skip
    # a lease that outlives several lost answers in a row, also where the machine is busy
    with Crew(rig, PUBLISH_LEASE_SECONDS="8") as crew:
        crew.rules.add(*lost)
        worker = crew.add()
        rig.wait_for(posts, "published")
        assert rig.end(worker.process) == 0
    assert all(rule.met for rule in lost)
    rig.assert_invariants(*posts)

"""The gateway before the database fails in every manner: claims pause, nobody hammers it, and nothing that was known is lost."""

from __future__ import annotations

import time
from collections import Counter

import pytest

from tests.engine.actors import Post
from tests.faults.crew import CLAIM, Crew, Watched
from tests.faults.rig import Rig
from tests.faults.watched_wire import Instead, Lose, Reply, Rule

ALWAYS = {"path": "/rest/v1/*", "times": None}
HTML = [("content-type", "text/html")]


def _answers(status: int, body: bytes = b"", **more: int) -> Rule:
    return Instead("/rest/v1/*", Reply(status, body, HTML, **more), times=None)


FAULTS: dict[str, Rule] = {
    "500": _answers(500, b'{"message": "unexpected"}'),
    "502": _answers(502, b"<html>Bad Gateway</html>"),
    "503": _answers(503),
    "504": _answers(504, b"<html>Gateway Time-out</html>"),
    "429": _answers(429, b'{"message": "too many requests"}'),
    "garbage": _answers(200, b"<html>Maintenance</html>"),
    "nothing": _answers(200),
    "null": _answers(200, b"null"),
    "half an answer": _answers(200, b'{"now": "2026', promised=1000),
    "the connection ends": Lose("/rest/v1/*", times=None),
    "the connection ends after the work": Lose("/rest/v1/*", answered=True, times=None),
}


def _posts_at_work(rig: Rig, crew: Crew) -> tuple[Watched, list[Post]]:
    """A worker with posts at the platform whose answers will come while nothing can be stored."""
    posts = [rig.due(due=-1) for _ in range(4)]
    for post in posts:
        rig.order(post, {"hold": True})
    worker = crew.add()
    for post in posts:
        rig.held(post)
    return worker, posts


# Without leases to renew, a worker asks for nothing but what it cannot do without.
LONG = {"PUBLISH_LEASE_SECONDS": "60", "PLATFORM_TIMEOUT_SECONDS": "50", "WORKER_THREADS": "16"}
AT_ONCE = 1.5  # seconds in which a hiccup is over


@pytest.mark.parametrize("faults", [["503", "garbage", "nothing", "the connection ends after the work"],
    *[pytest.param([name] * 3, marks=pytest.mark.slow, id=name) for name in FAULTS]])  # fmt: skip
def test_a_gateway_that_fails_is_not_hammered_and_loses_no_answer(
    rig: Rig, faults: list[str]
) -> None:
    with Crew(rig, **LONG) as crew:
        worker, posts = _posts_at_work(rig, crew)
        crew.rules.add(FAULTS[faults[0]])
        rig.release(*posts)
        posts += [rig.due() for _ in range(4)]
        rig.admin.run("select pg_sleep(%s)", AT_ONCE)
        before = time.monotonic()
        for name, after in zip(faults, [*faults[1:], None], strict=True):
            rig.admin.run("select pg_sleep(1.5)")
            if after:
                crew.rules.add(FAULTS[after])
            else:
                calls = worker.supabase.since(before)
                seconds = time.monotonic() - before
            crew.rules.drop(FAULTS[name])
        assert len(calls) < 2 * seconds, Counter(call.path for call in calls)
        assert not any(call.path == CLAIM for call in calls)
        rig.wait_for(posts, "published")
        assert rig.end(worker.process) == 0
    for post in posts:
        assert [a["outcome"] for a in rig.attempts(post.target)] == ["published"]
    rig.assert_invariants(*posts)


@pytest.mark.slow
@pytest.mark.parametrize("answers_at_last", [True, False])
def test_a_gateway_that_takes_ten_seconds_for_each_answer_delays_and_costs_nothing_else(
    rig: Rig, answers_at_last: bool
) -> None:
    slow = Instead("/rest/v1/*", None, after=10, answered=answers_at_last, times=None)
    with Crew(rig, **LONG) as crew:
        worker, posts = _posts_at_work(rig, crew)
        crew.rules.add(slow)
        rig.release(*posts)
        posts += [rig.due() for _ in range(4)]
        before = time.monotonic()
        rig.admin.run("select pg_sleep(15)")
        calls = worker.supabase.since(before)
        assert len(calls) < 2 * 15, Counter(call.path for call in calls)
        crew.rules.drop(slow)
        rig.wait_for(posts, "published", seconds=60)
        assert rig.end(worker.process) == 0
    rig.assert_invariants(*posts)

"""The database restarts, is away, turns read-only or drops sessions in the middle of a batch; replies get lost after commit."""

from __future__ import annotations

import time
from collections.abc import Iterator

import psycopg
import pytest

from local.stack import Stack
from tests.engine.actors import Post
from tests.faults.crew import CLAIM, MARK, SETTLE, Crew
from tests.faults.rig import Rig
from tests.faults.watched_wire import Lose
from tests.waiting import until


class Superuser:
    """What nobody else may do to the database; a session for each statement."""

    def __init__(self, stack: Stack) -> None:
        self._url = f"{stack.gateway_env()['GATEWAY_DATABASE_URL']}?sslmode=disable"

    def run(self, statement: str) -> None:
        with psycopg.connect(self._url, autocommit=True) as connection:
            connection.execute(statement.encode())

    def break_sessions(self) -> None:
        """End all sessions of the gateway."""
        self.run(
            "select pg_terminate_backend(pid) from pg_stat_activity"
            " where pid <> pg_backend_pid() and usename = current_user and backend_type = 'client backend'"
        )


@pytest.fixture
def superuser(quiet_stack: Stack) -> Iterator[Superuser]:
    """The database commits as production does: an answer means that the work is in the log, whatever happens then. The
    local one is told otherwise, to be fast."""
    made = Superuser(quiet_stack)
    made.run("alter database postgres set synchronous_commit = on")
    made.break_sessions()
    yield made
    made.run("alter system reset default_transaction_read_only")
    made.run("select pg_reload_conf()")
    made.run("alter database postgres reset synchronous_commit")


def _batch(rig: Rig) -> tuple[list[Post], list[Post]]:
    """Posts that are due, and some whose answers the platform holds until the database is in trouble."""
    held = [rig.due(due=-2) for _ in range(3)]
    for post in held:
        rig.order(post, {"hold": True})
    posts = [rig.due(due=-1) for _ in range(12)]
    rig.worker_process()
    for post in held:
        rig.held(post)
    return held, posts


def _all_goes_out(rig: Rig, posts: list[Post]) -> None:
    """The worker lived and knew every answer, so nothing is in doubt, and what is new goes out as well."""
    later = [rig.due() for _ in range(3)]
    rig.wait_for([*posts, *later], "published", hurry=True)
    for post in (*posts, *later):
        assert len(rig.creates(post)) == 1
    rig.assert_invariants(*posts, *later)


@pytest.mark.usefixtures("superuser")
@pytest.mark.parametrize(
    ("immediate", "seconds"),
    [
        (True, 3),
        pytest.param(False, 5, marks=pytest.mark.slow),
        pytest.param(False, 30, marks=pytest.mark.slow),
        pytest.param(True, 30, marks=pytest.mark.slow),
    ],
)
def test_a_database_that_crashes_or_is_away_loses_nothing(
    rig: Rig, immediate: bool, seconds: float
) -> None:
    held, posts = _batch(rig)
    members = [rig.member_of(post) for post in held]
    rig.stack.stop_postgres(immediate=immediate)
    try:
        for member in members:
            rig.sandbox.tell("release", member=member)
        time.sleep(seconds)
    finally:
        rig.stack.start_postgres()
        rig.revive()
    _all_goes_out(rig, [*held, *posts])


def test_a_database_that_is_read_only_for_a_while_loses_nothing(
    rig: Rig, superuser: Superuser
) -> None:
    """As the old primary is in a failover, until everybody is led to the new one."""
    held, posts = _batch(rig)
    superuser.run("alter system set default_transaction_read_only = on")
    superuser.run("select pg_reload_conf()")
    until(
        lambda: rig.admin.run("show transaction_read_only")[0]["transaction_read_only"] == "on",
        "the database to be read-only",
    )
    rig.release(*held)
    rig.admin.run("select pg_sleep(2)")
    assert "published" not in rig.states([post.target for post in held])
    superuser.run("alter system reset default_transaction_read_only")
    superuser.run("select pg_reload_conf()")
    until(
        # each session learns of it by itself
        lambda: all(
            session.run("show transaction_read_only")[0]["transaction_read_only"] == "off"
            for session in (rig.service, rig.admin)
        ),
        "the database to be writable",
    )
    _all_goes_out(rig, [*held, *posts])


def test_sessions_that_are_broken_in_mid_call_cost_a_lease_at_most(
    rig: Rig, superuser: Superuser
) -> None:
    posts = {path: rig.due(due=600) for path in (CLAIM, MARK, SETTLE)}
    with Crew(rig, 1) as crew:
        crew.workers[0].wait_until_started()
        for path, post in posts.items():
            stop = crew.stop_at(path, naming="" if path == CLAIM else post.target)
            rig.bring_forward(post)
            stop.reached()
            rig.admin.begin()
            rig.admin.run("lock table public.publish_attempts in exclusive mode")
            stop.go_on()
            until(lambda: _waits_for_a_lock(rig), "the call to be at work")
            superuser.break_sessions()
            rig.admin.rollback()
            rig.wait_for([post], "published")
    for post in posts.values():
        assert [a["outcome"] for a in rig.attempts(post.target)] == ["published"]
        assert len(rig.creates(post)) == 1
    rig.assert_invariants(*posts.values())


def _waits_for_a_lock(rig: Rig) -> bool:
    return bool(rig.service.run("select 1 from pg_locks where not granted"))


def test_a_reply_lost_after_commit_is_harmless_for_the_claim_the_mark_and_the_outcome(
    rig: Rig,
) -> None:
    paths = {"mark": [MARK], "outcome": [SETTLE], "all": [CLAIM, MARK, SETTLE]}
    posts = {name: rig.due(due=600) for name in paths}
    with Crew(rig, 1) as crew:
        for names in (["mark", "outcome"], ["all"]):
            lost = [
                Lose(path, naming=posts[name].target, answered=True)
                for name in names
                for path in paths[name]
            ]
            crew.rules.add(*lost)
            for name in names:
                rig.bring_forward(posts[name])
            rig.wait_for([posts[name] for name in names], "published")
            assert all(rule.is_over.wait(20) for rule in lost)
    for name, post in posts.items():
        outcomes = [a["outcome"] for a in rig.attempts(post.target)]
        assert outcomes == (["not_sent", "published"] if CLAIM in paths[name] else ["published"])
        assert len(rig.creates(post)) == len(rig.received(post)) == 1
    rig.assert_invariants(*posts.values())

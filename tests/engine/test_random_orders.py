"""Random orders of what people do, what workers do and what breaks, against the real functions.

What must hold is in model.py, the workers are in random_workers.py. Hours pass by moving all times of the rows into the past.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import hypothesis
import psycopg
import pytest
from hypothesis import HealthCheck
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tests.engine.actors import Actor, Refused, World
from tests.engine.model import AT_WORK, Model
from tests.engine.random_workers import STEPS, Step, Workers

HOUR = 3600
PICK = st.integers(0, 99)
ACTS = ("schedule", "schedule", "unschedule", "edit", "override", "cancel", "retry", "retry", "add_account", "delete_post", "delete_target")  # fmt: skip

TARGETS = """select t.*, p.max_lateness,
    (select coalesce(jsonb_agg(a order by a.number), '[]') from publish_attempts a where a.target_id = t.id) as attempt_rows,
    array(select n.kind::text from notifications n where n.payload ->> 'target_id' = t.id::text) as told
  from post_targets t join posts p on p.id = t.post_id where t.user_id = %s order by t.created_at, t.id"""
TIMES = {
    "post_targets": (
        "due_at",
        "next_attempt_at",
        "deadline_at",
        "lease_until",
        "look_at",
        "absent_since",
    ),
    "publish_attempts": ("started_at", "sending_at", "finished_at"),
    "posts": ("scheduled_at",),
    "social_accounts": ("connected_at",),
}


class Engine(RuleBasedStateMachine):
    """One person with two accounts, three workers and a platform. In each rule workers do some steps first."""

    world: World
    sessions: list[Actor]

    @initialize()
    def begin(self) -> None:
        self.model = Model()
        self.workers = Workers(self.world, self.sessions, self.model)
        self.targets: dict[str, str] = {}  # target: its post
        self.texts = 0
        self.user = self.world.user()
        self.person = self.world.person(self.user)
        self.accounts = [self.world.account(self.user) for _ in range(2)]
        self._let_read()

    def teardown(self) -> None:
        """After hours in which nobody worked, nothing is stuck."""
        try:
            self._pass(9 * HOUR)
            self.world.service.call("recover_leases")
            while self.world.service.call("mark_missed"):
                pass  # a hundred at a time
            self._pass(HOUR)
            while self.workers.look(may_prove=False, end=None):
                pass
            self.everything_holds()
            for row in self.world.admin.run(TARGETS, self.user):
                assert row["state"] not in (*AT_WORK, "scheduled"), f"stuck: {row}"
                assert row["look_at"] is None, f"nobody is asked: {row}"
        finally:
            self.person.close()
            self.world.admin.run("delete from auth.users where id = %s", self.user)

    @invariant()
    def everything_holds(self) -> None:
        posts = self.world.admin.run("select id, status from posts where user_id = %s", self.user)
        self.model.check_all(self.world.admin.run(TARGETS, self.user), posts)

    def work(self, steps: list[Step]) -> None:
        for step in steps if self.targets else ():
            if self.workers.step(*step):
                self.everything_holds()

    # ------------------------------------------------------------------ what people do

    @rule(
        steps=STEPS, both=st.booleans(), account=st.integers(0, 1), wait=st.sampled_from([0, 0, 0, 0, 3, HOUR, None])
    )  # fmt: skip
    def write(self, steps: list[Step], both: bool, account: int, wait: int | None) -> None:
        """A post to one or both accounts; `wait` None leaves it a draft."""
        self.work(steps)
        accounts = self.accounts if both else [self.accounts[account]]
        post = self.world.draft(*accounts, text=self._text())
        self.targets |= dict.fromkeys(post.targets, post.id)
        if wait is not None:
            self._schedule(post.id, wait)

    @precondition(lambda engine: bool(engine.targets))
    @rule(steps=STEPS, pick=PICK, act=st.sampled_from(ACTS), number=st.integers(0, 1))
    def a_person_acts(self, steps: list[Step], pick: int, act: str, number: int) -> None:
        self.work(steps)
        target = self._target(pick)
        post, do, call = self.targets[target], self.person.run, self.person.call
        match act:
            case "schedule":
                self._schedule(post, number * HOUR)
            case "unschedule":
                self._ask(call, "unschedule_post", post=post)
            case "edit":
                self._ask(do, "update posts set text = %s where id = %s", self._text(), post)
            case "override":
                query = "update post_targets set text_override = %s where id = %s"
                self._ask(do, query, self._text(), target)
            case "cancel" | "retry":
                self._ask(call, f"{act}_target", target=target)
            case "add_account":
                query = "insert into post_targets (post_id, account_id) values (%s, %s) on conflict do nothing"
                self._ask(do, query, post, self.accounts[number])
            case "delete_post":
                self._ask(do, "delete from posts where id = %s", post)
            case "delete_target":
                self._ask(do, "delete from post_targets where id = %s", target)
        rows = self.world.admin.run(TARGETS, self.user)
        self.targets = {str(row["id"]): str(row["post_id"]) for row in rows}

    @precondition(lambda engine: bool(engine.model.calls))
    @rule(
        steps=STEPS, pick=PICK, answer=st.sampled_from(["it_is_live", "send_again", "send_again"])
    )
    def a_person_settles(self, steps: list[Step], pick: int, answer: str) -> None:
        self.work(steps)
        target = list(self.model.calls)[pick % len(self.model.calls)]
        if self._ask(self.person.call, "settle_target", target=target, answer=answer):
            self.model.hears(target, answer)

    @rule(steps=STEPS, account=st.integers(0, 1), gone=st.integers(0, 3))
    def reconnect_or_disconnect(self, steps: list[Step], account: int, gone: int) -> None:
        self.work(steps)
        one = self.accounts[account]
        if gone == 3 or (gone and self.workers.holds(one)):
            self.world.service.call("disconnect_account", account=one, owner=self.user)
        else:
            self.world.reconnect(one)
            self._let_read()

    # ------------------------------------------------------------------ time, and what follows from it

    @rule(steps=STEPS, seconds=st.sampled_from([5, 5, 35, 70, 70, 70, HOUR, 7 * HOUR]), sweep=st.booleans())  # fmt: skip
    def time_passes(self, steps: list[Step], seconds: int, sweep: bool) -> None:
        self.work(steps)
        self._pass(seconds)
        if sweep:
            self.world.service.call("recover_leases")

    @rule(steps=STEPS, function=st.sampled_from(["recover_leases", "mark_missed"]))
    def sweep(self, steps: list[Step], function: str) -> None:
        self.work(steps)
        self.world.service.call(function)

    def _target(self, pick: int) -> str:
        """Any target, every other time one that a worker has in its hands."""
        held = [one for one in self.workers.in_hand() if one in self.targets]
        some = held if held and pick % 2 else list(self.targets)
        return some[pick // 2 % len(some)]

    def _let_read(self) -> None:
        """Lin may see what is on the first account."""
        query = "update social_accounts set granted_scopes = granted_scopes || '{r_member_social}' where id = %s"
        self.world.admin.run(query, self.accounts[0])

    def _pass(self, seconds: int) -> None:
        self.workers.clock += seconds
        for table, columns in TIMES.items():
            moved = ", ".join(f"{name} = {name} - i" for name in columns)
            query = (
                f"update {table} set {moved} from make_interval(secs => %s) i where user_id = %s"  # noqa: S608 - names from above
            )
            self.world.admin.run(query, seconds, self.user)

    def _schedule(self, post: str, wait: int) -> None:
        moment = datetime.now(UTC) + timedelta(seconds=wait) if wait else None
        self._ask(self.person.call, "schedule_post", post=post, at=moment)

    def _ask(self, call: Callable[..., Any], *query: Any, **arguments: Any) -> bool:
        """Whether the database did what a person asked; what it refuses, it refuses with a reason (a PT code)."""
        try:
            call(*query, **arguments)
        except Refused:
            return False
        except psycopg.Error as error:
            if not str(error.sqlstate).startswith("PT"):
                raise
            return False
        return True

    def _text(self) -> str:
        self.texts += 1
        return f"Text {self.texts}"


@pytest.fixture
def engine(database_url: str) -> Iterator[type[Engine]]:
    """The machine, with sessions that all its runs share."""
    shared = World(database_url)

    class Ready(Engine):
        world, sessions = shared, [shared.worker() for _ in range(3)]

    try:
        yield Ready
    finally:
        shared.close()


def test_whatever_happens_in_whatever_order_what_was_promised_holds(engine: type[Engine]) -> None:
    always_the_same = hypothesis.settings(
        max_examples=6, stateful_step_count=50, derandomize=True, suppress_health_check=list(HealthCheck)
    )  # fmt: skip
    run_state_machine_as_test(engine, settings=always_the_same)


@pytest.mark.slow
def test_the_same_for_longer_and_otherwise_each_time(engine: type[Engine]) -> None:
    """LIN_SEED repeats a run."""
    seed = int(os.environ.get("LIN_SEED") or secrets.randbits(32))
    print(f"LIN_SEED={seed}")
    longer = hypothesis.settings(
        max_examples=800, stateful_step_count=80, suppress_health_check=list(HealthCheck)
    )
    run_state_machine_as_test(hypothesis.seed(seed)(engine), settings=longer)

"""SIGKILL at every step from claim to settle, three workers running: nothing lost, nothing doubled, nothing stuck."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

import pytest

from local.sandbox.driver import Sandbox
from local.stack import Stack
from tests.engine.actors import Post
from tests.faults.crew import (
    BEGIN_REFRESH,
    CLAIM,
    CREATE,
    DOWNLOAD,
    END_REFRESH,
    MARK,
    REFRESH,
    SETTLE,
    SIGN,
    UPLOAD,
    Crew,
    Watched,
)
from tests.faults.rig import Rig
from tests.faults.test_refreshing import CALLBACK, Partner
from tests.waiting import until

TRIES = 30


@dataclass(frozen=True)
class Step:
    """Where the worker dies, what the post needs to come there, and what must be true in the end."""

    path: str = ""
    answered: bool = False
    needs: str = ""
    outcomes: tuple[str, ...] = ("not_sent", "published")
    accepted: int = 1
    creates: int = 1
    refreshes: int = 0


UNKNOWN, DONE = ("unconfirmed",), ("published",)
STEPS = {
    "refresh not begun": Step(BEGIN_REFRESH, needs="refresh", refreshes=1),
    "refresh begun": Step(BEGIN_REFRESH, answered=True, needs="refresh", refreshes=1),
    "refresh sent, not read by the platform": Step(REFRESH, needs="refresh", refreshes=1),
    "refresh answered, not stored": Step(END_REFRESH, needs="refresh", refreshes=2),
    "refreshed tokens stored, not answered": Step(END_REFRESH, answered=True, needs="refresh", refreshes=1),
    "claim asked": Step(CLAIM, outcomes=DONE),
    "claim committed, not answered": Step(CLAIM, answered=True),
    "media asked for": Step(SIGN, needs="image"),
    "media on its way to us": Step(DOWNLOAD, answered=True, needs="image"),
    "upload sent, not read by the platform": Step(UPLOAD, needs="image"),
    "upload read by the platform, not answered": Step(UPLOAD, answered=True, needs="image"),
    "held until its time": Step(needs="time"),
    "mark asked": Step(MARK),
    "mark committed, not answered": Step(MARK, answered=True, outcomes=UNKNOWN, accepted=0, creates=0),
    "create sent, not read by the platform": Step(CREATE, outcomes=UNKNOWN, accepted=0, creates=0),
    "create accepted, not answered": Step(CREATE, answered=True, outcomes=UNKNOWN),
    "create answered, settle not asked": Step(SETTLE, outcomes=UNKNOWN),
    "settle committed, not answered": Step(SETTLE, answered=True, outcomes=DONE),
    "while a retry waits": Step(needs="retry", outcomes=("retry", "published"), creates=2),
}  # fmt: skip


@dataclass(frozen=True)
class Death:
    """A post whose worker was killed, and when its lease would have ended."""

    post: Post
    account: str
    lease_until: datetime | None


class Killer:
    """Kills a worker at each step, one after another; others take over, and a new one is started, as a supervisor does."""

    def __init__(self, rig: Rig, crew: Crew, partner: Partner) -> None:
        self._rig = rig
        self._crew = crew
        self._partner = partner
        self.spared: list[Post] = []

    def kill_at(self, step: Step) -> Death:
        """A post whose worker dies at this step, and nothing else with it: another target at work in the same process
        would be a second case, so then everything goes on and the next post is tried."""
        for _ in range(TRIES):
            post, stop = self._post(step), None
            if step.path:
                stop = self._crew.stop_at(step.path, naming=self._name(step, post), answered=step.answered, asleep=True)  # fmt: skip
            self._go(post, step)
            victim = self._crew.at(stop.reached()) if stop else self._sleeper_of(post, step)
            alone = victim is not None and self._crew.is_alone_with(
                victim, post, held=1 if stop else 0
            )
            # what was on its way when it fell asleep has arrived by now: a mark, perhaps
            if victim is not None and alone and (stop or self._is_waiting(post, step)):
                self._rig.kill(victim.process)
                if stop:
                    stop.lose()
                return self._death(post, step)
            self.spared.append(post)
            if stop:
                stop.go_on()
            if victim is not None:
                victim.wake()
            # what else is at work comes to its end meanwhile
            self._rig.wait_for([post], "published", "unconfirmed", "scheduled")
        raise AssertionError("no worker was ever alone with its post")

    def _post(self, step: Step) -> Post:
        rig = self._rig
        if step.needs == "refresh":
            account, _ = self._partner.account()
        else:
            account = rig.account()
        # far in the future until its stop is in place
        return rig.due(account, due=600, images=1 if step.needs == "image" else 0)

    def _go(self, post: Post, step: Step) -> None:
        if step.needs == "retry":
            self._rig.order(post, {"status": 429})
        self._rig.bring_forward(post, 4 if step.needs == "time" else 0)

    def _name(self, step: Step, post: Post) -> str:
        account = str(self._rig.target(post.target)["account_id"])
        if step.path == CLAIM and not step.answered:
            return ""  # it asks for whatever is due
        if step.path in (SIGN, DOWNLOAD):
            return post.user_id
        if step.path in (BEGIN_REFRESH, END_REFRESH):
            return account
        if step.path == REFRESH:
            return str(self._partner.stored(account)["refresh"])
        if step.path in (UPLOAD, CREATE):
            return self._rig.members[account].token
        return post.target

    def _sleeper_of(self, post: Post, step: Step) -> Watched | None:
        """Who held the post when it came to where it waits; None if it was gone before its worker slept."""
        until(lambda: self._is_waiting(post, step), "the post to wait", 120)
        victim = self._crew.who_has(post)
        victim.sleep()
        return victim if self._is_waiting(post, step) else None

    def _is_waiting(self, post: Post, step: Step) -> bool:
        row = self._rig.target(post.target)
        if step.needs == "retry":
            return (row["state"], row["failures"]) == ("scheduled", 1)
        return bool(row["state"] == "preparing")

    def _death(self, post: Post, step: Step) -> Death:
        row = self._rig.target(post.target)
        if step.needs == "retry":
            self._rig.admin.run("update post_targets set next_attempt_at = now() where id = %s", post.target)  # fmt: skip
        if step.needs == "refresh":  # and the minute for which it is another's to refresh
            self._rig.admin.run("update social_account_tokens set refresh_lease_until = now() where account_id = %s", row["account_id"])  # fmt: skip
        return Death(post, str(row["account_id"]), row["lease_until"])


@pytest.fixture(scope="module")
def deaths(
    quiet_stack: Stack, platform: Sandbox
) -> Iterator[tuple[Rig, Partner, dict[str, Death]]]:
    """A worker killed at each step, with three at work; and what became of it all."""
    rig = Rig(quiet_stack, platform)
    try:
        partner = partner_of(rig)
        app = {"LINKEDIN_CLIENT_ID": partner.client_id, "LINKEDIN_CLIENT_SECRET": partner.secret}
        refreshing = sum(step.needs == "refresh" for step in STEPS.values())
        with Crew(rig, 3 + refreshing, **app) as crew:
            # a new worker refreshes what it finds: while permissions that end are in play, no other is started
            for worker in crew.workers:
                worker.wait_until_started()
            killer, found = Killer(rig, crew, partner), {}
            for name, step in STEPS.items():
                if step.needs != "refresh" and len(crew.workers) == 3 + refreshing:
                    # a worker that is started finds them, and would hold what is refreshed when it is killed in its turn
                    rig.wait_for([death.post for death in found.values()], "published")
                found[name] = killer.kill_at(step)
                if step.needs != "refresh":
                    crew.add()
            for name, step in STEPS.items():
                rig.wait_for([found[name].post], step.outcomes[-1])
            rig.wait_for(killer.spared, "published", "unconfirmed", "scheduled")
        rig.assert_invariants(*killer.spared)
        yield rig, partner, found
    finally:
        rig.close()


@pytest.mark.parametrize("name", STEPS)
def test_a_worker_killed_at_any_step_costs_a_lease_at_most_and_never_a_second_post(
    deaths: tuple[Rig, Partner, dict[str, Death]], name: str
) -> None:
    rig, partner, found = deaths
    step, death = STEPS[name], found[name]
    attempts = rig.attempts(death.post.target)
    # a machine so busy that a worker cannot keep its lease makes one more of the tries that sent nothing
    assert [outcome for outcome, _ in groupby(a["outcome"] for a in attempts)] == list(step.outcomes)  # fmt: skip
    assert len(rig.received(death.post)) == step.accepted
    assert len(rig.creates(death.post)) == step.creates
    if step.refreshes:
        told = [line for line in rig.logged("a refresh waits") if death.account in line]
        assert (partner.refreshes(death.account), told) == (step.refreshes, [])
        assert partner.status(death.account) == "active"
        assert partner.stored(death.account)["version"] == 2
    rig.assert_invariants(death.post)


@pytest.mark.slow  # it measures seconds, which a busy machine stretches
def test_what_a_killed_worker_held_is_taken_up_within_seconds_after_its_lease(
    deaths: tuple[Rig, Partner, dict[str, Death]],
) -> None:
    rig, _, found = deaths
    waits: list[float] = []
    for death in found.values():
        attempts = rig.attempts(death.post.target)
        if death.lease_until and attempts[0]["outcome"] == "not_sent":
            assert attempts[0]["finished_at"] > death.lease_until
            waits.append((attempts[1]["started_at"] - death.lease_until).total_seconds())
    assert len(waits) == [step.outcomes for step in STEPS.values()].count(("not_sent", "published"))
    # of a dozen the quickest quarter: one that a busy machine delays says nothing
    assert sorted(waits)[len(waits) // 4] < 5


def partner_of(rig: Rig) -> Partner:
    """An app that gets refresh tokens."""
    client_id, secret = f"partner-{secrets.token_hex(4)}", secrets.token_hex(8)
    rig.sandbox.tell("apps", client_id=client_id, client_secret=secret, redirect_uris=[CALLBACK], refresh_tokens=True)  # fmt: skip
    return Partner(rig, client_id, secret)


def test_a_post_that_kills_three_workers_in_a_row_is_quarantined_and_costs_the_others_nothing(
    rig: Rig,
) -> None:
    poison, others = rig.due(due=600), [rig.due(due=-1) for _ in range(6)]
    with Crew(rig, 4, PUBLISH_LEASE_SECONDS="2", PLATFORM_TIMEOUT_SECONDS="1") as crew:
        rig.wait_for(others, "published")
        rig.bring_forward(poison)
        for _ in range(3):
            stop = crew.stop_at(MARK, naming=poison.target, asleep=True)
            victim = crew.at(stop.reached())
            rig.kill(victim.process)
            stop.lose()
        rig.wait_for([poison], "quarantined")
        later = [rig.due() for _ in range(6)]
        rig.wait_for(later, "published")
    assert [a["outcome"] for a in rig.attempts(poison.target)] == ["not_sent"] * 3
    assert rig.creates(poison) == []
    assert [n["kind"] for n in rig.notifications(poison.target)] == ["target_quarantined"]
    rig.assert_invariants(poison, *others, *later)

"""Everybody at a few rows at once, until some of them are published: no deadlock, and every row tells the truth afterwards.

But for two, after which whoever was ended asks again, as the store does (backend/store/calls.py). Where a row's lock was shared when it
was updated, `skip locked` waits for the next version of the row all the same (heap_lock_updated_tuple in heapam.c). And an owner who
deletes a target with a statement of their own holds it before its post, which all functions lock first.
"""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from tests.engine.actors import Actor, Post, Refused, Row, World

OUTCOMES = ("published", "retry", "failed", "unconfirmed", "needs_reconnect", "retry", "retry")
LONGEST_SECONDS = 120.0
EXPECTED = {"PT404", "PT409", "PT422"}


class Crowd:
    """Workers and owners that act at random; `sent` counts the marks, by lease token."""

    def __init__(self, world: World, posts: list[Post], accounts: list[str]) -> None:
        self.world = world
        self.posts = posts
        self.accounts = accounts
        self.lock = threading.Lock()
        self.sent: Counter[int] = Counter()
        self.done: Counter[str] = Counter()
        self.surprises: list[str] = []

    def work(
        self, seed: int, many: int, step: Callable[[Actor, random.Random], str], actor: Actor
    ) -> None:
        """One of the actors, until so many were published by all together: how long that takes is the machine's affair."""
        draw, end = random.Random(seed), time.monotonic() + LONGEST_SECONDS
        while self.done["published"] < many and time.monotonic() < end:
            try:
                what = step(actor, draw)
            except Refused as error:
                what = f"refused {error.status}"
            except psycopg.Error as error:
                what = str(error.sqlstate)
                taken_back = what == "40P01" and (
                    step == self.own or "while locking updated version" in str(error)
                )
                if what not in EXPECTED and not taken_back:
                    with self.lock:
                        self.surprises.append(f"{what}: {error}")
            with self.lock:
                self.done[what] += 1

    def publish(self, actor: Actor, draw: random.Random) -> str:
        """What a worker does with a batch, in calls for the whole batch."""
        claims = actor.claim(draw.randint(1, 6))
        if not claims:
            return "idle"
        draw.shuffle(claims)
        leases = [{"target_id": c["target_id"], "lease_token": c["lease_token"]} for c in claims]
        actor.rows("renew_lease", leases=leases, lease_seconds=60)
        marked = [
            c for c, verdict in zip(claims, actor.mark(*claims), strict=True) if verdict == "send"
        ]
        with self.lock:
            self.sent.update(c["lease_token"] for c in marked)
        if draw.random() < 0.15:
            return "vanished"  # leaves them to recovery
        results = [self.result(c, draw) for c in marked]
        draw.shuffle(results)
        if results:
            actor.rows("settle_attempt", results=results)
        return "published"

    def result(self, claim: Row, draw: random.Random) -> Row:
        return {
            "target_id": claim["target_id"], "lease_token": claim["lease_token"], "outcome": draw.choice(OUTCOMES),
            "after_seconds": 0, "error": "Why.", "whole_account": draw.random() < 0.3,
        }  # fmt: skip

    def recover(self, actor: Actor, draw: random.Random) -> str:
        """Leases run out early, and what they held is recovered; accounts come and go."""
        actor.run(
            "update public.post_targets set lease_until = clock_timestamp() - interval '1 second' where id in ("
            "select id from public.post_targets where lease_until is not null limit 1 for update skip locked)"
        )
        actor.call("recover_leases")
        account = draw.choice(self.accounts)
        if draw.random() < 0.3:
            actor.call("disconnect_account", account=account, owner=self.posts[0].user_id)
        self.world.reconnect(account, actor)
        return "recovered"

    def own(self, actor: Actor, draw: random.Random) -> str:
        """What an owner does."""
        post = draw.choice(self.posts)
        target = draw.choice(post.targets)
        action = draw.randrange(10)
        if action == 0:
            actor.run(
                "update public.posts set text = %s where id = %s", str(draw.random()), post.id
            )
        elif action == 1:
            actor.run(
                "update public.post_targets set text_override = %s where id = %s",
                str(draw.random()),
                target,
            )
        elif action == 2:
            actor.run(
                "update public.posts set max_lateness = %s where id = %s",
                f"{draw.randint(1, 9)} hours",
                post.id,
            )
        elif action == 3:
            actor.call("cancel_target", target=target)
        elif action == 4:
            actor.call("unschedule_post", post=post.id)
        elif action == 5:
            actor.call(
                "settle_target", target=target, answer=draw.choice(["it_is_live", "send_again"])
            )
        elif action == 6:
            actor.call("retry_target", target=target)
        elif action == 7:
            actor.changed("delete from public.post_targets where id = %s", target)
            actor.run(
                "insert into public.post_targets (id, post_id, account_id) values (%s, %s, %s) on conflict do nothing",
                target, post.id, self.accounts[post.targets.index(target)],
            )  # fmt: skip
        else:
            actor.call("schedule_post", post=post.id)
        return f"owner {action}"


@pytest.mark.parametrize("many", [30, pytest.param(300, marks=pytest.mark.slow)])
def test_nobody_ever_waits_in_a_circle(world: World, many: int) -> None:
    user = world.user()
    accounts = [world.account(user) for _ in range(3)]
    posts = [world.scheduled(*accounts) for _ in range(4)]
    crowd = Crowd(world, posts, accounts)
    steps = [crowd.publish] * 5 + [crowd.recover] * 2 + [crowd.own] * 5
    actors = [world.person(user) if step == crowd.own else world.worker() for step in steps]
    with ThreadPoolExecutor(len(steps)) as pool:
        runs = [
            pool.submit(crowd.work, seed, many, step, actor)
            for seed, (step, actor) in enumerate(zip(steps, actors, strict=True))
        ]
    for run in runs:
        run.result()

    assert crowd.surprises == [], "\n".join(crowd.surprises)
    assert crowd.done["40P01"] < 5, crowd.done
    assert crowd.done["published"] >= many, crowd.done
    assert max(crowd.sent.values()) == 1, "one lease marked twice"
    _assert_rows_are_true(world, user)


def _assert_rows_are_true(world: World, user: str) -> None:
    busy = world.admin.run(
        "select account_id from post_targets where user_id = %s and state in ('preparing', 'sending', 'confirming')"
        " group by account_id having count(*) > 1", user,
    )  # fmt: skip
    assert busy == []
    attempts = world.admin.run(
        "select t.state, t.attempts, t.id, count(a.*) as rows, max(a.number) as last,"
        " count(*) filter (where a.id is not null and a.finished_at is null) as open"
        " from post_targets t left join publish_attempts a on a.target_id = t.id where t.user_id = %s group by t.id", user,
    )  # fmt: skip
    for row in attempts:
        assert row["rows"] == row["attempts"] == (row["last"] or 0), row
        assert row["open"] == (row["state"] in ("preparing", "sending")), row
    wrong = world.admin.run(
        "select p.id, p.status, private.derived_post_status(p.id) from posts p"
        " where p.user_id = %s and p.status <> private.derived_post_status(p.id)", user,
    )  # fmt: skip
    assert wrong == []

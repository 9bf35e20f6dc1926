"""Floods: one account or one user with thousands of due posts, thousands of overdue posts, and dead rows that must stay."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest

from tests.engine.actors import Post
from tests.faults.rig import Rig
from tests.waiting import until

WORKERS = {"WORKER_THREADS": "8"}
PUBLISHED = "select count(*) as n from post_targets where account_id = %s and state = 'published'"


@pytest.fixture
def flooded(rig: Rig) -> Iterator[Rig]:
    """The flood goes away with its owners; the sandbox answers after 50 ms meanwhile."""
    rig.sandbox.tell("latency", ms=50)
    yield rig
    rig.sandbox.tell("latency", ms=0)


def pour(rig: Rig, accounts: list[str], each: int, *, overdue: float = 60) -> None:
    """Due posts for accounts of one user, written at once, a millisecond apart and older than everybody else's."""
    rig.admin.run(
        "with written as ("
        " insert into posts (user_id, text) select %s, 'Flood ' || gen_random_uuid() from generate_series(1, %s) returning id, user_id"
        ") insert into post_targets (user_id, post_id, account_id) select w.user_id, w.id, a from written w, unnest(%s::uuid[]) a",
        rig.owner(accounts[0]), each, accounts,
    )  # fmt: skip
    rig.admin.run(
        "update post_targets t set state = 'scheduled', due_at = m.at, next_attempt_at = m.at, deadline_at = m.at + interval '6 hours'"
        " from (select id, now() - make_interval(secs => %s) + row_number() over () * interval '1 millisecond' as at"
        "   from post_targets where account_id = any (%s::uuid[]) and state = 'draft') m where t.id = m.id",
        overdue, accounts,
    )  # fmt: skip


def lateness(rig: Rig, post: Post) -> float:
    """Seconds from a post's time to its mark."""
    (attempt,) = rig.attempts(post.target)
    return float((attempt["sending_at"] - rig.first_due[post.target]).total_seconds())


def one_after_another(rig: Rig, posts: int) -> list[float]:
    """The lateness of a few posts of other people, each due in a moment of its own."""
    others = [rig.due(due=1 + 0.3 * number) for number in range(posts)]
    rig.wait_for(others, "published")
    rig.assert_invariants(*others)
    return [lateness(rig, post) for post in others]


@pytest.mark.slow  # one user who floods through many accounts is the harder case
def test_the_posts_of_others_go_out_while_one_account_floods(flooded: Rig) -> None:
    rig, account = flooded, flooded.account()
    pour(rig, [account], 2_000)
    rig.worker_process(**WORKERS)
    until(lambda: rig.admin.run(PUBLISHED, account)[0]["n"] >= 3, "the flood to begin", 120)
    one_after_another(rig, 5)
    sent = rig.admin.run(PUBLISHED, account)[0]["n"]
    assert 3 <= sent < 2_000, "the flood was over before the others came, or stood still"
    assert _order_is_kept(rig, account)


def test_the_posts_of_others_go_out_while_one_user_floods_through_many_accounts(
    flooded: Rig,
) -> None:
    """A worker that took the oldest first would be at work for many seconds before it saw the others."""
    rig, user = flooded, flooded.user()
    accounts = [rig.account(user) for _ in range(60)]
    pour(rig, accounts, 40)
    rig.worker_process(**WORKERS)
    busy = "select count(*) as n from post_targets where user_id = %s and state = 'published'"
    until(lambda: rig.admin.run(busy, user)[0]["n"] >= 8, "the flood to begin", 120)
    one_after_another(rig, 5)
    assert rig.admin.run(busy, user)[0]["n"] < 60 * 40, "the flood was over before the others came"


def test_nobody_else_waiting_a_user_gets_every_place(flooded: Rig) -> None:
    rig, user = flooded, flooded.user()
    posts = [rig.due(rig.account(user)) for _ in range(8)]
    for post in posts:
        rig.order(post, {"hold": True})
    rig.worker_process(**WORKERS)
    for post in posts:
        rig.held(post)  # all eight at once, or this waits in vain
    rig.release(*posts)
    rig.wait_for(posts, "published")
    rig.assert_invariants(*posts)


def test_targets_held_for_later_do_not_keep_due_ones_waiting(flooded: Rig) -> None:
    rig, user = flooded, flooded.user()
    held = [rig.due(rig.account(user), due=4) for _ in range(24)]
    rig.worker_process(**WORKERS)
    rig.wait_for(held[:8], "preparing", "sending", "published")
    now = rig.due()
    rig.wait_for([now], "published")
    rig.wait_for(held, "published")
    rig.assert_invariants(now, *held)
    assert lateness(rig, now) < 3.5, "it went out with those that were held, or after them"


def test_overdue_posts_are_worked_off_and_the_claim_stays_cheap(flooded: Rig) -> None:
    """Row 24 in short; its statement counts say how often a claim had to be made."""
    rig = flooded
    accounts = [rig.account() for _ in range(24)]
    for account in accounts:
        pour(rig, [account], 5, overdue=3600)
    rig.worker_process(**WORKERS)
    rig.worker_process(**WORKERS)
    _until_published(rig, accounts, 5 * len(accounts))
    assert all(_order_is_kept(rig, account) for account in accounts)


@pytest.mark.slow
def test_a_hundred_thousand_overdue_posts_do_not_slow_the_claim(flooded: Rig) -> None:
    """Row 24: a claim reads as much after thousands as in the beginning."""
    rig = flooded
    accounts = [rig.account() for _ in range(500)]
    for account in accounts:
        pour(rig, [account], 200, overdue=3600)
    rig.admin.run("analyze post_targets")
    publish(rig, 5)
    first = pages(rig)
    publish(rig, 200)
    assert pages(rig) <= 3 * first


def test_dead_rows_that_must_stay_do_not_stop_the_claim(rig: Rig) -> None:
    """Row 26 in short: claims leave dead rows, which an idle transaction makes Postgres keep. A claim may read more than in
    the beginning, but not each of them again for each account."""
    accounts = [rig.account() for _ in range(20)]
    for account in accounts:
        pour(rig, [account], 60)
    publish(rig, 2)
    idle = rig.actor("postgres")
    idle.begin()
    idle.run("select txid_current()")
    first = pages(rig)
    publish(rig, 40)
    last = pages(rig)
    idle.rollback()
    # each of the 3,000 dead rows for each of the 20 accounts would be fifty times as much
    assert last <= 30 * first, f"{first} pages in the beginning, {last} after 800 posts"


def pages(rig: Rig) -> int:
    """How many pages the database reads to find who is next: what a claim costs, whatever else the machine does."""
    explain = "explain (analyze, buffers, format json) select * from private.choose_heads(40, now(), 20, null, '{}')"
    (row,) = rig.admin.run(explain)
    read = row["QUERY PLAN"][0]["Plan"]
    return int(read["Shared Hit Blocks"] + read["Shared Read Blocks"])


def publish(rig: Rig, claims: int) -> None:
    """So many claims of 20; what they bring is published at once."""
    for _ in range(claims):
        claimed = rig.service.claim(20)
        assert claimed, "nothing was left to claim"
        assert set(rig.service.mark(*claimed)) == {"send"}
        results = [
            {"target_id": c["target_id"], "lease_token": c["lease_token"], "outcome": "published", "external_id": str(uuid.uuid4())}
            for c in claimed
        ]  # fmt: skip
        rig.service.rows("settle_attempt", results=results)


def _until_published(rig: Rig, accounts: list[str], count: int) -> None:
    query = "select count(*) as n from post_targets where account_id = any (%s::uuid[]) and state = 'published'"
    until(lambda: rig.admin.run(query, accounts)[0]["n"] == count, "all to be published", 60)


def _order_is_kept(rig: Rig, account: str) -> bool:
    """Whether what went out of an account went out in the order it was due."""
    rows = rig.admin.run(
        "select t.due_at, a.sending_at from post_targets t join publish_attempts a on a.target_id = t.id"
        " where t.account_id = %s and a.outcome = 'published' order by a.sending_at",
        account,
    )
    due = [row["due_at"] for row in rows]
    return due == sorted(due)

"""Claiming: who gets which target, once, in order."""

from __future__ import annotations

import threading
import uuid
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from tests.engine.actors import World


def test_a_claim_brings_all_that_publishing_needs(world: World) -> None:
    account = world.account(name="Ada 🌷")
    post = world.scheduled(account, text="Hello")
    world.media(post, {"alt_text": "A tulip"}, {})
    (claim,) = world.service.claim(name="host:1")
    assert (claim["text"], claim["platform"], claim["attempt"], claim["failures"]) == (
        "Hello",
        "linkedin",
        1,
        0,
    )
    assert (claim["post_version"], claim["target_version"]) == (3, 1)
    assert claim["account"]["account_name"] == "Ada 🌷"
    assert claim["token"]["access_token_sealed"] == "sealed"
    assert [m["alt_text"] for m in claim["media"]] == ["A tulip", None]
    row = world.target(post.target)
    assert (row["state"], row["worker"], row["lease_token"]) == (
        "preparing",
        "host:1",
        claim["lease_token"],
    )
    (attempt,) = world.attempts(post.target)
    assert (attempt["number"], attempt["phase"], attempt["finished_at"]) == (1, "preparing", None)


def test_what_is_not_due_waits_and_can_be_claimed_a_little_ahead(world: World) -> None:
    post = world.scheduled(due=3)
    assert world.service.claim() == []
    assert [c["target_id"] for c in world.service.claim(ahead=5)] == [post.target]


def test_the_oldest_come_first_and_one_for_each_account(world: World) -> None:
    one, other = world.account(), world.account()
    posts = [world.scheduled(one, due=-due) for due in (1, 3, 2)]
    late = world.scheduled(other, due=-10)
    claims = world.service.claim()
    assert [c["target_id"] for c in claims] == [late.target, posts[1].target]
    assert world.service.claim() == []  # both accounts are busy


def test_the_order_of_an_accounts_posts_is_kept(world: World) -> None:
    account = world.account()
    posts = [world.scheduled(account, due=-due) for due in (5, 1, 3, 4, 2)]
    seen = []
    for _ in posts:
        (claim,) = world.service.claim()
        assert world.service.mark(claim) == ["send"]
        world.service.settle(claim, "published", external_id=f"urn:{claim['target_id']}")
        seen.append(claim["target_id"])
    assert seen == [posts[i].target for i in (0, 3, 2, 4, 1)]


def test_no_more_than_asked_for(world: World) -> None:
    for _ in range(5):
        world.scheduled()
    assert len(world.service.claim(3)) == 3
    assert len(world.service.claim(3)) == 2


def test_a_second_session_skips_what_the_first_is_claiming(world: World) -> None:
    posts = [world.scheduled(due=-due) for due in (4, 3, 2, 1)]
    first, second = world.worker(), world.worker()
    first.begin()
    mine = first.claim(2)
    yours = second.claim(4)  # does not wait: it takes what is left
    first.commit()
    assert [c["target_id"] for c in mine + yours] == [p.target for p in posts]


def test_a_post_that_is_being_edited_is_skipped_and_claimed_later(world: World) -> None:
    post = world.scheduled()
    owner = world.person(post.user_id)
    owner.begin()
    owner.run("update public.posts set text = 'better' where id = %s", post.id)
    assert world.service.claim() == []
    owner.commit()
    (claim,) = world.service.claim()
    assert claim["text"] == "better"


def test_an_account_that_is_not_active_is_skipped(world: World) -> None:
    post = world.scheduled()
    world.admin.run(
        "update social_accounts set status = 'needs_reconnect' where user_id = %s", post.user_id
    )
    assert world.service.claim() == []
    assert world.attempts(post.target) == []


def test_too_late_is_missed_and_the_owner_is_told_each_time(world: World) -> None:
    post = world.scheduled(due=-7 * 3600)
    on_time = world.scheduled(due=-5 * 3600)
    assert [c["target_id"] for c in world.service.claim()] == [on_time.target]
    row = world.target(post.target)
    assert (row["state"], row["error_class"]) == ("missed", "missed")
    assert "could not go out in time" in row["error"]
    world.person(post.user_id).call("schedule_post", post=post.id)
    world.admin.run(
        "update post_targets set deadline_at = now() - interval '1 second' where id = %s",
        post.target,
    )
    assert world.service.claim() == []
    assert [n["kind"] for n in world.notifications(post.target)] == ["target_missed"] * 2


def test_too_late_after_something_was_sent_is_failed(world: World) -> None:
    post, claim = world.sending()
    world.service.settle(claim, "retry", after_seconds=60, error_class="throttled", error="Wait.")
    world.admin.run(
        "update post_targets set deadline_at = now() - interval '1 second' where id = %s",
        post.target,
    )
    assert world.service.call("mark_missed") == 1
    row = world.target(post.target)
    assert (row["state"], row["error_class"], row["error"]) == ("failed", "throttled", "Wait.")
    assert [n["kind"] for n in world.notifications(post.target)] == ["target_failed"]


def test_eight_workers_share_two_hundred_targets_without_a_double(world: World) -> None:
    accounts = [world.account() for _ in range(40)]
    posts = [world.scheduled(account, due=-i - 1) for i in range(5) for account in accounts]
    workers = [world.worker() for _ in range(8)]
    begin = threading.Barrier(len(workers))

    def work(number: int) -> list[str]:
        worker, got, idle = workers[number], [], 0
        begin.wait()
        while idle < 20:
            claims = worker.claim(7, name=f"w{number}")
            idle = 0 if claims else idle + 1
            for claim, verdict in zip(claims, worker.mark(*claims) if claims else [], strict=True):
                assert verdict == "send"
                assert (
                    worker.settle(claim, "published", external_id=f"urn:{claim['target_id']}")
                    == "settled"
                )
                got.append(claim["target_id"])
        return got

    with ThreadPoolExecutor(len(workers)) as pool:
        done = Counter(target for got in pool.map(work, range(len(workers))) for target in got)
    assert done == Counter({post.target: 1 for post in posts})
    assert {row["attempts"] for row in map(world.target, done)} == {1}


def test_an_odd_row_of_attempts_stops_nobody(world: World) -> None:
    odd, other = world.scheduled(due=-2), world.scheduled(due=-1)
    world.admin.run(
        "insert into publish_attempts (user_id, target_id, number, lease_token, worker) values (%s, %s, 1, -%s, 'nobody')",
        odd.user_id, odd.target, uuid.uuid4().int % 2**31,
    )  # fmt: skip
    claims = {claim["target_id"]: claim for claim in world.service.claim()}
    assert {odd.target, other.target} <= set(claims)
    assert claims[odd.target]["attempt"] == 2


def test_an_account_without_permission_costs_the_claim_nothing_until_it_is_back(
    world: World,
) -> None:
    account = world.account()
    post = world.scheduled(account, due=-1)
    world.service.call("lose_account", account=account, reason="Withdrawn.")
    assert world.service.claim() == []
    line = "select next_at from private.lines where account_id = %s"
    assert world.admin.run(line, account) == [{"next_at": None}]
    world.reconnect(account)
    assert [claim["target_id"] for claim in world.service.claim()] == [post.target]


def test_what_was_not_parked_yet_when_its_account_came_back_is_claimed(world: World) -> None:
    account = world.account()
    post = world.scheduled(account, due=-1)
    world.admin.run("update social_accounts set status = 'needs_reconnect' where id = %s", account)
    assert world.service.claim() == []
    world.admin.run("update social_accounts set status = 'active' where id = %s", account)
    assert [claim["target_id"] for claim in world.service.claim()] == [post.target]

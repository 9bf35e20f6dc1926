"""What Lin promises, one to five: each test shows the essential of one promise, with real workers.

Everything in depth: 1 and 2 tests/faults/test_every_step.py, test_random_kills.py, test_reading_back.py and
tests/engine/test_random_orders.py; 3 tests/engine/test_claiming.py; 4 tests/faults/test_platform_answers.py, test_poison.py
and tests/unit/core/test_retries.py; 5 tests/faults/test_refreshing.py and tests/engine/test_token_refresh.py.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.engine.actors import Post, Refused
from tests.faults.rig import UPLOAD, Rig
from tests.faults.test_reading_back import look_now, readable_account
from tests.faults.test_refreshing import Partner
from tests.waiting import until

DROPPED = {"drop": True, "accept": True}


def kinds(rig: Rig, post: Post) -> list[str]:
    return [told["kind"] for told in rig.notifications(post.target)]


def soon(seconds: float) -> datetime:
    return datetime.now(UTC) + timedelta(seconds=seconds)


# ---------------------------------------------------------------- 1: what nobody knows is never sent again


def test_1_what_may_be_live_is_never_sent_again_until_its_owner_says_so(rig: Rig) -> None:
    post = rig.due()
    rig.order(post, DROPPED)
    rig.worker_process()
    rig.wait_for([post], "unconfirmed")
    owner = rig.person(post.user_id)
    for function, key in (("schedule_post", "post"), ("retry_target", "target"), ("cancel_target", "target")):  # fmt: skip
        with pytest.raises(Refused):
            owner.call(function, **{key: post.id if key == "post" else post.target})
    later = rig.due(str(rig.target(post.target)["account_id"]))
    rig.wait_for([later], "published")  # the account goes on, this post does not
    assert len(rig.received(post)) == 1
    settled = owner.call("settle_target", target=post.target, answer="it_is_live")
    assert (settled["state"], settled["external_id_unknown"]) == ("published", True)
    assert len(rig.creates(post)) == 2, "one for each of the two posts"
    rig.assert_invariants(post, later)


def test_1_what_may_be_live_is_looked_for_where_the_platform_shows_it(rig: Rig) -> None:
    post = rig.due(readable_account(rig))
    rig.order(post, DROPPED)
    rig.worker_process()
    rig.wait_for([post], "unconfirmed")
    look_now(rig, post)
    rig.wait_for([post], "published")
    assert [rig.target(post.target)["external_id"]] == [one["urn"] for one in rig.received(post)]
    assert kinds(rig, post) == ["target_published"], "nobody had to be asked"


def test_1_a_duplicate_refused_later_proves_that_the_first_one_is_live(rig: Rig) -> None:
    post = rig.due()
    rig.order(post, DROPPED)
    rig.worker_process()
    rig.wait_for([post], "unconfirmed")
    rig.person(post.user_id).call("settle_target", target=post.target, answer="send_again")
    rig.wait_for([post], "published")
    assert [rig.target(post.target)["external_id"]] == [one["urn"] for one in rig.received(post)]


# ---------------------------------------------------------------- 2: crashes


def test_2_a_crash_leaves_nothing_stuck_and_nothing_doubled(rig: Rig) -> None:
    uploading, sending = rig.due(images=1), rig.due()
    rig.order(uploading, {"hold": True}, UPLOAD)
    rig.order(sending, {"hold": True})
    worker = rig.worker_process()
    rig.held(uploading)
    rig.held(sending)
    rig.kill(worker)
    rig.release(uploading, sending)
    rig.worker_process()
    rig.wait_for([uploading], "published")
    rig.wait_for([sending], "unconfirmed")
    assert len(rig.received(uploading)) == len(rig.received(sending)) == 1
    rig.assert_invariants(uploading, sending)


def test_2_a_worker_that_lost_its_lease_can_write_nothing_more(rig: Rig) -> None:
    post, old = rig.claimed(rig.scheduled())
    rig.expire(old)
    rig.service.call("recover_leases")
    _, new = rig.claimed(post)
    assert new["lease_token"] > old["lease_token"]
    assert rig.service.mark(old) == ["lost"]
    assert rig.service.settle(old, "failed") == "kept"
    assert rig.target(post.target)["state"] == "preparing"


# ---------------------------------------------------------------- 3: lateness


def test_3_a_late_post_goes_out_within_its_time_and_is_missed_and_told_beyond_it(rig: Rig) -> None:
    late, too_late = rig.due(due=-5 * 3600), rig.due(due=-6 * 3600 - 60)
    rig.worker_process()
    rig.wait_for([late], "published")
    rig.wait_for([too_late], "missed")
    assert rig.creates(too_late) == []
    assert kinds(rig, too_late) == ["target_missed"]
    rig.assert_invariants(late, too_late)


# ---------------------------------------------------------------- 4: retries


def test_4_only_what_was_not_executed_is_tried_again_when_the_platform_said_and_it_is_seen(
    rig: Rig,
) -> None:
    throttled, broken = rig.due(), rig.due()
    rig.order(throttled, {"status": 429, "retry_after": 100})
    rig.order(broken, {"status": 500})
    rig.worker_process()
    until(lambda: rig.target(throttled.target)["failures"], "the refusal to be stored")
    rig.wait_for([broken], "unconfirmed")
    row = rig.target(throttled.target)
    assert row["state"] == "scheduled"
    assert soon(60) < row["next_attempt_at"] < soon(130)
    (attempt,) = rig.attempts(throttled.target)
    assert (attempt["outcome"], attempt["http_status"], attempt["number"]) == ("retry", 429, 1)
    assert row["error_class"] is not None
    rig.admin.run("update post_targets set next_attempt_at = now() where id = %s", throttled.target)
    rig.wait_for([throttled], "published")
    assert len(rig.creates(broken)) == 1
    rig.assert_invariants(throttled, broken)


def test_4_tries_are_counted_and_the_sixth_is_the_last(rig: Rig) -> None:
    post = rig.scheduled()
    for _ in range(6):
        rig.admin.run("update post_targets set next_attempt_at = now() where id = %s", post.target)
        _, claim = rig.sending(post)
        rig.service.settle(claim, "retry", error_class="not_sent", error="Nobody is there.")
    assert rig.target(post.target)["state"] == "failed"
    assert [attempt["number"] for attempt in rig.attempts(post.target)] == [1, 2, 3, 4, 5, 6]
    assert kinds(rig, post) == ["target_failed"]


def test_4_a_post_that_takes_three_workers_along_is_set_aside(rig: Rig) -> None:
    post = rig.scheduled()
    for _ in range(3):
        _, claim = rig.claimed(post)
        rig.expire(claim)
        rig.service.call("recover_leases")
    assert rig.target(post.target)["state"] == "quarantined"
    other = rig.due(str(rig.target(post.target)["account_id"]))
    rig.worker_process()
    rig.wait_for([other], "published")
    assert rig.creates(post) == rig.creates(other), "only the other one was sent"
    assert kinds(rig, post) == ["target_quarantined"]


# ---------------------------------------------------------------- 5: permissions


def test_5_a_hiccup_while_refreshing_costs_neither_connection_nor_post(
    rig: Rig, partner: Partner
) -> None:
    account, refresh_token = partner.account()
    partner.order(account, {"status": 500}, times=100)
    post = rig.due(account)
    partner.work()
    rig.wait_for([post], "published")
    assert partner.status(account) == "active"
    assert partner.stored(account)["refresh"] == refresh_token


def test_5_two_workers_refresh_once_and_store_before_they_use(rig: Rig, partner: Partner) -> None:
    account, refresh_token = partner.account()
    partner.order(account, {"slow": 0.3})
    posts = [rig.due(account) for _ in range(3)]
    partner.work(2)
    rig.wait_for(posts, "published")
    assert partner.refreshes(account) == 1
    stored = partner.stored(account)
    assert (stored["version"], stored["refresh"]) == (2, refresh_token)


def test_5_a_permission_that_cannot_be_renewed_warns_in_time_and_nothing_is_scheduled_past_its_end(
    rig: Rig,
) -> None:
    day = 86_400
    account = rig.account(ends=9.9 * day)  # day 50 of 60
    rig.worker_process()
    query = "select kind from notifications where payload ->> 'account_id' = %s"
    until(lambda: rig.admin.run(query, account), "the owner to be warned")
    assert [row["kind"] for row in rig.admin.run(query, account)] == ["token_ends_soon"]
    post = rig.draft(account)
    with pytest.raises(Refused, match="permission of LinkedIn account Ada ends on") as refused:
        rig.person(post.user_id).call("schedule_post", post=post.id, at=soon(10 * day))
    assert refused.value.status == 422

"""Events on their way to a receiver that checks them: posted, retried, paused, given up."""

from __future__ import annotations

import base64
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from standardwebhooks import WebhookVerificationError

from backend.core.delivering import LEASE_SECONDS
from tests.engine.actors import Refused, Running
from tests.waiting import until
from tests.webhooks.conftest import Desk

ROOT = Path(__file__).resolve().parents[2]
DAY = 24 * 3600
STEPS = (5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400)


# ------------------------------------------------------------------------------------------------ what is posted


def test_what_a_user_is_told_is_posted_to_their_webhook_signed(desk: Desk) -> None:
    receiver, hook = desk.subscribed()
    told = desk.tell("target_published", post_id="post-7")
    assert desk.run() == 1
    event = receiver.event()
    assert (event["type"], event["data"]) == ("target_published", {"post_id": "post-7"})
    assert event["timestamp"].endswith("Z")
    assert receiver.ids == [told]
    assert receiver.site.requests[0][0] == "POST /hook"
    assert receiver.headers(0)["content-type"] == "application/json"
    assert receiver.headers(0)["user-agent"].startswith("Lin/")
    (delivery,) = desk.deliveries()
    assert (delivery["state"], delivery["attempts"], delivery["response_status"]) == ("delivered", 1, 204)  # fmt: skip
    assert desk.row(hook)["last_delivered_at"] is not None
    assert desk.run() == 0


def test_a_byte_that_changes_on_the_way_is_noticed_by_the_receiver(desk: Desk) -> None:
    receiver, _ = desk.subscribed()
    desk.tell(post_id="post-7")
    desk.run()
    line, headers, body = receiver.site.requests[0]
    receiver.site.requests.append((line, headers, body.replace(b"post-7", b"post-8")))
    receiver.event(0)
    with pytest.raises(WebhookVerificationError):
        receiver.event(1)


def test_without_a_webhook_nothing_is_lined_up(desk: Desk) -> None:
    other = desk.world.user()
    desk.subscribed(other)
    desk.tell()
    assert desk.deliveries() == []
    assert desk.deliveries(other) == []


def test_only_the_kinds_that_were_asked_for_are_posted(desk: Desk) -> None:
    receiver, _ = desk.subscribed(kinds=["target_failed", "draft_ready"])
    everything, _ = desk.subscribed()
    for kind in ("target_published", "target_failed", "anything_new"):
        desk.tell(kind)
    desk.run()
    assert [receiver.event(n)["type"] for n in range(len(receiver.ids))] == ["target_failed"]
    assert len(everything.ids) == 3


def test_an_event_carries_one_id_to_all_webhooks_of_its_owner(desk: Desk) -> None:
    (first, _), (second, _) = desk.subscribed(), desk.subscribed()
    told = desk.tell()
    desk.run()
    assert first.ids == second.ids == [told]


def test_a_new_secret_signs_beside_the_old_one_until_that_ends(desk: Desk) -> None:
    receiver, hook = desk.subscribed()
    fresh = desk.subscriber().renew_secret(desk.user, hook.id, 3600)
    desk.tell()
    desk.run()
    assert receiver.event(secret=hook.secret) == receiver.event(secret=fresh.secret)
    desk.let_pass(3601)
    desk.tell()
    desk.run()
    receiver.event(secret=fresh.secret)
    with pytest.raises(WebhookVerificationError):
        receiver.event(secret=hook.secret)


def test_a_secret_in_the_wrong_hands_ends_at_once(desk: Desk) -> None:
    receiver, hook = desk.subscribed()
    fresh = desk.subscriber().renew_secret(desk.user, hook.id, 0)
    desk.tell()
    desk.run()
    receiver.event(secret=fresh.secret)
    with pytest.raises(WebhookVerificationError):
        receiver.event(secret=hook.secret)


def test_secrets_that_pile_up_are_refused(desk: Desk) -> None:
    _, hook = desk.subscribed()
    for _ in range(3):
        desk.subscriber().renew_secret(desk.user, hook.id, 3600)
    with pytest.raises(Refused) as refused:
        desk.subscriber().renew_secret(desk.user, hook.id, 3600)
    assert refused.value.status == 409
    desk.subscriber().renew_secret(desk.user, hook.id, 0)


def test_a_sixth_webhook_is_refused(desk: Desk) -> None:
    for n in range(5):
        desk.hook(f"https://hooks.example/{n}")
    with pytest.raises(Refused) as refused:
        desk.hook("https://hooks.example/6")
    assert refused.value.status == 409
    desk.hook("https://hooks.example/6", desk.world.user())


# ------------------------------------------------------------------------------------------------ trying again


def test_what_fails_is_posted_again_with_one_id_at_the_times_receivers_know(desk: Desk) -> None:
    receiver, hook = desk.subscribed()
    receiver.answer(500)
    told = desk.tell()
    for step in STEPS:
        assert desk.run() == 1
        (delivery,) = desk.deliveries()
        assert delivery["state"] == "waiting"
        # up to a tenth more, less what has passed since
        assert step - 30 < delivery["wait"] < step * 1.1 + 1
        desk.let_pass(step * 1.1 + 1)
        # that nothing got through for long is another test's
        desk.world.admin.run("update webhooks set failing_since = now()")
    assert desk.run() == 1
    (delivery,) = desk.deliveries()
    assert (delivery["state"], delivery["attempts"]) == ("failed", 10)
    assert delivery["error"] == "The receiver answered with status 500 instead of 2xx."
    assert receiver.ids == [told] * 10
    bodies = {body for _, _, body in receiver.site.requests}
    assert len(bodies) == 1
    assert desk.row(hook)["enabled"]


def test_what_gets_through_later_is_delivered_and_clears_the_record(desk: Desk) -> None:
    receiver, hook = desk.subscribed()
    receiver.answer(503)
    desk.tell()
    desk.run()
    assert desk.row(hook)["failing_since"] is not None
    receiver.answer(200)
    desk.let_pass(10)
    desk.run()
    assert [delivery["state"] for delivery in desk.deliveries()] == ["delivered"]
    assert desk.row(hook)["failing_since"] is None


def test_a_receiver_that_asks_for_a_pause_gets_it_for_all_events(desk: Desk) -> None:
    receiver, _ = desk.subscribed()
    receiver.answer(429, Retry_After="900")
    desk.tell()
    desk.tell()
    assert desk.run() == 1
    desk.tell()
    waits = [delivery["wait"] for delivery in desk.deliveries()]
    assert all(880 < wait < 1000 for wait in waits), waits
    receiver.answer(204)
    assert desk.run() == 0
    desk.let_pass(1000)
    assert desk.run() == 3


@pytest.mark.parametrize("status", [301, 304, 400, 404, 500])
def test_nothing_but_2xx_counts_as_delivered(desk: Desk, status: int) -> None:
    receiver, _ = desk.subscribed()
    receiver.answer(status)
    desk.tell()
    desk.run()
    (delivery,) = desk.deliveries()
    assert (delivery["state"], delivery["response_status"]) == ("waiting", status)


def test_a_receiver_that_is_not_there_is_tried_again(desk: Desk) -> None:
    desk.origins.append("http://127.0.0.1:1")
    desk.hook("http://127.0.0.1:1/hook")
    desk.tell()
    desk.run()
    (delivery,) = desk.deliveries()
    assert delivery["state"] == "waiting"
    assert delivery["error"] == "127.0.0.1 could not be reached: it refused the connection."


# ------------------------------------------------------------------------------------------------ switched off


def test_a_receiver_that_is_gone_is_not_asked_again_and_its_owner_is_told(desk: Desk) -> None:
    receiver, hook = desk.subscribed()
    other, _ = desk.subscribed()
    receiver.answer(410)
    desk.tell()
    desk.tell()
    desk.run()
    row = desk.row(hook)
    assert (row["enabled"], row["disabled_reason"]) == (False, "gone")
    mine = [d["state"] for d in desk.deliveries() if str(d["webhook_id"]) == hook.id]
    assert sorted(mine) == ["canceled", "failed"]
    assert len(receiver.ids) == 1
    (told,) = desk.told()
    assert told["payload"]["webhook_id"] == hook.id
    assert str(told["id"]) in other.ids
    desk.tell()
    desk.run()
    assert len(receiver.ids) == 1


def test_a_webhook_that_failed_for_five_days_is_switched_off_and_its_owner_told_once(
    desk: Desk,
) -> None:
    receiver, hook = desk.subscribed()
    receiver.answer(500)
    desk.tell()
    desk.run()
    desk.let_pass(5 * DAY)
    desk.tell()
    desk.run()
    assert desk.row(hook)["enabled"], "one that is asked seldom is not given up for a single try"
    desk.let_pass(400)
    desk.run()
    row = desk.row(hook)
    assert (row["enabled"], row["disabled_reason"]) == (False, "failing")
    (told,) = desk.told()
    assert "5 days" in told["payload"]["reason"]
    assert {delivery["state"] for delivery in desk.deliveries()} == {"failed", "canceled"}


def test_its_owner_switches_a_webhook_off_and_on_and_has_delivered_what_it_missed(
    desk: Desk,
) -> None:
    receiver, hook = desk.subscribed()
    me = desk.world.person(desk.user)
    told = desk.tell()
    me.run("update webhooks set enabled = false where id = %s", hook.id)
    assert desk.row(hook)["disabled_reason"] == "owner"
    assert desk.run() == 0
    (delivery,) = desk.deliveries()
    assert delivery["state"] == "canceled"
    with pytest.raises(Refused) as refused:
        me.call("redeliver_webhook", delivery=delivery["id"])
    assert refused.value.status == 409
    me.run("update webhooks set enabled = true where id = %s", hook.id)
    me.call("redeliver_webhook", delivery=delivery["id"])
    with pytest.raises(Refused):
        me.call("redeliver_webhook", delivery=delivery["id"])
    assert desk.run() == 1
    me.call("redeliver_webhook", delivery=delivery["id"])
    assert desk.run() == 1
    assert receiver.ids == [told, told]


def test_a_test_is_tried_once_also_where_the_webhook_is_off(desk: Desk) -> None:
    receiver, hook = desk.subscribed()
    me = desk.world.person(desk.user)
    me.run("update webhooks set enabled = false where id = %s", hook.id)
    delivery_id = str(me.call("test_webhook", hook=hook.id))
    desk.run()
    assert receiver.ids == [delivery_id]
    assert receiver.event()["type"] == "webhook_test"
    receiver.answer(500)
    me.call("test_webhook", hook=hook.id)
    desk.run()
    assert [delivery["state"] for delivery in desk.deliveries()] == ["delivered", "failed"]
    assert desk.row(hook)["failing_since"] is None


def test_tests_without_end_are_refused(desk: Desk) -> None:
    _, hook = desk.subscribed()
    me = desk.world.person(desk.user)
    for _ in range(20):
        me.call("test_webhook", hook=hook.id)
    with pytest.raises(Refused) as refused:
        me.call("test_webhook", hook=hook.id)
    assert refused.value.status == 429


# ------------------------------------------------------------------------------------------------ whatever dies, or stands in the way


def test_a_worker_killed_in_mid_delivery_costs_its_lease_and_the_receiver_sees_the_same_id(
    desk: Desk, database_url: str
) -> None:
    receiver, _ = desk.subscribed()
    free = receiver.hold()
    told = desk.tell()
    worker = subprocess.Popen(
        [sys.executable, "-m", "tests.webhooks.one_worker", database_url, base64.b64encode(desk.key).decode(), receiver.site.url],
        cwd=ROOT, env={"PYTHONPATH": f"{ROOT}:{ROOT / 'scripts'}"},
    )  # fmt: skip
    try:
        until(lambda: receiver.site.requests, "the worker to post the event")
    finally:
        worker.kill()
        worker.wait()
        free.set()
    receiver.answer(204)
    assert desk.run() == 0
    assert [delivery["state"] for delivery in desk.deliveries()] == ["sending"]
    desk.let_pass(LEASE_SECONDS)
    assert desk.run() == 1
    assert receiver.ids == [told, told]
    assert receiver.event(0) == receiver.event(1)
    (delivery,) = desk.deliveries()
    assert (delivery["state"], delivery["attempts"]) == ("delivered", 2)


def test_a_worker_that_is_stopped_finishes_what_it_is_posting(desk: Desk) -> None:
    receiver, _ = desk.subscribed()
    free = receiver.hold()
    desk.tell()
    desk.tell()
    worker = desk.worker()
    working = threading.Thread(target=worker.run)
    working.start()
    try:
        until(lambda: receiver.ids, "the worker to post the event")
        worker.stopping.set()
        assert not worker.finish(0.01)
    finally:
        free.set()
        ended = worker.finish(60)
        working.join(60)
    assert ended
    assert [delivery["state"] for delivery in desk.deliveries()] == ["delivered", "waiting"]


def test_a_worker_that_was_taken_for_dead_changes_nothing_any_more(desk: Desk) -> None:
    _, hook = desk.subscribed()
    desk.tell()
    slow = desk.worker().store
    (late,) = slow.claim_deliveries(8, 4, 60)
    desk.let_pass(61)
    assert desk.run() == 1
    assert slow.settle_delivery(late, {"error": "late", "status": 410, "seconds": 1}) == "lost"
    assert desk.row(hook)["enabled"]
    assert [delivery["state"] for delivery in desk.deliveries()] == ["delivered"]


def test_an_event_that_kills_every_worker_is_given_up(desk: Desk) -> None:
    desk.subscribed()
    desk.tell()
    store = desk.worker().store
    for _ in range(10):
        assert len(store.claim_deliveries(8, 4, 60)) == 1
        desk.let_pass(61)
    assert store.claim_deliveries(8, 4, 60) == []
    assert [delivery["state"] for delivery in desk.deliveries()] == ["failed"]


def test_slow_receivers_do_not_hold_up_a_fast_one(desk: Desk) -> None:
    held = []
    for _ in range(10):
        owner = desk.world.user()
        receiver, _ = desk.subscribed(owner)
        held.append((receiver, receiver.hold()))
        desk.tell(user=owner)
    desk.world.admin.run("update webhooks set last_seconds = 14")
    fast, _ = desk.subscribed()
    for _ in range(3):
        desk.tell()
    working = threading.Thread(target=desk.run)
    working.start()
    try:
        until(lambda: len(fast.ids) == 3, "the fast receiver to have all of its events")
        assert sum(len(receiver.ids) for receiver, _ in held) == 4
    finally:
        for _, free in held:
            free.set()
        working.join(60)
    assert [len(receiver.ids) for receiver, _ in held] == [1] * 10


def test_nobody_has_more_than_two_receivers_served_at_once_or_one_twice(desk: Desk) -> None:
    other = desk.world.user()
    desk.subscribed(other)
    desk.tell(user=other)
    for _ in range(4):
        desk.subscribed()
    for _ in range(5):
        desk.tell()
    store, another = desk.worker().store, desk.worker().store
    claimed = [*store.claim_deliveries(8, 4, 60), *another.claim_deliveries(8, 4, 60)]
    hooks = [delivery.webhook_id for delivery in claimed]
    assert len(set(hooks)) == len(hooks) == 3


def test_who_publishes_neither_waits_for_a_webhook_that_is_being_deleted_nor_fails(
    desk: Desk,
) -> None:
    _, hook = desk.subscribed()
    owner = desk.world.person(desk.user)
    owner.begin()
    owner.run("delete from webhooks where id = %s", hook.id)
    desk.tell()
    owner.commit()
    assert desk.deliveries() == []


def test_a_webhook_is_deleted_with_what_was_lined_up_meanwhile(desk: Desk) -> None:
    _, hook = desk.subscribed()
    owner, publisher = desk.world.person(desk.user), desk.world.service
    publisher.begin()
    desk.tell()
    deleting = Running(
        desk.world.admin, owner, lambda: owner.run("delete from webhooks where id = %s", hook.id)
    )
    deleting.wait_until_blocked()
    publisher.commit()
    deleting.result()
    assert desk.deliveries() == []


def test_the_log_is_kept_for_thirty_days(desk: Desk) -> None:
    receiver, _ = desk.subscribed()
    desk.tell()
    desk.run()
    desk.let_pass(31 * DAY)
    receiver.answer(500)
    desk.tell()
    desk.run()
    desk.world.service.call("purge_expired")
    assert [delivery["state"] for delivery in desk.deliveries()] == ["waiting"]


def test_the_watch_knows_when_the_next_event_is_due(desk: Desk) -> None:
    desk.world.admin.run("delete from webhook_deliveries")
    assert desk.world.service.call("next_work")["webhooks"] is None
    receiver, _ = desk.subscribed()
    receiver.answer(500)
    desk.tell()
    assert desk.world.service.call("next_work")["webhooks"] <= 0
    desk.run()
    assert 0 < desk.world.service.call("next_work")["webhooks"] < 6

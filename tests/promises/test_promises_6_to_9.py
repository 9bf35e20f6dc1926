"""What Lin promises, six to nine: each test shows the essential of one promise, with real workers.

Everything in depth: 6 tests/api/test_health.py, test_metrics.py and tests/faults/test_database_faults.py; 7 tests/slots and
tests/api/test_publishing.py; 8 tests/engine/test_state_machine.py, test_post_status.py and test_interleavings.py; 9
tests/faults/test_crowds.py, test_several_platforms.py and tests/engine/test_claiming.py.
"""

from __future__ import annotations

import secrets
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import psycopg
import pytest
import requests
from flask.testing import FlaskClient

from local.stack import Stack
from tests.engine.actors import Refused
from tests.faults.rig import UPLOAD, Rig
from tests.people import Person
from tests.waiting import until


def ready(web: FlaskClient) -> tuple[int, dict[str, str]]:
    answer = web.get("/health/ready")
    return answer.status_code, answer.get_json()


# ---------------------------------------------------------------- 6: accepted means durable, green means alive


def test_6_what_was_accepted_outlives_a_crash_of_the_database(rig: Rig) -> None:
    post = rig.draft(rig.account())
    owner = rig.person(post.user_id)
    owner.run("set synchronous_commit = on")  # as it is everywhere but in the local stack
    accepted = owner.call("schedule_post", post=post.id)
    rig.first_due[post.target] = accepted["scheduled_at"]
    rig.stack.stop_postgres(immediate=True)
    rig.stack.start_postgres()
    rig.revive()
    rig.worker_process()
    rig.wait_for([post], "published")
    assert len(rig.received(post)) == 1
    rig.assert_invariants(post)


def test_6_ready_ends_within_a_minute_of_the_last_worker(rig: Rig, web: FlaskClient) -> None:
    worker = rig.worker_process()
    until(lambda: ready(web)[0] == 200, "a worker to be heard of", 120)
    rig.kill(worker)
    rig.admin.run("update worker_heartbeats set seen_at = seen_at - interval '55 seconds'")
    status, body = ready(web)
    assert status == 503
    assert body["worker"].startswith("no worker has been heard of")


def test_6_ready_ends_when_posts_wait_too_long_and_the_wait_is_a_metric(
    rig: Rig, web: FlaskClient
) -> None:
    rig.scheduled(due=-400)
    rig.service.call("heartbeat", name="here")
    status, body = ready(web)
    assert (status, body["worker"]) == (503, "")
    assert body["queue"].startswith("the oldest due post waits for 4")
    lines = web.get("/metrics").get_data(as_text=True).splitlines()
    told = dict(line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
    assert 400 <= float(told["lin_queue_oldest_due_seconds"]) < 500
    assert float(told["lin_queue_due_targets"]) >= 1


# ---------------------------------------------------------------- 7: slots and keys


@pytest.mark.parametrize(
    ("day", "wall", "instant"),
    [
        ("2027-03-27", "02:30", "2027-03-27T01:30"),
        ("2027-03-28", "02:30", "2027-03-28T01:00"),  # there is no 02:30: the first minute after the gap
        ("2027-10-31", "02:30", "2027-10-31T00:30"),  # there are two: the first
        ("2027-11-01", "02:30", "2027-11-01T01:30"),
    ],
)  # fmt: skip
def test_7_a_slot_keeps_its_time_of_day_when_the_clocks_change(
    rig: Rig, day: str, wall: str, instant: str
) -> None:
    query = "select private.instant_of(%s, %s, 'Europe/Paris') as at"
    moment = rig.admin.run(query, day, wall)[0]["at"]
    assert moment == datetime.fromisoformat(instant).replace(tzinfo=UTC)


def test_7_a_slot_is_never_given_twice(rig: Rig) -> None:
    account = rig.account(ends=60 * 86_400)
    user = rig.owner(account)
    rig.person(user).run(
        "insert into slots (account_id, weekday, schedule_time) select %s, day, wall"
        " from generate_series(1, 7) day, unnest('{09:00,18:00}'::time[]) wall",
        account,
    )
    posts = [rig.draft(account) for _ in range(20)]
    people = [rig.person(user) for _ in posts]
    with ThreadPoolExecutor(len(posts)) as pool:
        list(pool.map(lambda one, post: one.call("next_free_slot", account=account, post=post.id), people, posts))  # fmt: skip
    moments = [rig.target(post.target)["due_at"] for post in posts]
    assert None not in moments
    assert len(set(moments)) == len(posts)


def test_7_creating_twice_with_one_key_creates_once_and_another_body_is_refused(
    stack: Stack, alice: Person
) -> None:
    with psycopg.connect(stack.info["database_url"], autocommit=True) as database:
        (account,) = database.execute(
            "insert into social_accounts (user_id, platform_id, external_id, account_name) values (%s, 'linkedin', %s, 'Alice') returning id",
            [alice.id, secrets.token_hex(8)],
        ).fetchone() or ("",)  # fmt: skip
    body = {"account_id": str(account), "when": "Monday 18:00", "enabled": False}

    def create(**changed: Any) -> requests.Response:
        return requests.post(
            f"{stack.info['api_url']}/api/slots", json=body | changed, timeout=30,
            headers={"Authorization": f"Bearer {alice.token}", "Idempotency-Key": "the-same"},
        )  # fmt: skip

    first, again, other = create(), create(), create(when="Tuesday 18:00")
    assert [first.status_code, again.status_code, other.status_code] == [201, 201, 409]
    assert first.json()["id"] == again.json()["id"]


# ---------------------------------------------------------------- 8: a status never lies


def test_8_a_state_that_was_not_reached_cannot_be_written_by_anybody(rig: Rig) -> None:
    post = rig.scheduled()
    lie = "update post_targets set state = 'published', published_at = now(), external_id = 'urn:1' where id = %s"
    for actor in (rig.service, rig.admin):
        with pytest.raises(psycopg.errors.CheckViolation, match="cannot go from scheduled to published"):  # fmt: skip
            actor.run(lie, post.target)
    _, claim = rig.sending(post)
    with pytest.raises(psycopg.errors.CheckViolation, match="published_names_its_id"):
        rig.service.run(lie.replace("'urn:1'", "null"), post.target)
    assert rig.post(post)["status"] == "publishing", "the post's status follows its targets"
    rig.service.settle(claim, "published", external_id="urn:1")
    assert rig.post(post)["status"] == "published"


def test_8_edit_and_cancel_win_before_the_send_mark_and_are_refused_after_it(rig: Rig) -> None:
    canceled, edited, sending = rig.due(images=1), rig.due(images=1), rig.due()
    for post in (canceled, edited):
        rig.order(post, {"hold": True}, UPLOAD)
    rig.order(sending, {"hold": True})
    rig.worker_process()
    for post in (canceled, edited, sending):
        rig.held(post)
    change = "update posts set text = 'As it was meant' where id = %s"
    rig.person(canceled.user_id).call("cancel_target", target=canceled.target)
    rig.person(edited.user_id).run(change, edited.id)
    late = rig.person(sending.user_id)
    with pytest.raises(Refused, match="too late to cancel"):
        late.call("cancel_target", target=sending.target)
    with pytest.raises(psycopg.Error, match="too late to change"):
        late.run(change, sending.id)
    rig.release(canceled, edited, sending)
    rig.wait_for([edited, sending], "published")
    assert rig.target(canceled.target)["state"] == "canceled"
    assert rig.creates(canceled) == []
    assert [one["commentary"] for one in rig.received(edited)] == ["As it was meant"]
    rig.assert_invariants(canceled, edited, sending)


# ---------------------------------------------------------------- 9: any number of workers


def test_9_three_workers_keep_each_accounts_order_and_are_never_two_at_one(rig: Rig) -> None:
    accounts = [rig.account() for _ in range(4)]
    posts = {account: [rig.due(account, due=n / 100 - 2) for n in range(4)] for account in accounts}
    everything = [post for line in posts.values() for post in line]
    for _ in range(3):
        rig.worker_process()
    rig.wait_for(everything, "published")
    for line in posts.values():
        received = [
            one["commentary"] for one in reversed(rig.sandbox.posts(rig.member_of(line[0])))
        ]
        assert received == [rig.post(post)["text"] for post in line]
        spans = sorted((a["sending_at"], a["finished_at"]) for p in line for a in rig.attempts(p.target))  # fmt: skip
        assert all(before[1] <= after[0] for before, after in pairwise(spans))


def test_9_one_account_at_its_quota_does_not_delay_the_others(rig: Rig) -> None:
    keen = rig.account()
    many, others = [rig.due(keen, due=-5) for _ in range(5)], [rig.due() for _ in range(5)]
    rig.order(many[0], {"status": 429, "retry_after": 600})
    rig.worker_process()
    rig.wait_for(others, "published")
    rig.wait_for(many, "scheduled")
    assert len(rig.creates(many[0])) == 1, "told once, the whole account waits"
    rig.assert_invariants(*others)


def test_9_a_clock_in_every_process_is_harmless(rig: Rig) -> None:
    """All jobs run in all workers at once: each thing still happens once."""
    late, due = rig.due(due=-7 * 3600), rig.due()
    workers = [rig.worker_process() for _ in range(2)]
    rig.wait_for([late], "missed")
    rig.wait_for([due], "published")
    assert len(rig.received(due)) == len(rig.notifications(late.target)) == 1
    # one that is told to stop before it has started ends as any process does
    until(lambda: {w.pid for w in workers} <= _living(rig), "both workers to have started", 60)
    assert [rig.end(worker) for worker in workers] == [0, 0]
    rig.assert_invariants(late, due)


def _living(rig: Rig) -> set[int]:
    """The processes of the workers that have said that they live."""
    rows = rig.admin.run("select worker from worker_heartbeats")
    return {
        int(str(row["worker"]).rpartition(":")[2])
        for row in rows
        if str(row["worker"]).rpartition(":")[2].isdigit()
    }

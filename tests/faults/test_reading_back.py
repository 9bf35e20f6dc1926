"""Real workers look at the platform for what may be live, before anybody is asked."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Any

import pytest

from local.sandbox.driver import Sandbox
from tests.engine.actors import Post
from tests.faults.rig import SCOPES, Rig
from tests.waiting import until

READABLE = [*SCOPES, "r_member_social"]
# an app that LinkedIn gave the closed permission
VETTED = "vetted"
READ = {"host": "api.linkedin.com", "method": "GET", "path": "/rest/posts"}


def readable_account(rig: Rig) -> str:
    """A member whose token may read own posts."""
    rig.sandbox.tell(
        "apps", client_id=VETTED, client_secret="secret", redirect_uris=[], scopes=READABLE
    )
    account = str(uuid.uuid4())
    rig.members[account] = rig.sandbox.caller(client_id=VETTED, scopes=READABLE)
    rig._store(account, rig.user(), rig.members[account], scopes=READABLE)
    return account


def look_now(rig: Rig, post: Post) -> None:
    """Let the time of the next look come."""
    changed = rig.admin.changed(
        "update post_targets set look_at = clock_timestamp() where id = %s and look_at is not null",
        post.target,
    )
    assert changed == 1


def wait_until_found(rig: Rig, post: Post) -> None:
    """Wait for the looks that it takes, and not for their time: on a busy machine the platform may be too late for the first."""

    def found() -> bool:
        # while a look is under way the next one is two minutes away
        rig.admin.run(
            "update post_targets set look_at = clock_timestamp() where id = %s"
            " and look_at between clock_timestamp() and clock_timestamp() + interval '65 seconds'",
            post.target,
        )
        return bool(rig.target(post.target)["state"] == "published")

    until(found, "the post to be found", 120)


def first_look_is_over(rig: Rig, post: Post) -> bool:
    """Whether the next look is a minute away: while one is under way it is put off by two."""
    row = rig.target(post.target)
    wait = (row["look_at"] - datetime.now(UTC)).total_seconds()
    return row["looks"] == 1 and 0 < wait <= 61


@pytest.mark.parametrize(
    "fault", [{"drop": True, "accept": True}, {"status": 500, "accept": True}, {"half_body": True}]
)
def test_what_is_live_is_found_and_nobody_is_asked(rig: Rig, fault: dict[str, Any]) -> None:
    post = rig.due(readable_account(rig), due=-1)
    rig.order(post, fault)
    rig.worker_process()
    rig.wait_for([post], "unconfirmed")
    wait_until_found(rig, post)
    (received,) = rig.received(post)
    assert rig.target(post.target)["external_id"] == received["urn"]
    assert len(rig.creates(post)) == 1
    assert [told["kind"] for told in rig.notifications(post.target)] == ["target_published"]
    rig.assert_invariants(post)


def test_a_worker_killed_while_sending_asks_nobody_where_lin_can_look(rig: Rig) -> None:
    post = rig.due(readable_account(rig))
    rig.order(post, {"hold": True})
    worker = rig.worker_process()
    rig.held(post)
    rig.kill(worker)
    rig.release(post)
    rig.worker_process()
    rig.wait_for([post], "unconfirmed")
    wait_until_found(rig, post)
    assert len(rig.received(post)) == len(rig.creates(post)) == 1
    rig.assert_invariants(post)


def test_what_is_not_there_is_never_sent_again_by_the_machine(rig: Rig) -> None:
    post = rig.due(readable_account(rig), due=-1)
    rig.order(post, {"drop": True})
    rig.worker_process()
    rig.wait_for([post], "unconfirmed")
    look_now(rig, post)
    until(lambda: first_look_is_over(rig, post), "a look", 120)
    rig.admin.run(
        "update publish_attempts set sending_at = sending_at - interval '20 minutes' where target_id = %s",
        post.target,
    )
    look_now(rig, post)
    until(lambda: rig.target(post.target)["look_at"] is None, "the owner to be asked", 120)
    assert [told["kind"] for told in rig.notifications(post.target)] == ["target_unconfirmed"]
    assert rig.received(post) == []
    assert len(rig.creates(post)) == 1


def test_a_platform_that_does_not_show_it_just_now_is_asked_again(
    rig: Rig, platform: Sandbox
) -> None:
    post = rig.due(readable_account(rig), due=-1)
    rig.order(post, {"drop": True, "accept": True})
    rig.order(post, {"status": 503}, READ)
    rig.worker_process()
    rig.wait_for([post], "unconfirmed")
    look_now(rig, post)
    until(lambda: first_look_is_over(rig, post), "a look", 120)
    assert len(platform.requests(rig.member_of(post), **READ)) == 1
    assert rig.target(post.target)["state"] == "unconfirmed"
    look_now(rig, post)
    rig.wait_for([post], "published")
    rig.assert_invariants(post)

"""What people are told, once per event: a post that is out in part, an account that was lost; and which of it is mailed."""

from __future__ import annotations

from typing import Any

import pytest

from tests.engine.actors import Post, Row, Running
from tests.notifications.conftest import Mailroom


def sent_to_two(world: Mailroom, **settings: Any) -> tuple[str, Post, list[Row]]:
    """A post that is being sent to two accounts."""
    reader = world.reader(**settings)
    post = world.scheduled(world.account(reader, "One"), world.account(reader, "Two"))
    claims = world.service.claim()
    assert world.service.mark(*claims) == ["send", "send"]
    return reader, post, claims


def kinds(world: Mailroom, reader: str) -> list[str]:
    return sorted(row["kind"] for row in world.told(reader))


def test_a_post_that_ends_on_some_accounts_only_is_told_once_with_both_lists(
    world: Mailroom,
) -> None:
    reader, post, (first, second) = sent_to_two(world)
    world.service.settle(first, "failed", error="Too long.", error_class="rejected")
    assert kinds(world, reader) == ["target_failed"]
    world.service.settle(second, "published", external_id="1", external_url="https://x.example/1")
    assert kinds(world, reader) == ["post_partly_published", "target_failed", "target_published"]
    (told,) = [row for row in world.told(reader) if row["kind"] == "post_partly_published"]
    names = {str(world.target(one["target_id"])["account_id"]): one for one in (first, second)}
    assert len(names) == 2
    (live,), (dead,) = told["payload"]["published"], told["payload"]["not_published"]
    assert (live["target_id"], live["external_url"]) == (second["target_id"], "https://x.example/1")
    assert (dead["target_id"], dead["reason"], dead["state"]) == (first["target_id"], "Too long.", "failed")  # fmt: skip
    assert told["payload"]["post_id"] == post.id


def test_two_outcomes_at_once_make_one_row(world: Mailroom) -> None:
    reader, _, (first, second) = sent_to_two(world)
    one, other = world.worker(), world.worker()
    one.begin()
    one.settle(first, "published", external_id="1")
    running = Running(world.admin, other, lambda: other.settle(second, "failed", error="No."))
    running.wait_until_blocked()
    one.commit()
    assert running.result() == "settled"
    assert kinds(world, reader).count("post_partly_published") == 1


@pytest.mark.parametrize("outcome", ["published", "unconfirmed"])
def test_a_post_that_is_out_everywhere_or_not_settled_is_not_out_in_part(
    world: Mailroom, outcome: str
) -> None:
    reader, _, (first, second) = sent_to_two(world)
    world.service.settle(first, "published", external_id="1")
    world.service.settle(second, outcome, external_id="2")
    assert kinds(world, reader) == sorted(["target_published", f"target_{outcome}"])


def test_who_cancels_the_rest_is_not_told_what_they_did(world: Mailroom) -> None:
    reader, post, (first, second) = sent_to_two(world)
    world.service.settle(first, "published", external_id="1")
    world.service.settle(second, "retry", after_seconds=3600, error="Busy.")
    world.person(reader).call("cancel_target", target=second["target_id"])
    assert world.post(post)["status"] == "published"
    assert kinds(world, reader) == ["target_published"]


def test_an_account_that_is_lost_is_told_once_though_no_post_waits_for_it(world: Mailroom) -> None:
    reader = world.reader()
    account = world.lose(reader, "Ada's page")
    world.service.call("lose_account", account=account, reason="Again.")
    (told,) = world.told(reader)
    assert told["kind"] == "account_needs_reconnect"
    assert told["payload"]["account_name"] == "Ada's page"
    assert told["payload"]["reason"] == "The permission was revoked."
    world.reconnect(account)
    world.service.call("lose_account", account=account, reason="Once more.")
    assert len(world.told(reader)) == 2, "a second loss is a second event"


def test_what_asks_for_something_is_mailed_and_what_went_well_is_not(world: Mailroom) -> None:
    reader = world.reader()
    world.lose(reader)
    world.publish(reader)
    assert sorted(world.mailed(reader)) == [("account_needs_reconnect", "waiting"), ("target_published", None)]  # fmt: skip


def test_settings_decide_topic_by_topic(world: Mailroom) -> None:
    reader = world.reader(published=True, needs_reconnect=False)
    world.lose(reader)
    world.publish(reader)
    assert sorted(world.mailed(reader)) == [("account_needs_reconnect", None), ("target_published", "waiting")]  # fmt: skip
    silent = world.reader(mail=False, published=True)
    world.publish(silent)
    assert world.mailed(silent) == [("target_published", None)]


def test_a_lost_account_with_many_posts_makes_one_mail(world: Mailroom) -> None:
    reader = world.reader()
    account = world.account(reader)
    for _ in range(5):
        world.scheduled(account, due=3600)
    world.service.call("lose_account", account=account, reason="Revoked.")
    assert kinds(world, reader).count("target_needs_reconnect") == 5
    (mail,) = world.claim_mails()
    assert [item["kind"] for item in mail["items"]] == ["account_needs_reconnect"]


@pytest.mark.parametrize("settings", [
    {"failed": "no"}, {"mail": 1}, {"digest_hour": 24}, {"digest_hour": -1}, {"digest_hour": "8"}, {"digest_hour": 7.5},
])  # fmt: skip
def test_settings_that_cannot_be_used_are_refused(
    world: Mailroom, settings: dict[str, Any]
) -> None:
    reader = world.reader()
    with pytest.raises(Exception, match="profiles_notification_settings_known"):
        world.settings(reader, **settings)


def test_settings_may_hold_what_only_the_frontend_knows(world: Mailroom) -> None:
    reader = world.reader(digest_hour=None, mail=True, sounds={"volume": 3})
    world.lose(reader)
    assert world.mailed(reader) == [("account_needs_reconnect", "waiting")]

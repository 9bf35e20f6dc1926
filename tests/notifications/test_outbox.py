"""The outbox: who gets a mail to send, when, how often, and what is not sent after all."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from tests.notifications.conftest import Mailroom
from tests.notifications.test_events import sent_to_two


def test_a_mail_is_one_workers_until_its_lease_ends(world: Mailroom) -> None:
    reader = world.reader(locale="fr", zone="Europe/Paris")
    world.lose(reader)
    (mail,) = world.claim_mails()
    assert world.claim_mails() == []
    assert (mail["address"], mail["locale"], mail["timezone"]) == (f"{reader}@example.com", "fr", "Europe/Paris")  # fmt: skip
    world.make_due(reader)
    (again,) = world.claim_mails()
    assert (again["mail_id"], again["try"]) == (mail["mail_id"], 2)
    assert world.record(mail, "sent") == 0, "the first worker comes too late to say anything"
    assert world.record(again, "sent") == 1
    (row,) = world.told(reader)
    assert (row["mail_state"], row["mail_due_at"]) == ("sent", None)
    assert row["emailed_at"] is not None
    assert world.record(again, "failed") == 0


def test_two_claims_at_once_share_nobody(world: Mailroom) -> None:
    readers = [world.reader() for _ in range(4)]
    for reader in readers:
        world.lose(reader)
    one, other = world.worker(), world.worker()
    one.begin()
    first = one.call("claim_mails", take=2, lease_seconds=60)
    second = other.call("claim_mails", take=50, lease_seconds=60)  # does not wait for the first
    one.commit()
    assert len(first) == 2
    assert {mail["user_id"] for mail in first + second} == set(readers)
    assert len(first + second) == 4


def test_after_six_tries_a_mail_is_given_up_and_says_so(world: Mailroom) -> None:
    reader = world.reader()
    world.lose(reader)
    for number in range(1, 7):
        world.make_due(reader)
        (mail,) = world.claim_mails()
        assert mail["try"] == number
        world.record(mail, "retry", error="450 full", after_seconds=60)
    (row,) = world.told(reader)
    assert (row["mail_state"], row["mail_error"], row["mail_due_at"]) == ("failed", "450 full", None)  # fmt: skip


def test_what_was_surely_not_sent_uses_up_no_try(world: Mailroom) -> None:
    reader = world.reader()
    world.lose(reader)
    for _ in range(8):
        world.make_due(reader)
        (mail,) = world.claim_mails()
        assert mail["try"] == 1
        world.record(mail, "later", error="no server", after_seconds=60)
    assert world.claim_mails() == []


def test_a_mail_whose_workers_die_one_after_the_other_is_given_up(world: Mailroom) -> None:
    reader = world.reader()
    world.lose(reader)
    for _ in range(6):
        world.make_due(reader)
        assert len(world.claim_mails()) == 1
    world.make_due(reader)
    assert world.claim_mails() == []
    assert world.mailed(reader) == [("account_needs_reconnect", "failed")]


def test_good_news_whose_worker_died_is_not_sent_a_second_time(world: Mailroom) -> None:
    reader = world.reader(published=True)
    world.publish(reader)
    assert len(world.claim_mails()) == 1
    world.make_due(reader)
    assert world.claim_mails() == []
    (row,) = world.told(reader)
    assert row["mail_error"] == "Its worker died while sending it; it may have gone."


@pytest.mark.parametrize(("change", "why"), [
    ("update notifications set read_at = now() where user_id = %s", "It was read before."),
    ("update profiles set notification_settings = '{\"needs_reconnect\": false}' where id = %s", "This mail was switched off."),
    ("update notifications set created_at = now() - interval '4 days' where user_id = %s", "It is too old."),
    ("update social_accounts set status = 'active' where user_id = %s", "It is settled."),
    ("insert into account_deletions (user_id, lease_until) values (%s, now())", "The account is being deleted."),
    ("update auth.users set email_confirmed_at = null where id = %s", "There is no confirmed address."),
])  # fmt: skip
def test_what_nobody_needs_any_more_is_not_sent(world: Mailroom, change: str, why: str) -> None:
    reader = world.reader()
    world.lose(reader)
    world.admin.run(change, reader)
    assert world.claim_mails() == []
    (row,) = world.told(reader)
    assert (row["mail_state"] in ("skipped", "failed"), row["mail_error"]) == (True, why)


def test_an_answered_question_is_not_asked_by_mail(world: Mailroom) -> None:
    reader = world.reader()
    post, _ = world.unconfirmed(world.scheduled(world.account(reader)))
    world.person(reader).call("settle_target", target=post.target, answer="it_is_live")
    assert world.claim_mails() == []
    assert ("target_unconfirmed", "skipped") in world.mailed(reader)


def test_a_failure_waits_for_the_rest_of_its_post_and_one_mail_tells_both(world: Mailroom) -> None:
    reader, _, (first, second) = sent_to_two(world)
    world.service.settle(first, "failed", error="Too long.")
    assert world.claim_mails() == []
    world.service.settle(second, "published", external_id="1")
    world.make_due(reader)
    (mail,) = world.claim_mails()
    assert [item["kind"] for item in mail["items"]] == ["post_partly_published"]


def test_without_mail_about_whole_posts_the_failure_itself_is_mailed(world: Mailroom) -> None:
    _, _, (first, second) = sent_to_two(world, partly_published=False)
    world.service.settle(first, "published", external_id="1")
    world.service.settle(second, "failed", error="Too long.")
    (mail,) = world.claim_mails()
    assert [item["kind"] for item in mail["items"]] == ["target_failed"]


def test_more_than_three_things_at_once_make_one_mail(world: Mailroom) -> None:
    reader = world.reader()
    for number in range(3):
        world.lose(reader, f"Page {number}")
    assert len(world.claim_mails()) == 3
    for number in range(4):
        world.lose(reader, f"Page {number}")
    (mail,) = world.claim_mails()
    assert len(mail["items"]) == 4


def test_a_digest_waits_for_its_hour_and_holds_everything_until_then(world: Mailroom) -> None:
    reader = world.reader(digest_hour=8, zone="Europe/Paris", published=True)
    world.lose(reader)
    world.publish(reader)
    assert world.claim_mails() == []
    (due,) = {row["mail_due_at"] for row in world.told(reader)}
    (expected,) = world.admin.run("select private.next_hour(8, 'Europe/Paris', now()) as at")
    assert due == expected["at"]
    world.make_due(reader)
    (mail,) = world.claim_mails()
    assert sorted(item["topic"] for item in mail["items"]) == ["needs_reconnect", "published"]


def next_hour(world: Mailroom, hour: int, zone: str, moment: str) -> datetime:
    (row,) = world.admin.run("select private.next_hour(%s, %s, %s) as at", hour, zone, moment)
    at: datetime = row["at"].astimezone(UTC)
    return at


@pytest.mark.parametrize(("hour", "after", "at"), [
    (8, "2027-03-27T12:00Z", "2027-03-28T06:00Z"),  # the night to summer time: 8 o'clock is an hour earlier
    (8, "2027-03-28T06:00Z", "2027-03-29T06:00Z"),
    (8, "2026-10-24T12:00Z", "2026-10-25T07:00Z"),  # the night to winter time
    (2, "2027-03-27T12:00Z", "2027-03-28T01:00Z"),  # 2 o'clock does not exist: 3 o'clock
    (2, "2027-03-28T01:00Z", "2027-03-29T00:00Z"),
    (2, "2026-10-24T12:00Z", "2026-10-25T00:00Z"),  # 2 o'clock comes twice: the first
    (2, "2026-10-25T00:00Z", "2026-10-26T01:00Z"),
])  # fmt: skip
def test_a_digest_comes_at_its_hour_over_nights_in_which_clocks_change(
    world: Mailroom, hour: int, after: str, at: str
) -> None:
    assert next_hour(world, hour, "Europe/Paris", after) == datetime.fromisoformat(at)


@pytest.mark.parametrize("zone", ["Europe/Paris", "America/St_Johns", "Australia/Lord_Howe", "Pacific/Apia"])  # fmt: skip
@pytest.mark.parametrize("hour", [0, 2, 23])
def test_every_day_of_a_year_has_one_digest(world: Mailroom, zone: str, hour: int) -> None:
    query = """
        with recursive digests (n, at) as (
          select 1, private.next_hour(%(hour)s, %(zone)s, '2026-06-01T00:00Z')
          union all select n + 1, private.next_hour(%(hour)s, %(zone)s, at) from digests where n < 365)
        select count(distinct (at at time zone %(zone)s)::date) as days, max(at) - min(at) as span from digests"""
    connection: Any = world.admin._connection
    (row,) = connection.execute(query, {"hour": hour, "zone": zone}).fetchall()
    assert row["days"] == 365
    assert abs(row["span"].total_seconds() / 86_400 - 364) < 0.1

"""Occurrences are opened ahead, once, and follow their slot; posts that lose their place are drafts again."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from .owners import Database, Owner, Row


def soon(hours: float = 30) -> datetime:
    """A whole minute in the future; by default on another day than today."""
    return (datetime.now(UTC) + timedelta(hours=hours)).replace(second=0, microsecond=0)


def local(occurrence: Row, zone: str) -> str:
    """When an occurrence is, on the clocks there."""
    return f"{occurrence['occurs_at'].astimezone(ZoneInfo(zone)):%H:%M}"


def at_work(owner: Owner, post: str, *states: str) -> None:
    """Take a post's target into these states, as a worker would."""
    for state in states:
        owner.database.execute(
            """update public.post_targets set state = %s::public.target_state, lease_token = nextval('private.target_lease'),
                 lease_until = now() + interval '1 hour', published_at = now(), external_id_unknown = true where post_id = %s""",
            [state, post],
        )


def test_a_new_slot_has_its_dates_at_once(owner: Owner) -> None:
    moment = soon()
    slot = owner.slot_at(moment, lead_time="20 minutes")
    found = owner.occurrences(slot)
    assert [o["occurs_at"] for o in found] == [moment, moment + timedelta(days=7)]
    assert {o["state"] for o in found} == {"open"}
    assert found[0]["fill_at"] == moment - timedelta(minutes=20)
    assert found[0]["local_date"] == moment.date()


def test_a_paused_slot_has_none(owner: Owner) -> None:
    assert owner.occurrences(owner.slot_at(soon(), enabled=False)) == []


def test_opening_again_and_by_many_at_once_changes_nothing(
    owner: Owner, connect: Callable[[], Database]
) -> None:
    slot = owner.slot_at(soon())
    owner.database.execute("delete from public.slot_occurrences where slot_id = %s", [slot["id"]])

    def open_them(_number: int) -> None:
        with connect() as own, own.transaction():
            own.execute("set local role service_role")
            own.execute("select public.open_occurrences()")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(open_them, range(16)))
    first = owner.occurrences(slot)
    assert len(first) == 2
    open_them(0)
    assert owner.occurrences(slot) == first


def test_a_slot_is_looked_at_again_when_its_next_date_comes_near(owner: Owner) -> None:
    slot = owner.slot_at(soon())
    assert opens_at(owner, slot) == owner.occurrences(slot)[-1]["occurs_at"] - timedelta(days=7)
    owner.edit(slot, enabled=False)
    assert opens_at(owner, slot) is None
    owner.edit(slot, enabled=True)
    assert opens_at(owner, slot) == owner.occurrences(slot)[-1]["occurs_at"] - timedelta(days=7)


def test_a_slot_that_finds_no_room_is_tried_again_soon_and_holds_nobody_up(
    owner: Owner, database: Database
) -> None:
    for weekday in range(1, 8):
        owner.slot(weekday, "12:00", timezone="UTC", min_gap="24 hours")
    crowded = owner.slot(1, "21:00", timezone="Asia/Tokyo")
    assert len(owner.occurrences(crowded)) < 2
    other = Owner.make(database)
    slot = other.slot_at(soon())
    database.execute("delete from public.slot_occurrences where slot_id = %s", [slot["id"]])
    database.execute("update private.slot_openings set opens_at = '-infinity' where slot_id = %s", [crowded["id"]])  # fmt: skip
    for _ in range(20):
        database.execute("select public.open_occurrences(1)")
    assert len(other.occurrences(slot)) == 2
    again = opens_at(owner, crowded)
    assert again is not None
    assert timedelta() < again - datetime.now(UTC) <= timedelta(hours=1)


def opens_at(owner: Owner, slot: Row) -> datetime | None:
    """When a slot is looked at next; None for never."""
    row = owner.database.execute(
        "select nullif(opens_at, 'infinity') from private.slot_openings where slot_id = %s", [slot["id"]]
    ).fetchone()  # fmt: skip
    assert row is not None
    moment: datetime | None = row[0]
    return moment


def test_slots_of_two_zones_that_meet_are_moved_apart_and_it_is_said(owner: Owner) -> None:
    moment = soon()
    owner.slot_at(moment)
    tokyo = moment.astimezone(ZoneInfo("Asia/Tokyo"))
    slot = owner.slot(tokyo.isoweekday(), f"{tokyo:%H:%M}", timezone="Asia/Tokyo")
    assert slot["moved_reason"] is None
    occurrence = owner.occurrences(slot)[0]
    assert occurrence["occurs_at"] == moment + timedelta(minutes=15)
    assert f"Moved from {tokyo:%Y-%m-%d %H:%M} to" in occurrence["moved_reason"]


def test_nobody_else_sees_or_writes_occurrences(owner: Owner, database: Database) -> None:
    slot = owner.slot_at(soon())
    other = Owner.make(database)
    assert other.does("select * from public.slots") == []
    assert other.does("select * from public.slot_occurrences") == []
    assert other.does("delete from public.slots where id = %s returning id", slot["id"]) == []
    assert len(owner.does("select * from public.slot_occurrences")) == 2


# ---------------------------------------------------------------- a slot changes


def test_an_edited_slot_takes_its_post_along(owner: Owner) -> None:
    moment = soon()
    slot = owner.slot_at(moment)
    post = owner.post()
    booked = owner.next_free_slot(post)
    owner.edit(slot, schedule_time=f"{moment + timedelta(minutes=7):%H:%M}")
    moved = owner.occurrence(booked["id"])
    assert moved is not None
    assert moved["state"] == "booked"
    assert moved["occurs_at"] - booked["occurs_at"] == timedelta(minutes=7)
    target = owner.target(post)
    assert (target["state"], target["due_at"]) == ("scheduled", moved["occurs_at"])
    assert owner.post_row(post)["scheduled_at"] == moved["occurs_at"]
    assert owner.kinds_told() == []


def test_moving_a_post_with_its_slot_is_not_approving_it(owner: Owner) -> None:
    moment = soon()
    slot = owner.slot_at(moment)
    post = owner.post()
    owner.next_free_slot(post)
    before = owner.post_row(post)
    owner.edit(slot, schedule_time=f"{moment + timedelta(minutes=7):%H:%M}")
    after = owner.post_row(post)
    assert (after["approved_at"], after["approved_by"]) == (before["approved_at"], "owner")


def test_another_weekday_moves_the_dates_by_as_many_days(owner: Owner) -> None:
    moment = soon(24 * 4)
    slot = owner.slot_at(moment)
    ids = [o["id"] for o in owner.occurrences(slot)]
    owner.edit(slot, weekday=(moment + timedelta(days=2)).isoweekday())
    found = {o["id"]: o["occurs_at"] for o in owner.occurrences(slot)}
    assert [found[i] for i in ids] == [moment + timedelta(days=2), moment + timedelta(days=9)]


def test_what_would_be_over_by_now_is_freed_and_its_post_is_a_draft_again(owner: Owner) -> None:
    moment = soon(20)
    slot = owner.slot_at(moment)
    post = owner.post()
    owner.next_free_slot(post)
    owner.edit(slot, weekday=(moment - timedelta(days=2)).isoweekday())
    assert owner.post_row(post)["status"] == "draft"
    assert owner.target(post)["state"] == "draft"
    [told] = owner.told()
    assert told["kind"] == "slot_freed"
    assert told["payload"]["post_id"] == post
    assert all(o["state"] == "open" for o in owner.occurrences(slot))


@pytest.mark.parametrize("way", ["pause", "delete"])
@pytest.mark.parametrize("queued", [True, False])
def test_pausing_and_deleting_free_the_dates_and_keep_the_posts(
    owner: Owner, way: str, queued: bool
) -> None:
    slot = owner.slot_at(soon())
    post = owner.post(queued=queued)
    owner.next_free_slot(post)
    if way == "pause":
        owner.edit(slot, enabled=False)
    else:
        owner.does("delete from public.slots where id = %s", slot["id"])
    assert owner.occurrences() == []
    row = owner.post_row(post)
    assert (row["status"], row["scheduled_at"], row["approved_at"]) == ("draft", None, None)
    assert (row["queued_at"] is not None) == queued
    assert owner.kinds_told() == ["slot_freed"]


def test_a_resumed_slot_opens_its_dates_again(owner: Owner) -> None:
    slot = owner.slot_at(soon())
    before = [o["occurs_at"] for o in owner.occurrences(slot)]
    owner.edit(slot, enabled=False)
    owner.edit(slot, enabled=True)
    assert [o["occurs_at"] for o in owner.occurrences(slot)] == before


@pytest.mark.parametrize("states", [("preparing",), ("preparing", "sending")])
@pytest.mark.parametrize("way", ["pause", "edit", "delete"])
def test_what_holds_a_post_at_work_is_left_alone(
    owner: Owner, states: tuple[str, ...], way: str
) -> None:
    moment = soon()
    slot = owner.slot_at(moment)
    post = owner.post()
    booked = owner.next_free_slot(post)
    at_work(owner, post, *states)
    if way == "pause":
        owner.edit(slot, enabled=False)
    elif way == "edit":
        owner.edit(slot, schedule_time=f"{moment + timedelta(minutes=7):%H:%M}")
    else:
        owner.does("delete from public.slots where id = %s", slot["id"])
    assert owner.target(post)["state"] == states[-1]
    assert owner.target(post)["due_at"] == booked["occurs_at"]
    if way != "delete":
        kept = owner.occurrence(booked["id"])
        assert kept is not None
        assert (kept["state"], kept["occurs_at"]) == ("booked", booked["occurs_at"])


def test_a_post_that_cannot_go_out_at_the_new_time_is_freed_with_the_reason(owner: Owner) -> None:
    moment = soon()
    slot = owner.slot_at(moment)
    post = owner.post()
    booked = owner.next_free_slot(post)
    owner.database.execute(
        "update public.social_accounts set token_expires_at = %s where id = %s",
        [booked["occurs_at"] + timedelta(minutes=1), owner.account],
    )
    owner.edit(slot, schedule_time=f"{moment + timedelta(minutes=7):%H:%M}")
    assert owner.post_row(post)["status"] == "draft"
    [told] = owner.told()
    assert "ends on" in told["payload"]["reason"]


# ---------------------------------------------------------------- a zone changes


def test_slots_follow_the_profiles_zone_with_everything_that_is_opened(owner: Owner) -> None:
    owner.does("update public.profiles set timezone = 'Europe/Paris' where id = %s", owner.id)
    following = [
        owner.slot(3, "12:00"),
        owner.slot(3, "13:00"),
    ]  # an hour: each takes the other's place
    fixed = owner.slot(4, "12:00", timezone="Europe/Paris")
    post = owner.post()
    booked = owner.next_free_slot(post)
    owner.does("update public.profiles set timezone = 'Europe/London' where id = %s", owner.id)

    rows = {
        r["id"]: r for r in owner.seen("select * from public.slots where user_id = %s", owner.id)
    }
    for slot, at in zip(following, ("12:00", "13:00"), strict=True):
        assert rows[slot["id"]]["effective_timezone"] == "Europe/London"
        assert {local(o, "Europe/London") for o in owner.occurrences(slot)} == {at}
        assert {o["moved_reason"] for o in owner.occurrences(slot)} == {None}
    assert rows[fixed["id"]]["effective_timezone"] == "Europe/Paris"
    assert {local(o, "Europe/Paris") for o in owner.occurrences(fixed)} == {"12:00"}
    moved = owner.occurrence(booked["id"])
    assert moved is not None
    assert owner.target(post)["due_at"] == moved["occurs_at"]
    assert abs(moved["occurs_at"] - booked["occurs_at"]) in (timedelta(0), timedelta(hours=1))


def test_a_zone_change_that_brings_two_slots_together_moves_one(owner: Owner) -> None:
    fixed = owner.slot(3, "12:00", timezone="Asia/Tokyo")
    following = owner.slot(3, "12:00")
    assert following["moved_reason"] is None
    owner.does("update public.profiles set timezone = 'Asia/Tokyo' where id = %s", owner.id)
    [row] = owner.seen("select * from public.slots where id = %s", following["id"])
    assert f"{row['adjusted_time']:%H:%M}" == "12:15"
    assert "another slot" in row["moved_reason"]
    assert {local(o, "Asia/Tokyo") for o in owner.occurrences(fixed)} == {"12:00"}
    assert {local(o, "Asia/Tokyo") for o in owner.occurrences(following)} == {"12:15"}


def test_a_zone_far_away_loses_no_post_and_books_none_twice(owner: Owner) -> None:
    for number in range(6):
        owner.slot_at(soon(3 + number * 5))
    owner.does("update public.slots set timezone = null where user_id = %s", owner.id)
    posts = [owner.post(f"Post {number}") for number in range(8)]
    for post in posts:
        owner.next_free_slot(post)
    for zone in ("Pacific/Kiritimati", "Pacific/Pago_Pago", "Europe/Paris"):
        owner.does("update public.profiles set timezone = %s where id = %s", zone, owner.id)
        booked = {o["post_id"]: o for o in owner.occurrences() if o["state"] == "booked"}
        for post in posts:
            row = owner.post_row(post)
            if row["status"] == "scheduled":
                assert booked[row["id"]]["occurs_at"] == row["scheduled_at"]
            else:
                assert row["status"] == "draft"
                assert row["id"] not in booked
        times = [o["occurs_at"] for o in owner.occurrences()]
        assert len(times) == len(set(times))


# ---------------------------------------------------------------- its post changes


def test_a_post_taken_back_frees_its_place_for_others(owner: Owner) -> None:
    owner.slot_at(soon())
    first, second = owner.post(queued=True), owner.post()
    booked = owner.next_free_slot(first)
    owner.does("select public.unschedule_post(%s)", first)
    freed = owner.occurrence(booked["id"])
    assert freed is not None
    assert (freed["state"], freed["post_id"]) == ("open", None)
    assert owner.post_row(first)["queued_at"] is None  # its owner wants it to wait
    assert owner.next_free_slot(second)["id"] == booked["id"]


@pytest.mark.parametrize(
    "statement",
    [
        "select public.schedule_post(%(post)s, now() + interval '3 hours')",
        "select public.cancel_target((select id from public.post_targets where post_id = %(post)s))",
        "delete from public.post_targets where post_id = %(post)s",
        "delete from public.posts where id = %(post)s",
    ],
)
def test_a_post_that_goes_elsewhere_frees_its_place(owner: Owner, statement: str) -> None:
    owner.slot_at(soon())
    post = owner.post()
    booked = owner.next_free_slot(post)
    with owner.acting() as cursor:
        cursor.execute(statement, {"post": post})
    freed = owner.occurrence(booked["id"])
    assert freed is not None
    assert (freed["state"], freed["post_id"]) == ("open", None)


def test_a_published_post_keeps_its_place(owner: Owner) -> None:
    slot = owner.slot_at(soon())
    post = owner.post()
    booked = owner.next_free_slot(post)
    at_work(owner, post, "preparing", "sending", "published")
    owner.edit(slot, enabled=False)
    kept = owner.occurrence(booked["id"])
    assert kept is not None
    assert str(kept["post_id"]) == post


def test_deleting_the_user_deletes_all_of_it(owner: Owner) -> None:
    owner.slot_at(soon())
    owner.next_free_slot(owner.post())
    owner.database.execute("delete from auth.users where id = %s", [owner.id])
    assert owner.occurrences() == []
    assert owner.seen("select 1 from public.slots where user_id = %s", owner.id) == []

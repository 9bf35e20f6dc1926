"""next_free_slot shows the next free place of an account, or books it for a post, in one step."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

from .owners import Database, Owner, Row, refused


def test_without_a_post_it_shows_and_books_nothing(owner: Owner) -> None:
    owner.slots_in_fourteen_days(4)
    shown = owner.next_free_slot()
    assert shown["id"] == owner.occurrences()[0]["id"]
    assert owner.next_free_slot() == shown
    assert {o["state"] for o in owner.occurrences()} == {"open"}


def test_with_a_post_it_schedules_the_post_there(owner: Owner) -> None:
    owner.slots_in_fourteen_days(4)
    post = owner.post()
    booked = owner.next_free_slot(post)
    assert (booked["state"], str(booked["post_id"])) == ("booked", post)
    row = owner.post_row(post)
    assert (row["status"], row["scheduled_at"], row["approved_by"]) == (
        "scheduled",
        booked["occurs_at"],
        "owner",
    )
    assert owner.target(post)["due_at"] == booked["occurs_at"]
    assert owner.next_free_slot()["occurs_at"] > booked["occurs_at"]


def test_asking_again_for_the_same_post_changes_nothing(owner: Owner) -> None:
    owner.slots_in_fourteen_days(4)
    post = owner.post()
    booked = owner.next_free_slot(post)
    assert owner.next_free_slot(post) == booked
    assert [o["state"] for o in owner.occurrences()].count("booked") == 1


def test_twenty_parallel_calls_get_twenty_places(
    owner: Owner, connect: Callable[[], Database]
) -> None:
    owner.slots_in_fourteen_days(20)
    posts = [owner.post(f"Post {number}") for number in range(20)]

    def book(post: str) -> Row:
        with connect() as own:
            return owner.next_free_slot(post, own)

    with ThreadPoolExecutor(20) as pool:
        booked = list(pool.map(book, posts))
    assert len({o["id"] for o in booked}) == 20
    assert len({o["occurs_at"] for o in booked}) == 20
    assert all(owner.target(str(o["post_id"]))["due_at"] == o["occurs_at"] for o in booked)
    with refused(409, "Every slot of this account in the next 14 days is taken"):
        owner.next_free_slot()


def test_one_post_in_parallel_calls_gets_one_place(
    owner: Owner, connect: Callable[[], Database]
) -> None:
    owner.slots_in_fourteen_days(6)
    post = owner.post()

    def book(_number: int) -> Row:
        with connect() as own:
            return owner.next_free_slot(post, own)

    with ThreadPoolExecutor(6) as pool:
        assert len({o["id"] for o in pool.map(book, range(6))}) == 1
    assert [o["state"] for o in owner.occurrences()].count("booked") == 1


def test_a_post_scheduled_for_another_time_moves_to_the_place(owner: Owner) -> None:
    owner.slots_in_fourteen_days(2)
    post = owner.post()
    owner.does("select public.schedule_post(%s, now() + interval '1 day')", post)
    booked = owner.next_free_slot(post)
    assert owner.post_row(post)["scheduled_at"] == booked["occurs_at"]


def test_a_post_for_two_accounts_has_one_place(owner: Owner) -> None:
    owner.slots_in_fourteen_days(2)
    post = owner.post()
    first = owner.next_free_slot(post)
    owner.account = owner.new_account()
    owner.slots_in_fourteen_days(2)
    owner.does(
        "insert into public.post_targets (post_id, account_id) values (%s, %s)", post, owner.account
    )
    second = owner.next_free_slot(post)
    left = owner.occurrence(first["id"])
    assert left is not None
    assert (left["state"], left["post_id"]) == ("open", None)
    assert owner.post_row(post)["scheduled_at"] == second["occurs_at"]


def test_what_it_refuses(owner: Owner, database: Database) -> None:
    other = Owner.make(database)
    post = owner.post()
    with refused(409, "has no weekly slot"):
        owner.next_free_slot(post)
    owner.slots_in_fourteen_days(2)
    with refused(404, "no such post"):
        owner.next_free_slot(other.post())
    with refused(404, "no such post"):
        owner.next_free_slot(str(uuid.uuid4()))
    with refused(404, "no such account"):
        other.does("select public.next_free_slot(%s, %s)", owner.account, None)
    with refused(422, "does not go to that account"):
        owner.next_free_slot(owner.post(account=owner.new_account()))
    with refused(422, "neither text nor media"):
        owner.next_free_slot(owner.post(""))
    assert {o["state"] for o in owner.occurrences()} == {"open"}


def test_a_place_after_the_tokens_end_is_refused_and_stays_free(owner: Owner) -> None:
    owner.slots_in_fourteen_days(2)
    owner.database.execute(
        "update public.social_accounts set token_expires_at = %s where id = %s",
        [datetime.now(UTC) + timedelta(minutes=30), owner.account],
    )
    with refused(422, "ends on", "Ada Lovelace"):
        owner.next_free_slot(owner.post())
    assert {o["state"] for o in owner.occurrences()} == {"open"}

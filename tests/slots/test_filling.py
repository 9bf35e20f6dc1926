"""What the worker does when the time of a slot comes near, step by step, with the Space's part played by hand."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from .owners import Database, Owner, Row, refused


def slot_of(owner: Owner, **columns: Any) -> Row:
    """A slot some hours from now."""
    return owner.slot_at(datetime.now(UTC) + timedelta(hours=5), **columns)


def occurrence(owner: Owner, found: Row) -> Row:
    """It, as it is now."""
    row = owner.occurrence(found["id"])
    assert row is not None
    return row


def time_comes(owner: Owner, found: Row) -> None:
    """Let an occurrence's time come."""
    owner.database.execute(
        "update public.slot_occurrences set occurs_at = now() - interval '1 second' where id = %s",
        [found["id"]],
    )


# ---------------------------------------------------------------- the queue


def test_the_oldest_queued_draft_is_scheduled_at_the_slots_time(owner: Owner) -> None:
    oldest, newer = owner.post("First", queued=True), owner.post("Second", queued=True)
    near = owner.bring_near(slot_of(owner))
    owner.fill()
    booked = occurrence(owner, near)
    assert (booked["state"], str(booked["post_id"])) == ("booked", oldest)
    assert owner.target(oldest)["due_at"] == booked["occurs_at"]
    assert owner.post_row(newer)["status"] == "draft"


def test_nothing_is_booked_before_the_lead_time(owner: Owner) -> None:
    post = owner.post(queued=True)
    slot_of(owner)
    owner.fill()
    assert owner.post_row(post)["status"] == "draft"


def test_only_queued_drafts_of_that_account_go_out(owner: Owner, database: Database) -> None:
    owner.post("not queued")
    owner.post("another account", account=owner.new_account(), queued=True)
    Owner.make(database).post("somebody else's", queued=True)
    near = owner.bring_near(slot_of(owner))
    owner.fill()
    assert occurrence(owner, near)["state"] == "open"


def test_what_is_queued_late_still_goes_out(owner: Owner) -> None:
    near = owner.bring_near(slot_of(owner))
    owner.fill()
    post = owner.post(queued=True)
    looks_again = occurrence(owner, near)["fill_at"] - datetime.now(UTC)
    assert timedelta(0) < looks_again <= timedelta(seconds=20)
    owner.database.execute(
        "update public.slot_occurrences set fill_at = now() where id = %s", [near["id"]]
    )
    owner.fill()
    assert str(occurrence(owner, near)["post_id"]) == post


def test_a_draft_that_cannot_go_out_is_passed_over_and_its_owner_is_told(owner: Owner) -> None:
    empty, good = owner.post("", queued=True), owner.post("Good", queued=True)
    near = owner.bring_near(slot_of(owner))
    owner.fill()
    owner.fill()
    assert str(occurrence(owner, near)["post_id"]) == good
    assert owner.post_row(empty)["queued_at"] is not None
    [told] = owner.told()
    assert told["kind"] == "queued_post_passed_over"
    assert told["payload"]["post_id"] == empty
    assert "neither text nor media" in told["payload"]["reason"]


def test_an_empty_queue_skips_the_occurrence_and_tells_once(owner: Owner) -> None:
    near = owner.bring_near(slot_of(owner))
    owner.fill()
    assert occurrence(owner, near)["state"] == "open"
    time_comes(owner, near)
    owner.fill()
    owner.fill()
    over = occurrence(owner, near)
    assert (over["state"], over["error"]) == ("skipped", "Nothing was queued.")
    assert owner.kinds_told() == ["slot_empty"]


def test_a_queue_of_drafts_that_cannot_go_out_says_why(owner: Owner) -> None:
    owner.post("", queued=True)
    near = owner.bring_near(slot_of(owner))
    owner.fill()
    time_comes(owner, near)
    owner.fill()
    assert "neither text nor media" in occurrence(owner, near)["error"]


def test_many_workers_book_each_draft_and_each_place_once(
    owner: Owner, connect: Callable[[], Database]
) -> None:
    slots = owner.slots_in_fourteen_days(12)
    near = [owner.bring_near(slot, seconds=600 + 60 * n) for n, slot in enumerate(slots)]
    posts = [owner.post(f"Post {number}", queued=True) for number in range(4)]

    def fill(_number: int) -> None:
        with connect() as own, own.transaction():
            own.execute("set local role service_role")
            own.execute("select public.fill_occurrences()")

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(fill, range(12)))
    fill(0)
    booked = [o for o in (occurrence(owner, n) for n in near) if o["state"] == "booked"]
    assert sorted(str(o["post_id"]) for o in booked) == sorted(posts)
    assert [o["id"] for o in booked] == [n["id"] for n in near[:4]]


def test_a_queued_post_that_loses_its_place_is_queued_again(owner: Owner) -> None:
    post = owner.post(queued=True)
    slot = slot_of(owner)
    owner.bring_near(slot)
    owner.fill()
    owner.edit(slot, enabled=False)
    assert owner.post_row(post)["status"] == "draft"
    near = owner.bring_near(owner.edit(slot, enabled=True))
    owner.fill()
    assert str(occurrence(owner, near)["post_id"]) == post


# ---------------------------------------------------------------- drafts of the Space


def drafting(owner: Owner, **columns: Any) -> Row:
    """An occurrence for which a draft is being written."""
    near = owner.bring_near(slot_of(owner, mode="generate", **columns))
    owner.fill()
    found = occurrence(owner, near)
    assert found["state"] == "filling"
    return found


def generation(owner: Owner, found: Row) -> Row:
    """The occurrence's generation."""
    return owner.seen("select * from public.generations where id = %s", found["generation_id"])[0]


def test_the_newest_unused_article_is_taken_once(owner: Owner) -> None:
    owner.article("old", age_days=3)
    newest = owner.article("new", age_days=1)
    owner.does("update public.profiles set locale = 'fr-FR' where id = %s", owner.id)
    first = drafting(owner, brief="short and warm")
    wanted = generation(owner, first)["input"]
    assert wanted["source_item_id"] == newest
    assert wanted["article"]["title"] == "new"
    assert (wanted["platform"], wanted["tone"], wanted["language"], wanted["image"], wanted["max_length"]) == (
        "linkedin", "short and warm", "fr", True, 3000,
    )  # fmt: skip
    owner.fill()
    assert len(owner.seen("select 1 from public.generations where user_id = %s", owner.id)) == 1
    second = owner.bring_near(owner.seen("select * from public.slots where id = %s", first["slot_id"])[0], seconds=900)  # fmt: skip
    owner.fill()
    assert generation(owner, occurrence(owner, second))["input"]["article"]["title"] == "old"


def test_articles_are_handed_out_once_to_parallel_callers(
    owner: Owner, connect: Callable[[], Database]
) -> None:
    made = {owner.article(f"Article {number}", age_days=number) for number in range(6)}

    def take(_number: int) -> list[str]:
        with connect() as own:
            rows = own.execute("select id from public.take_source_items(%s, 1)", [owner.id])
            return [str(row[0]) for row in rows]

    with ThreadPoolExecutor(6) as pool:
        taken = [item for items in pool.map(take, range(12)) for item in items]
    taken += [item for number in range(6) for item in take(number)]
    assert sorted(taken) == sorted(made)


def test_a_draft_for_review_waits_for_its_owner(owner: Owner) -> None:
    owner.article()
    found = drafting(owner)
    owner.end_generation(found["id"], "complete")
    owner.fill()
    waiting = occurrence(owner, found)
    assert waiting["state"] == "review"
    post = owner.post_row(waiting["post_id"])
    assert (post["text"], post["status"], post["generation_id"]) == (
        "A draft.",
        "draft",
        found["generation_id"],
    )
    [told] = owner.told()
    assert told["kind"] == "draft_awaits_review"
    assert told["payload"]["occurrence_id"] == str(found["id"])

    approved = owner.does("select * from public.approve_occurrence(%s)", found["id"])[0]
    assert approved["state"] == "booked"
    post = owner.post_row(waiting["post_id"])
    assert (post["scheduled_at"], post["approved_by"]) == (found["occurs_at"], "owner")
    assert owner.does("select * from public.approve_occurrence(%s)", found["id"])[0] == approved


def test_next_free_slot_gives_a_draft_the_place_it_was_written_for(owner: Owner) -> None:
    owner.article()
    found = drafting(owner)
    owner.end_generation(found["id"], "complete")
    owner.fill()
    booked = owner.next_free_slot(str(occurrence(owner, found)["post_id"]))
    assert booked["id"] == found["id"]


def test_a_draft_nobody_approved_is_not_published_and_kept(owner: Owner) -> None:
    owner.article()
    found = drafting(owner)
    owner.end_generation(found["id"], "complete")
    owner.fill()
    time_comes(owner, found)
    with refused(409, "is over"):
        owner.does("select public.approve_occurrence(%s)", found["id"])
    owner.fill()
    over = occurrence(owner, found)
    assert over["state"] == "skipped"
    assert owner.post_row(over["post_id"])["status"] == "draft"
    assert "draft_not_approved" in owner.kinds_told()
    with refused(409, "no draft that waits"):
        owner.does("select public.approve_occurrence(%s)", found["id"])


def test_only_its_owner_approves(owner: Owner, database: Database) -> None:
    owner.article()
    found = drafting(owner)
    owner.end_generation(found["id"], "complete")
    owner.fill()
    with refused(404, "no such occurrence"):
        Owner.make(database).does("select public.approve_occurrence(%s)", found["id"])


def test_auto_schedules_it_and_records_who_chose_that_and_when(owner: Owner) -> None:
    owner.article()
    found = drafting(owner, approval="auto")
    slot = owner.seen("select * from public.slots where id = %s", found["slot_id"])[0]
    owner.end_generation(found["id"], "complete")
    owner.fill()
    booked = occurrence(owner, found)
    assert booked["state"] == "booked"
    post = owner.post_row(booked["post_id"])
    assert (post["status"], post["scheduled_at"]) == ("scheduled", found["occurs_at"])
    assert (post["approved_by"], post["approved_at"]) == ("slot", slot["approval_chosen_at"])


def test_a_post_of_auto_that_its_owner_takes_back_is_not_replaced(owner: Owner) -> None:
    owner.article("one")
    owner.article("two")
    found = drafting(owner, approval="auto")
    owner.end_generation(found["id"], "complete")
    owner.fill()
    post = occurrence(owner, found)["post_id"]
    owner.does("select public.unschedule_post(%s)", post)
    owner.fill()
    assert occurrence(owner, found)["state"] == "skipped"
    assert owner.post_row(post)["approved_by"] is None


def test_choosing_auto_is_recorded_when_it_is_chosen(owner: Owner) -> None:
    slot = slot_of(owner, mode="generate")
    same = owner.edit(slot, brief="words")
    assert same["approval_chosen_at"] == slot["approval_chosen_at"]
    assert owner.edit(slot, approval="auto")["approval_chosen_at"] > slot["approval_chosen_at"]


def test_an_image_of_the_space_is_in_the_post(owner: Owner) -> None:
    owner.article()
    found = drafting(owner)
    [media] = owner.seen(
        """insert into public.media (user_id, path, kind, mime, bytes, width, height, checksum, status)
           values (%s, %s, 'image', 'image/png', 10, 1, 1, repeat('a', 64), 'ready') returning id""",
        owner.id,
        f"{owner.id}/generated/{found['id']}.png",
    )
    output = {"text": "A draft.", "media_id": str(media["id"])}
    owner.end_generation(found["id"], "complete", output=output)
    owner.fill()
    post = occurrence(owner, found)["post_id"]
    rows = owner.seen("select media_id from public.post_media where post_id = %s", post)
    assert rows == [{"media_id": media["id"]}]


@pytest.mark.parametrize("error_class", ["space_failed", "space_answer_unusable"])
def test_a_space_that_fails_ends_the_occurrence_and_publishes_nothing(
    owner: Owner, error_class: str
) -> None:
    owner.article()
    found = drafting(owner, approval="auto")
    owner.end_generation(found["id"], "failed", error_class=error_class, error="It broke.")
    owner.fill()
    over = occurrence(owner, found)
    assert (over["state"], over["error"]) == ("failed", "It broke.")
    assert owner.kinds_told() == ["slot_failed"]
    assert owner.seen("select 1 from public.posts where user_id = %s", owner.id) == []


def test_a_space_that_is_asleep_is_asked_again_with_the_same_article(owner: Owner) -> None:
    article = owner.article()
    found = drafting(owner)
    owner.end_generation(
        found["id"], "failed", error_class="space_unavailable", error="The Space is asleep."
    )
    owner.fill()
    waiting = occurrence(owner, found)
    assert (waiting["state"], waiting["error"]) == ("open", "The Space is asleep.")
    assert waiting["fill_at"] > datetime.now(UTC)
    assert owner.kinds_told() == []
    owner.database.execute(
        "update public.slot_occurrences set fill_at = now() where id = %s", [found["id"]]
    )
    owner.fill()
    again = generation(owner, occurrence(owner, found))
    assert again["id"] != found["generation_id"]
    assert again["input"]["source_item_id"] == article


def test_a_space_asleep_past_the_time_fails_the_occurrence(owner: Owner) -> None:
    article = owner.article()
    found = drafting(owner, approval="auto")
    owner.database.execute(
        "update public.generations set status = 'waking' where id = %s", [found["generation_id"]]
    )
    time_comes(owner, found)
    owner.fill()
    over = occurrence(owner, found)
    assert (over["state"], over["error"]) == (
        "failed",
        "The Space was still asleep when its time came.",
    )
    assert owner.kinds_told() == ["slot_failed"]
    assert generation(owner, found)["cancel_requested_at"] is not None
    [item] = owner.seen("select used_at from public.source_items where id = %s", article)
    assert item["used_at"] is None


def test_a_draft_finished_after_its_time_is_kept_and_not_published(owner: Owner) -> None:
    owner.article()
    found = drafting(owner, approval="auto")
    owner.end_generation(found["id"], "complete")
    time_comes(owner, found)
    owner.fill()
    over = occurrence(owner, found)
    assert over["state"] == "failed"
    assert owner.post_row(over["post_id"])["status"] == "draft"
    assert owner.kinds_told() == ["slot_failed"]


def test_a_draft_too_long_for_auto_is_kept_with_the_reason(owner: Owner) -> None:
    owner.article()
    found = drafting(owner, approval="auto")
    owner.end_generation(found["id"], "complete", output={"text": "x" * 3001})
    owner.fill()
    over = occurrence(owner, found)
    assert over["state"] == "failed"
    assert "3001 characters" in over["error"]
    assert owner.post_row(over["post_id"])["status"] == "draft"


def test_without_an_unused_article_it_waits_for_one_and_fails_at_its_time(owner: Owner) -> None:
    near = owner.bring_near(slot_of(owner, mode="generate"))
    owner.fill()
    waiting = occurrence(owner, near)
    assert (waiting["state"], waiting["error"]) == (
        "open",
        "There is no unused article in your sources.",
    )
    time_comes(owner, near)
    owner.fill()
    over = occurrence(owner, near)
    assert (over["state"], over["error"]) == (
        "failed",
        "There is no unused article in your sources.",
    )
    assert owner.kinds_told() == ["slot_failed"]


def test_an_account_to_connect_again_costs_no_article(owner: Owner) -> None:
    article = owner.article()
    owner.database.execute(
        "update public.social_accounts set status = 'needs_reconnect' where id = %s",
        [owner.account],
    )
    near = owner.bring_near(slot_of(owner, mode="generate"))
    owner.fill()
    assert "connected again" in occurrence(owner, near)["error"]
    [item] = owner.seen("select used_at from public.source_items where id = %s", article)
    assert item["used_at"] is None


def test_a_booked_place_is_not_drafted_for(owner: Owner) -> None:
    owner.article()
    near = owner.bring_near(slot_of(owner, mode="generate"))
    owner.next_free_slot(owner.post())
    owner.fill()
    assert occurrence(owner, near)["state"] == "booked"
    assert owner.seen("select 1 from public.generations where user_id = %s", owner.id) == []


def test_a_paused_slot_stops_its_draft_and_gives_the_article_back(owner: Owner) -> None:
    article = owner.article()
    found = drafting(owner)
    [slot] = owner.seen("select * from public.slots where id = %s", found["slot_id"])
    owner.edit(slot, enabled=False)
    assert owner.occurrence(found["id"]) is None
    assert generation(owner, found)["status"] == "canceled"
    [item] = owner.seen("select used_at from public.source_items where id = %s", article)
    assert item["used_at"] is None


def test_a_paused_slot_keeps_a_draft_in_review_as_a_draft(owner: Owner) -> None:
    owner.article()
    found = drafting(owner)
    owner.end_generation(found["id"], "complete")
    owner.fill()
    [slot] = owner.seen("select * from public.slots where id = %s", found["slot_id"])
    owner.edit(slot, enabled=False)
    kept = occurrence(owner, found)
    assert (kept["state"], kept["error"]) == ("skipped", "The weekly slot was paused.")
    assert owner.post_row(kept["post_id"])["status"] == "draft"


def test_a_deleted_draft_skips_its_occurrence(owner: Owner) -> None:
    owner.article()
    found = drafting(owner)
    owner.end_generation(found["id"], "complete")
    owner.fill()
    owner.does("delete from public.posts where id = %s", occurrence(owner, found)["post_id"])
    skipped = occurrence(owner, found)
    assert (skipped["state"], skipped["error"]) == ("skipped", "Its post was deleted.")


def test_a_finished_draft_becomes_one_post_however_many_workers_find_it(
    owner: Owner, connect: Callable[[], Database]
) -> None:
    owner.article()
    found = drafting(owner, approval="auto")
    owner.end_generation(found["id"], "complete")

    def fill(_number: int) -> None:
        with connect() as own, own.transaction():
            own.execute("set local role service_role")
            own.execute("select public.fill_occurrences()")

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(fill, range(12)))
    assert occurrence(owner, found)["state"] == "booked"
    assert len(owner.seen("select 1 from public.posts where user_id = %s", owner.id)) == 1


@pytest.mark.parametrize("step", ["start", "finish"])
def test_a_worker_that_dies_in_the_middle_leaves_nothing_half_made(owner: Owner, step: str) -> None:
    article = owner.article()
    near = owner.bring_near(slot_of(owner, mode="generate", approval="auto"))
    if step == "finish":
        owner.fill()
        owner.end_generation(near["id"], "complete")
    before = occurrence(owner, near)
    with owner.database.transaction(
        force_rollback=True
    ):  # the connection is lost before the answer
        owner.fill()
        assert occurrence(owner, near)["state"] != before["state"]
    assert occurrence(owner, near) == before
    assert owner.seen("select 1 from public.posts where user_id = %s", owner.id) == []
    if step == "start":
        [item] = owner.seen("select used_at from public.source_items where id = %s", article)
        assert item["used_at"] is None
    owner.fill()
    after = occurrence(owner, near)["state"]
    assert after == ("filling" if step == "start" else "booked")


def test_a_canceled_generation_skips_its_occurrence(owner: Owner) -> None:
    owner.article()
    found = drafting(owner)
    owner.does("select public.cancel_generation(%s)", found["generation_id"])
    owner.fill()
    assert occurrence(owner, found)["state"] == "skipped"

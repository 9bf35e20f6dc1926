"""Two slots of an account are never closer than their gap: the later one moves, and says so."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from .owners import Database, Owner, Row, refused

WEEK = 7 * 24 * 60


def minute(slot: Row) -> int:
    """Where a slot is, as the minute of the week."""
    at = slot["adjusted_time"]
    return int((slot["adjusted_weekday"] - 1) * 1440 + at.hour * 60 + at.minute)


def place(slot: Row) -> tuple[int, str]:
    """Where a slot is, for people."""
    return slot["adjusted_weekday"], f"{slot['adjusted_time']:%H:%M}"


def too_close(slots: list[Row]) -> list[tuple[Any, Any]]:
    """Pairs of slots of one zone that are closer than the longer of their gaps."""
    found = []
    for number, one in enumerate(slots):
        for other in slots[number + 1 :]:
            apart = (minute(one) - minute(other)) % WEEK
            gap = max(one["min_gap"], other["min_gap"]) / timedelta(minutes=1)
            if (
                one["effective_timezone"] == other["effective_timezone"]
                and min(apart, WEEK - apart) < gap
            ):
                found.append((place(one), place(other)))
    return found


def test_a_free_time_stays_as_it_was_asked_for(owner: Owner) -> None:
    slot = owner.slot(1, "18:00")
    assert place(slot) == (1, "18:00")
    assert slot["moved_reason"] is None


def test_a_taken_time_moves_to_the_next_free_minute_and_says_why(owner: Owner) -> None:
    owner.slot(1, "18:00")
    slot = owner.slot(1, "18:05")
    assert slot["schedule_time"].isoformat() == "18:05:00"
    assert place(slot) == (1, "18:15")
    assert (
        slot["moved_reason"]
        == "Moved from Monday 18:05 to Monday 18:15: another slot of this account is at Monday 18:00, and 15 minutes are kept between two."
    )


def test_a_slot_moves_past_a_row_of_others(owner: Owner) -> None:
    for at in ("18:00", "18:15", "18:35"):
        owner.slot(1, at)
    assert place(owner.slot(1, "17:50")) == (1, "18:50")


def test_a_gap_that_is_just_kept_is_enough(owner: Owner) -> None:
    owner.slot(1, "18:00")
    assert place(owner.slot(1, "17:45")) == (1, "17:45")


def test_a_slot_moves_across_midnight(owner: Owner) -> None:
    owner.slot(3, "23:50")
    slot = owner.slot(3, "23:55")
    assert place(slot) == (4, "00:05")
    assert "to Thursday 00:05" in slot["moved_reason"]


def test_a_slot_moves_across_the_end_of_the_week(owner: Owner) -> None:
    owner.slot(7, "23:58")
    assert place(owner.slot(7, "23:59")) == (1, "00:13")
    assert place(owner.slot(1, "00:00")) == (1, "00:28")


def test_the_longer_gap_of_two_slots_counts(owner: Owner) -> None:
    owner.slot(1, "18:00", min_gap="2 hours")
    assert place(owner.slot(1, "18:30", min_gap="5 minutes")) == (1, "20:00")


def test_a_paused_slot_is_in_nobodys_way_until_it_is_resumed(owner: Owner) -> None:
    paused = owner.slot(1, "18:00", enabled=False)
    other = owner.slot(1, "18:00")
    assert place(other) == (1, "18:00")
    resumed = owner.edit(paused, enabled=True)
    assert place(resumed) == (1, "18:15")
    assert resumed["moved_reason"]


def test_other_accounts_and_other_zones_are_not_in_the_way(owner: Owner) -> None:
    owner.slot(1, "18:00")
    assert place(owner.slot(1, "18:00", account_id=owner.new_account())) == (1, "18:00")
    assert place(owner.slot(1, "18:00", timezone="Asia/Tokyo")) == (1, "18:00")


def test_an_edit_is_resolved_anew_and_a_change_of_words_is_not(owner: Owner) -> None:
    first = owner.slot(1, "18:00")
    moved = owner.slot(1, "18:00")
    owner.edit(first, schedule_time="12:00")
    assert place(owner.edit(moved, brief="short")) == (1, "18:15")
    freed = owner.edit(moved, schedule_time="18:01")
    assert place(freed) == (1, "18:01")
    assert freed["moved_reason"] is None


def test_a_full_week_refuses_one_more(owner: Owner) -> None:
    for weekday in range(1, 8):
        owner.slot(weekday, "12:00", min_gap="24 hours")
    with refused(409, "The week of this account is full", "Monday 15:00"):
        owner.slot(1, "15:00")


def test_an_account_has_at_most_a_hundred_slots(owner: Owner, database: Database) -> None:
    database.execute(
        """insert into public.slots (user_id, account_id, weekday, schedule_time, enabled)
           select %s, %s, 1, '12:00', false from generate_series(1, 100)""",
        [owner.id, owner.account],
    )
    with refused(409, "at most 100"):
        owner.slot(1, "12:00")


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"timezone": "Europe/Atlantis"}, "Europe/Atlantis"),
        ({"schedule_time": "18:00:30"}, "hours and minutes"),
        ({"schedule_time": "24:00"}, "hours and minutes"),
        ({"weekday": 8}, "8 is not a weekday"),
    ],
)
def test_what_cannot_be_used_is_refused_by_name(
    owner: Owner, columns: dict[str, Any], words: str
) -> None:
    wanted: dict[str, Any] = {"weekday": 1, "schedule_time": "18:00"}
    with refused(422, words):
        owner.add("slots", account_id=owner.account, **(wanted | columns))


def test_somebody_elses_account_does_not_exist(owner: Owner, database: Database) -> None:
    other = Owner.make(database)
    with refused(404, "no such account"):
        owner.slot(1, "18:00", account_id=other.account)
    with refused(404, "no such account"):
        owner.slot(1, "18:00", account_id=other.account, user_id=other.id)


def test_slots_made_at_the_same_moment_do_not_meet(
    owner: Owner, connect: Callable[[], Database]
) -> None:
    def make(_number: int) -> Row:
        with connect() as own:
            return owner.slot(1, "18:00", own)

    with ThreadPoolExecutor(12) as pool:
        slots = list(pool.map(make, range(12)))
    assert sorted(minute(slot) for slot in slots) == [18 * 60 + 15 * n for n in range(12)]


def test_slots_made_in_one_statement_do_not_meet(owner: Owner, database: Database) -> None:
    database.execute(
        """insert into public.slots (user_id, account_id, weekday, schedule_time)
           select %s, %s, 7, '23:50' from generate_series(1, 4)""",
        [owner.id, owner.account],
    )
    slots = owner.seen("select * from public.slots where user_id = %s", owner.id)
    assert sorted(place(slot) for slot in slots) == [
        (1, "00:05"), (1, "00:20"), (1, "00:35"), (7, "23:50"),
    ]  # fmt: skip


_slot = st.fixed_dictionaries(
    {
        "weekday": st.sampled_from((1, 7)),
        "schedule_time": st.builds(
            "{:02}:{:02}".format, st.sampled_from((0, 1, 23)), st.integers(0, 59)
        ),
        "min_gap": st.sampled_from(("1 minute", "15 minutes", "90 minutes")),
        "timezone": st.sampled_from((None, "Europe/Paris")),
        "enabled": st.booleans() | st.just(True),
    }
)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    made=st.lists(_slot, min_size=2, max_size=8),
    edits=st.lists(st.tuples(st.integers(0, 7), _slot), max_size=4),
    zone=st.sampled_from(("UTC", "Europe/Paris")),
)
def test_no_two_enabled_slots_of_an_account_are_ever_closer_than_their_gap(
    database: Database, made: list[Row], edits: list[tuple[int, Row]], zone: str
) -> None:
    owner = Owner.make(database)
    slots = [owner.add("slots", account_id=owner.account, **columns) for columns in made]
    for number, columns in edits:
        owner.edit(slots[number % len(slots)], **columns)
    owner.does("update public.profiles set timezone = %s where id = %s", zone, owner.id)

    slots = owner.seen("select * from public.slots where user_id = %s and enabled", owner.id)
    assert too_close(slots) == []
    times = owner.seen(
        """select o.occurs_at, s.min_gap from public.slot_occurrences o join public.slots s on s.id = o.slot_id
           where o.user_id = %s and o.state = 'open' order by o.occurs_at""",
        owner.id,
    )
    for one, other in pairwise(times):
        assert other["occurs_at"] - one["occurs_at"] >= max(one["min_gap"], other["min_gap"])
    for slot in slots:
        asked = (slot["weekday"] - 1) * 1440 + slot["schedule_time"].hour * 60 + slot["schedule_time"].minute  # fmt: skip
        assert (minute(slot) == asked) == (slot["moved_reason"] is None)

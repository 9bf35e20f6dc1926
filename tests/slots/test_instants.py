"""A wall-clock time in a zone becomes one instant: in the gap the first minute after it, doubled the first of the two."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from .owners import Database, Owner, Row

# Zones whose rules have not changed lately: Python and Postgres may bring time-zone data of different years.
ZONES = (
    "UTC", "Europe/Paris", "Europe/London", "Europe/Moscow", "America/New_York", "America/Los_Angeles", "America/St_Johns",
    "America/Caracas", "Australia/Lord_Howe", "Australia/Adelaide", "Australia/Eucla", "Pacific/Auckland", "Pacific/Chatham",
    "Pacific/Marquesas", "Pacific/Kiritimati", "Pacific/Pago_Pago", "Asia/Kathmandu", "Asia/Kolkata", "Asia/Tokyo", "Antarctica/Troll",
    "Africa/Johannesburg", "Atlantic/Azores",
)  # fmt: skip

NIGHTS = [
    # zone, date, wall-clock time, instant
    ("Europe/Paris", "2027-03-28", "01:59", "2027-03-28T00:59Z"),
    ("Europe/Paris", "2027-03-28", "02:00", "2027-03-28T01:00Z"),
    ("Europe/Paris", "2027-03-28", "02:30", "2027-03-28T01:00Z"),
    ("Europe/Paris", "2027-03-28", "03:00", "2027-03-28T01:00Z"),
    ("Europe/Paris", "2027-10-31", "01:59", "2027-10-30T23:59Z"),
    ("Europe/Paris", "2027-10-31", "02:00", "2027-10-31T00:00Z"),
    ("Europe/Paris", "2027-10-31", "02:30", "2027-10-31T00:30Z"),
    ("Europe/Paris", "2027-10-31", "03:00", "2027-10-31T02:00Z"),
    ("America/New_York", "2027-03-14", "02:45", "2027-03-14T07:00Z"),
    ("America/New_York", "2027-11-07", "01:00", "2027-11-07T05:00Z"),
    ("America/New_York", "2027-11-07", "01:59", "2027-11-07T05:59Z"),
    ("America/New_York", "2027-11-07", "02:00", "2027-11-07T07:00Z"),
    # half an hour: 02:00 becomes 02:30 in October, 02:00 becomes 01:30 in April
    ("Australia/Lord_Howe", "2027-10-03", "01:59", "2027-10-02T15:29Z"),
    ("Australia/Lord_Howe", "2027-10-03", "02:10", "2027-10-02T15:30Z"),
    ("Australia/Lord_Howe", "2027-10-03", "02:30", "2027-10-02T15:30Z"),
    ("Australia/Lord_Howe", "2027-04-04", "01:29", "2027-04-03T14:29Z"),
    ("Australia/Lord_Howe", "2027-04-04", "01:45", "2027-04-03T14:45Z"),
    ("Australia/Lord_Howe", "2027-04-04", "02:00", "2027-04-03T15:30Z"),
    # offsets of 45 minutes, and two hours of daylight saving
    ("Asia/Kathmandu", "2027-06-01", "12:00", "2027-06-01T06:15Z"),
    ("Pacific/Chatham", "2027-09-26", "03:00", "2027-09-25T14:00Z"),
    ("Antarctica/Troll", "2027-03-28", "02:15", "2027-03-28T01:00Z"),
    # a date that exists every four years
    ("Europe/Paris", "2028-02-29", "18:00", "2028-02-29T17:00Z"),
    # a whole day that never was
    ("Pacific/Apia", "2011-12-30", "18:00", "2011-12-30T10:00Z"),
]


def instant_of(database: Database, day: date, wall: time, zone: str) -> datetime:
    """What the database says."""
    row = database.execute("select private.instant_of(%s, %s, %s)", [day, wall, zone]).fetchone()
    assert row is not None
    instant: datetime = row[0]
    return instant.astimezone(UTC)


def expected(day: date, wall: time, zone: str) -> datetime:
    """What Python says: the first minute from then on that exists, its first appearance."""
    local = datetime.combine(day, wall, ZoneInfo(zone))
    while local.astimezone(UTC).astimezone(local.tzinfo).replace(tzinfo=None) != local.replace(
        tzinfo=None
    ):
        local += timedelta(minutes=1)
    return local.astimezone(UTC)


@pytest.mark.parametrize(("zone", "day", "wall", "instant"), NIGHTS)
def test_the_nights_clocks_change(
    database: Database, zone: str, day: str, wall: str, instant: str
) -> None:
    found = instant_of(database, date.fromisoformat(day), time.fromisoformat(wall), zone)
    assert found == datetime.fromisoformat(instant)


@given(
    day=st.dates(date(2015, 1, 1), date(2036, 12, 31)),
    wall=st.times().map(lambda moment: moment.replace(second=0, microsecond=0)),
    zone=st.sampled_from(ZONES),
)
@example(day=date(2028, 2, 29), wall=time(0, 0), zone="Pacific/Chatham")
def test_any_time_in_any_zone_is_what_python_says(
    database: Database, day: date, wall: time, zone: str
) -> None:
    assert instant_of(database, day, wall, zone) == expected(day, wall, zone)


@given(
    zone=st.sampled_from(("Europe/Paris", "America/New_York", "Australia/Lord_Howe", "Pacific/Chatham")),
    year=st.integers(2020, 2036),
    spring=st.booleans(),
    minutes=st.integers(-90, 150),
)  # fmt: skip
def test_around_each_change_of_clocks_it_is_what_python_says(
    database: Database, zone: str, year: int, spring: bool, minutes: int
) -> None:
    changed = change_of_clocks(zone, year, forward=spring)
    local = changed.astimezone(ZoneInfo(zone)).replace(tzinfo=None) + timedelta(minutes=minutes)
    assert instant_of(database, local.date(), local.time(), zone) == expected(
        local.date(), local.time(), zone
    )


def change_of_clocks(zone: str, year: int, *, forward: bool) -> datetime:
    """The instant at which clocks go forward, or back, in that year."""

    def offset(moment: datetime) -> timedelta:
        return moment.astimezone(ZoneInfo(zone)).utcoffset() or timedelta()

    day = datetime(year, 1, 1, tzinfo=UTC)
    while day.year == year:
        before, after = offset(day), offset(day + timedelta(days=1))
        if before != after and (after > before) == forward:
            steps = (day + timedelta(minutes=30 * n) for n in range(1, 49))
            return next(moment for moment in steps if offset(moment) == after)
        day += timedelta(days=1)
    raise AssertionError(f"clocks do not change in {zone} in {year}")


def opened_since(database: Database, owner: Owner, since: str) -> list[Row]:
    """What is opened for the owner's slots when that is now, and nothing else."""
    database.execute("delete from public.slot_occurrences where user_id = %s", [owner.id])
    database.execute(
        """select private.open_slots(array(select id from public.slots where user_id = %s), %s::timestamptz)""",
        [owner.id, since],
    )
    return owner.occurrences()


CHANGES = [
    # zone, time of two slots, day before the change, local times on the change and a week later
    ("Europe/Paris", "02:30", "2027-03-22", ["2027-03-28 03:00", "2027-04-04 02:30"]),
    ("Europe/Paris", "02:30", "2027-10-25", ["2027-10-31 02:30", "2027-11-07 02:30"]),
    ("America/New_York", "02:15", "2027-03-08", ["2027-03-14 03:00", "2027-03-21 02:15"]),
    ("America/New_York", "01:15", "2027-11-01", ["2027-11-07 01:15", "2027-11-14 01:15"]),
    ("Australia/Lord_Howe", "02:15", "2027-09-27", ["2027-10-03 02:30", "2027-10-10 02:15"]),
    ("Australia/Lord_Howe", "01:45", "2027-03-29", ["2027-04-04 01:45", "2027-04-11 01:45"]),
]


@pytest.mark.parametrize(("zone", "at", "since", "local"), CHANGES)
def test_a_slot_takes_place_once_on_the_night_clocks_change(
    owner: Owner, database: Database, zone: str, at: str, since: str, local: list[str]
) -> None:
    owner.slot(7, at, timezone=zone)
    far = opened_since(database, owner, since)
    shown = [f"{o['occurs_at'].astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M}" for o in far]
    assert shown == local
    assert [bool(o["moved_reason"]) for o in far] == [not local[0].endswith(at), False]


def test_two_slots_in_the_hour_that_does_not_exist_keep_their_distance(
    owner: Owner, database: Database
) -> None:
    for at in ("02:10", "02:40"):
        owner.slot(7, at, timezone="Europe/Paris")
    night = opened_since(database, owner, "2027-03-22")[:2]
    assert [o["occurs_at"] for o in night] == [
        datetime(2027, 3, 28, 1, 0, tzinfo=UTC),
        datetime(2027, 3, 28, 1, 15, tzinfo=UTC),
    ]
    assert "02:40 does not exist" in night[1]["moved_reason"]
    assert "to 2027-03-28 03:15" in night[1]["moved_reason"]


def test_a_slot_takes_place_on_the_29th_of_february(owner: Owner, database: Database) -> None:
    owner.slot(2, "18:00", timezone="Europe/Paris")  # 29 February 2028 is a Tuesday
    days = [o["local_date"] for o in opened_since(database, owner, "2028-02-23")]
    assert days == [date(2028, 2, 29), date(2028, 3, 7)]

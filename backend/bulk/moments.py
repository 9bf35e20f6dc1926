"""Dates and times as people and spreadsheets write them, in English and French. What could be two days is not guessed."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, timezone, tzinfo
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

import dateparser

from ..core.importing import DateOrder

_FIGURES = re.compile(r"(\d{1,4})([./-])(\d{1,2})\2(\d{2}|\d{4})(?:[T,\s]+(\S.*))?")
_TIME = re.compile(
    r"(?:(?:at|à)\s+)?(\d{1,2})(?:\s*[:.h]\s*(\d{2})(?::(\d{2})(?:[.,]\d{1,9})?)?|\s*h)?\s*(?:([ap])\.?\s?m\.?)?",
    re.IGNORECASE,
)
_OFFSET = re.compile(r"(.*\d.*?[\dMmHh.])\s*(Z|UTC|GMT|[+-]\d{2}:?\d{2}|[+-]\d{2})", re.IGNORECASE)
_SERIAL = re.compile(r"\d{5}(?:[.,]\d+)?")
_FRACTION = re.compile(r"0?[.,]\d+")
_HOURS = re.compile(r"\b(\d{1,2})\s*h\s*(\d{2})?\b", re.IGNORECASE)  # 18 h, 18h30
_WORD = re.compile(r"[^\W\d_]{3,}")
_YEAR = re.compile(r"\d{1,2}\D+\d{2,4}|\d{4}")
_SHIFT = re.compile(r"(?:UTC|GMT)?\s*([+-])(\d{1,2})(?::?(\d{2}))?", re.IGNORECASE)
_DAY_ZERO = datetime(1899, 12, 30)  # noqa: DTZ001 - of Excel, whose 1900 has a 29 February


class Unreadable(ValueError):
    """A cell that is no moment; the message says it to whoever wrote it."""


@dataclass(frozen=True)
class Moment:
    """An instant in UTC, and what had to be decided to name it."""

    at: datetime
    note: str | None = None


def order_of(cells: Iterable[str], hint: DateOrder | None) -> DateOrder | None:
    """Which comes first in dates of figures, by those that leave no choice; else the hint, which may be None: nobody knows."""
    seen: set[DateOrder] = set()
    for cell in cells:
        figures = _FIGURES.match(cell.strip())
        if figures and len(figures[1]) <= 2 and figures[2] != ".":
            seen |= {"day_first"} if int(figures[1]) > 12 else set()
            seen |= {"month_first"} if int(figures[3]) > 12 else set()
    # a file with both was put together from two; then each date that leaves a choice is asked about
    return hint if not seen else seen.pop() if len(seen) == 1 else None


def read_moment(date: str, clock: str, zone: tzinfo, order: DateOrder | None) -> Moment:
    """The instant that a date and a time of day name, in this zone unless they say another. `clock` may be empty when the
    date has the time with it. An hour that the clocks skip moves forward, one they repeat is the first. Raises Unreadable."""
    date, clock = date.strip(), clock.strip()
    if clock:
        date = f"{_date_of_serial(date)} {_clock_of_fraction(clock)}"
    said = _OFFSET.fullmatch(date)
    if said and (":" in said[1] or "h" in said[1].lower()):
        date, zone = said[1].strip(), read_zone(said[2].replace("Z", "UTC").replace("z", "UTC"))
    return _placed(_local(date, order), zone)


def read_zone(cell: str) -> tzinfo:
    """An IANA zone in any case, or a distance from UTC. Raises Unreadable."""
    name = cell.strip()
    if name.casefold() in ("utc", "gmt", "z"):
        return UTC
    shift = _SHIFT.fullmatch(name)
    if shift:
        distance = timedelta(hours=int(shift[2]), minutes=int(shift[3] or 0))
        if distance > timedelta(hours=14):
            raise Unreadable(f'"{name[:50]}" is no distance from UTC.')
        return timezone(distance if shift[1] == "+" else -distance)
    known = _zones().get(name.casefold().replace(" ", "_"))
    if known is None:
        raise Unreadable(f'"{name[:50]}" is no time zone; use an IANA name such as Europe/Paris.')
    return ZoneInfo(known)


@cache
def _zones() -> dict[str, str]:
    return {name.casefold(): name for name in available_timezones()}


def _local(text: str, order: DateOrder | None) -> datetime:
    if _SERIAL.fullmatch(text):
        return _of_serial(text)
    figures = _FIGURES.fullmatch(text)
    if figures:
        day = _day(figures, order)
        if not figures[5]:
            raise Unreadable(f'"{text[:50]}" has no time of day; write {day:%Y-%m-%d} 09:00.')
        return datetime.combine(day, _clock(figures[5]))
    if _WORD.search(text) and _YEAR.search(text) and len(text) <= 60:
        found = dateparser.parse(
            _HOURS.sub(lambda hour: f"{hour[1]}:{hour[2] or '00'}", text),
            languages=["en", "fr"],
            settings={
                "PARSERS": ["absolute-time"],
                "REQUIRE_PARTS": ["day", "month", "year"],
                "DATE_ORDER": "DMY",
                "RETURN_AS_TIMEZONE_AWARE": False,
            },
        )
        if found is not None and re.search(r"\d\s*[:h]|\d\s*[ap]\.?\s?m", text, re.IGNORECASE):
            return found.replace(microsecond=0)
        if found is not None:
            raise Unreadable(f'"{text[:50]}" has no time of day; write {found:%Y-%m-%d} 09:00.')
    raise Unreadable(f'"{text[:50]}" cannot be read as a date and time; write 2026-12-01 09:30.')


def _day(figures: re.Match[str], order: DateOrder | None) -> datetime:
    first, second, last = int(figures[1]), int(figures[3]), int(figures[4])
    if len(figures[1]) == 4:
        year, month, day = first, second, last
    else:
        year = last + 2000 if last < 100 else last
        day_first = figures[2] == "." or first > 12 or order == "day_first"
        if not day_first and second <= 12 and first != second and order is None:
            raise Unreadable(
                f'"{figures[0][:50]}" may be two days; write {year}-{first:02}-{second:02} or {year}-{second:02}-{first:02}, '
                "or say with ?dates= whether the day or the month is first."
            )
        # an order that cannot be meant here gives way: 12/25/2026 has only one reading
        day, month = (first, second) if day_first and second <= 12 else (second, first)
    try:
        return datetime(year, month, day)  # noqa: DTZ001 - the zone is put on later
    except ValueError:
        raise Unreadable(f'There is no day "{figures[0][:50]}".') from None


def _clock(text: str) -> time:
    found = _TIME.fullmatch(text.strip())
    if not found or not (found[2] or found[4] or "h" in text.lower()):
        raise Unreadable(f'"{text[:30]}" is no time of day; write 09:30.')
    hour, minute, second = int(found[1]), int(found[2] or 0), int(found[3] or 0)
    if found[4]:
        if not 1 <= hour <= 12:
            raise Unreadable(f'"{text[:30]}": with am or pm the hour is 1 to 12.')
        hour = hour % 12 + (12 if found[4].lower() == "p" else 0)
    if hour > 23 or minute > 59 or second > 59:
        raise Unreadable(f'"{text[:30]}" is no time of day: 00:00 to 23:59.')
    return time(hour, minute, second)


def _of_serial(text: str) -> datetime:
    days = float(text.replace(",", "."))
    return _DAY_ZERO + timedelta(seconds=round(days * 86400))


def _date_of_serial(text: str) -> str:
    return f"{_of_serial(text):%Y-%m-%d}" if _SERIAL.fullmatch(text) else text


def _clock_of_fraction(text: str) -> str:
    if not _FRACTION.fullmatch(text):
        return text
    return f"{_DAY_ZERO + timedelta(seconds=round(float(text.replace(',', '.')) * 86400)):%H:%M:%S}"


def _placed(local: datetime, zone: tzinfo) -> Moment:
    try:
        at = local.replace(tzinfo=zone, fold=0).astimezone(UTC)
        shown = at.astimezone(zone).replace(tzinfo=None)
        again = local.replace(tzinfo=zone, fold=1).astimezone(UTC)
    except OverflowError:
        raise Unreadable(f"The year {local.year} is out of reach.") from None
    if shown != local:
        return Moment(at, f"The clocks of {zone} skip {local:%H:%M} on that day; it is {shown:%H:%M} then.")  # fmt: skip
    if again != at:
        return Moment(at, f"The clocks of {zone} show {local:%H:%M} twice on that day; it is the first.")  # fmt: skip
    return Moment(at)

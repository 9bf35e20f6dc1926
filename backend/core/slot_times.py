"""A weekly time as people write it: "Monday 18:00", "lundi 18h30", "fri 6:30 pm". Understood here, never stored as text."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import time

from .errors import InvalidInput

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_JOURS = ("lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche")
_WEEKDAY = {
    word: number
    for names in (WEEKDAYS, _JOURS)
    for number, name in enumerate(names, start=1)
    for word in (name.casefold(), name.casefold()[:3])
}
_NOON = ("noon", "midi")
_MIDNIGHT = ("midnight", "minuit")
_PARTS = re.compile(r"\s*([^\W\d_]+)\.?,?\s+(?:(?:at|à|a)\s+)?(\S.*?)\s*", re.IGNORECASE)
_OF_24 = re.compile(r"([0-9]{1,2})(?:[:.]([0-9]{2})|\s*h\s*([0-9]{2})?)", re.IGNORECASE)
_OF_12 = re.compile(r"([0-9]{1,2})(?:[:.]([0-9]{2}))?\s*([ap])\.?m\.?", re.IGNORECASE)


@dataclass(frozen=True)
class SlotTime:
    """A minute of the week in a zone that is named elsewhere. `weekday` is ISO: Monday 1 to Sunday 7."""

    weekday: int
    at: time

    def __str__(self) -> str:
        return f"{WEEKDAYS[self.weekday - 1]} {self.at:%H:%M}"


def parse_when(text: str) -> SlotTime:
    """A weekday and a time, in English or French, the day in full or by three letters.

    Times are 18:00, 18.00, 18h, 18h30, 6 pm, 6:30 pm, noon, midi. Raises InvalidInput about the field `when`.
    """
    parts = _PARTS.fullmatch(text)
    if parts is None:
        raise InvalidInput.of("when", _unreadable(text))
    weekday = _WEEKDAY.get(parts[1].casefold())
    if weekday is None:
        raise InvalidInput.of(
            "when",
            f'"{parts[1][:30]}" is not a weekday; write it in full or by three letters: Monday, Mon, lundi, lun.',
        )
    return SlotTime(weekday, parse_time(parts[2]))


def parse_time(text: str) -> time:
    """A time of day, as in `parse_when`. Raises InvalidInput about the field `when`."""
    word = text.strip().casefold()
    if word in _NOON:
        return time(12)
    if word in _MIDNIGHT:
        raise InvalidInput.of(
            "when",
            f'"{word}" is the end of one day and the start of another; write 00:00 or 23:59.',
        )
    if found := _OF_12.fullmatch(word):
        hour, minute = int(found[1]), int(found[2] or 0)
        if not 1 <= hour <= 12:
            raise InvalidInput.of("when", f'"{text[:30]}": with am or pm the hour is 1 to 12.')
        hour = hour % 12 + (12 if found[3] == "p" else 0)
    elif found := _OF_24.fullmatch(word):
        hour, minute = int(found[1]), int(found[2] or found[3] or 0)
    else:
        raise InvalidInput.of("when", _unreadable(text))
    if hour > 23 or minute > 59:
        raise InvalidInput.of("when", f'"{text[:30]}" is not a time of day: 00:00 to 23:59.')
    return time(hour, minute)


def _unreadable(text: str) -> str:
    return f'"{text.strip()[:50]}" cannot be read as a weekly time; write a weekday and a time, such as Monday 18:00 or lundi 18h.'

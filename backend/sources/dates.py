"""Dates as feeds write them: without a zone, in the server's language, as seconds since 1970, or not at all."""

from __future__ import annotations

import calendar
import re
from datetime import UTC, datetime
from typing import Any

# Each language is a table that is loaded when the ones before it did not fit, so there are not all two hundred of them.
_LANGUAGES = (
    "en", "de", "fr", "es", "it", "pt", "nl", "pl", "ru", "uk", "cs", "sv", "da", "nb",
    "fi", "hu", "ro", "el", "tr", "ja", "ko", "zh", "ar", "he",
)  # fmt: skip
# Strict: a day, a month and a year, or nothing. "Today" would be another day at every reading.
_SETTINGS = {
    "STRICT_PARSING": True,
    "TIMEZONE": "UTC",
    "RETURN_AS_TIMEZONE_AWARE": True,
    "PARSERS": ["absolute-time"],
}
_SLASHES = re.compile(r"(\d{4})/(\d\d?)/(\d\d?)")
_YEAR = re.compile(r"(?<!\d)(?:19|20)\d\d(?!\d)")
_SECONDS = re.compile(r"\d{9,10}")
# 03/04/2026 is a day in March or in April; 09.03.2026 is not in doubt.
_IN_DOUBT = re.compile(r"\s*\d{1,2}/\d{1,2}/\d{4}")
_LONGEST = 80
# What this library cannot read costs it a tenth of a second.
_PATIENCE = 20


class Dates:
    """Reads the dates of one feed. After 20 that nobody can read it tries the quick ways only."""

    def __init__(self) -> None:
        self._parser: Any = None
        self._misses = 0

    def read(self, written: object, parsed: Any = None) -> datetime | None:
        """The moment in UTC, without a zone taken as UTC, or None where it does not name one day.

        `parsed` is the nine numbers that feedparser made of it, if it could."""
        if not isinstance(written, str) or not (written := written.strip()[:_LONGEST]):
            return None
        if _SECONDS.fullmatch(written):
            return datetime.fromtimestamp(int(written), UTC)
        written = _SLASHES.sub(r"\1-\2-\3", written)
        # feedparser takes the beginning of "2026-03-03 오전 10:00" for the whole
        quick = (_iso(written) or _from_tuple(parsed)) if written.isascii() else None
        return quick or self._in_words(written)

    def _in_words(self, written: str) -> datetime | None:
        if self._misses >= _PATIENCE or not _YEAR.search(written) or _IN_DOUBT.match(written):
            return None
        if self._parser is None:
            # here, because its tables are large and most feeds never need them
            from dateparser.date import DateDataParser

            self._parser = DateDataParser(languages=list(_LANGUAGES), settings=_SETTINGS)
        try:
            found: datetime | None = self._parser.get_date_data(written).date_obj
        except (ValueError, OverflowError):
            found = None
        if found is None:
            self._misses += 1
            return None
        return found.astimezone(UTC)


def _iso(written: str) -> datetime | None:
    try:
        when = datetime.fromisoformat(written)
        return when.replace(tzinfo=when.tzinfo or UTC).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _from_tuple(parsed: Any) -> datetime | None:
    try:
        return datetime.fromtimestamp(calendar.timegm(parsed), UTC) if parsed else None
    except (OverflowError, ValueError, OSError):
        return None

"""Until when LinkedIn takes a version of its API. Source: LinkedIn, "Migrations and versions" (page of 2026-09-16)."""

from __future__ import annotations

from datetime import date

# 202512 is not in LinkedIn's list; whether it exists is not known.
_ENDS = {
    "202510": date(2026, 10, 15),
    "202511": date(2026, 11, 16),
    "202601": date(2027, 1, 15),
    "202602": date(2027, 2, 15),
    "202603": date(2027, 3, 16),
    "202604": date(2027, 4, 15),
    "202605": date(2027, 5, 15),
    "202606": date(2027, 6, 15),
    "202607": date(2027, 7, 15),
    "202608": date(2027, 8, 17),
    "202609": date(2027, 9, 15),
}
# The day of LinkedIn's list: what is older than all in it was refused by then.
_LISTED = date(2026, 9, 16)


def version_ends(version: str) -> date | None:
    """The day on which LinkedIn stops taking a version (YYYYMM); None for one whose end is not known."""
    return _LISTED if version < min(_ENDS) else _ENDS.get(version)

"""Which ``LinkedIn-Version`` values are active, and until when (platform facts 1.8)."""

from __future__ import annotations

import re

from .errors import LinkedInError

#: Version and the day it ends, from LinkedIn's "Migrations and versions" page of 2026-09-16.
#: 202512 is not in that list; 202509 and older were refused already.
ENDS = {
    "202510": "2026-10-15",
    "202511": "2026-11-16",
    "202601": "2027-01-15",
    "202602": "2027-02-15",
    "202603": "2027-03-16",
    "202604": "2027-04-15",
    "202605": "2027-05-15",
    "202606": "2027-06-15",
    "202607": "2027-07-15",
    "202608": "2027-08-17",
    "202609": "2027-09-15",
}
#: The list ends here, so this one keeps answering after its day: otherwise a copy of this program
#: would refuse every version from 2027-09-15 on. Older versions end on their days.
NEWEST = max(ENDS)


def check_version(value: str | None, today: str) -> str:
    """The version if it is active on ``today`` (``YYYY-MM-DD``, UTC).

    Raises LinkedInError: 400 when absent or malformed, 426 when retired or not yet released. The
    status for a malformed one is unconfirmed. A version is refused from its ending day on (the
    strictest reading of "ends").
    """
    if not value:
        message = "A version must be present. Please specify a version by adding the LinkedIn-Version header."
        raise LinkedInError(400, message, "VERSION_MISSING")
    if not re.fullmatch(r"20\d\d(0[1-9]|1[0-2])", value):
        raise LinkedInError(400, f"Malformed version {value[:20]}: expected YYYYMM")
    end = ENDS.get(value)
    if end is None or (value != NEWEST and today >= end):
        message = f"Requested version {value} is not active"
        raise LinkedInError(426, message, "NONEXISTENT_VERSION")
    return value

"""The version in the path, and until when each lives (platform facts 3.7)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from _typeshed.wsgi import StartResponse, WSGIApplication

#: Version and the day it ends (UTC); v26.0 has no end yet.
ENDS = {
    (21, 0): "2027-01-21",
    (22, 0): "2027-05-20",
    (23, 0): "2027-10-08",
    (24, 0): "2028-02-18",
    (25, 0): "2028-07-29",
    (26, 0): "9999-12-31",
}
Version = tuple[int, int]
_IN_PATH = re.compile(r"/v(\d{1,3})\.(\d)(?=/|$)")


class Versioned:
    """Takes ``/v24.0`` off the path and leaves the version in ``graph.version`` (None: not sent)."""

    def __init__(self, application: WSGIApplication) -> None:
        self._application = application

    def __call__(self, environ: dict[str, Any], start: StartResponse) -> Iterable[bytes]:
        """WSGI (PEP 3333)."""
        found = _IN_PATH.match(environ["PATH_INFO"])
        if found:
            environ["SCRIPT_NAME"] += found[0]
            environ["PATH_INFO"] = environ["PATH_INFO"][found.end() :] or "/"
            environ["graph.version"] = (int(found[1]), int(found[2]))
        return self._application(environ, start)


def served(asked: Version | None, today: str) -> Version | None:
    """The version that answers on ``today`` (``YYYY-MM-DD``); None when there is no such one yet.

    A dead version is served by the oldest live one, silently; so is a call without a version (an
    app's oldest is not modelled).
    """
    oldest = min(version for version, end in ENDS.items() if today < end)
    if asked is None or asked < oldest:
        return oldest
    return asked if asked in ENDS else None

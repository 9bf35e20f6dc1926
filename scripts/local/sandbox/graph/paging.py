"""Lists in pages, with cursors and the address of the next page."""

from __future__ import annotations

import base64
from typing import Any
from urllib.parse import urlencode

from flask import request

from .errors import bad_parameter
from .parameters import parameters

_DEFAULT, _MOST = 25, 100


def paged(entries: list[dict[str, Any]], host: str) -> dict[str, Any]:
    """``{"data", "paging"}`` with what ``limit``, ``after`` and ``before`` ask for.

    ``next`` is a whole address on ``host`` and carries the token, as Meta's does.
    """
    sent = parameters()
    limit = sent.whole("limit")
    limit = _DEFAULT if limit is None else limit
    if limit < 1:
        raise bad_parameter("Param limit must be positive.")
    limit = min(limit, _MOST)
    start = _position(sent.text("after")) + 1 if sent.has("after") else 0
    if sent.has("before"):
        start = max(0, _position(sent.text("before")) - limit)
    shown = entries[start : start + limit]
    if not shown:
        return {"data": []}
    last = start + len(shown) - 1
    paging: dict[str, Any] = {"cursors": {"before": _cursor(start), "after": _cursor(last)}}
    if last + 1 < len(entries):
        query = request.args.to_dict() | {"limit": str(limit), "after": _cursor(last)}
        if "access_token" not in query:
            query["access_token"] = request.headers.get("Authorization", "").partition(" ")[2]
        # The version was taken off the path; the host is the first segment of what was mounted.
        mounted = request.environ["SCRIPT_NAME"].removeprefix(f"/{host}")
        paging["next"] = f"https://{host}{mounted}{request.path}?{urlencode(query)}"
    return {"data": shown, "paging": paging}


def _cursor(position: int) -> str:
    return base64.urlsafe_b64encode(f"at:{position}".encode()).decode()


def _position(cursor: str) -> int:
    try:
        kind, _, number = base64.urlsafe_b64decode(cursor).decode().partition(":")
        if kind == "at":
            return int(number)
    except ValueError:
        pass
    raise bad_parameter("Invalid cursors values were sent.")

"""JSON Feed 1.0 and 1.1."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from backend.core.errors import UnreadableSource
from backend.core.ports import Fetched

from .dates import Dates
from .items import Entry
from .text import believable, html_text, one_line, paragraphs, web_address

_VERSION = ("https://jsonfeed.org/version/", "http://jsonfeed.org/version/")


def read_json(
    fetched: Fetched, now: datetime, most: int
) -> tuple[str, frozenset[str], Iterator[Entry]]:
    """Title, own addresses and at most `most` entries. Raises UnreadableSource for other JSON."""
    try:
        parsed = json.loads(fetched.body)
    except (ValueError, RecursionError):
        parsed = None
    version = parsed.get("version") if isinstance(parsed, dict) else None
    if not isinstance(version, str) or not version.startswith(_VERSION):
        raise UnreadableSource(f"{fetched.url} is JSON, but not a feed.")
    items = _list(parsed.get("items"))
    own = frozenset(_string(parsed.get(name)) for name in ("home_page_url", "feed_url")) - {""}
    return _string(parsed.get("title")), own, _entries(items[:most], fetched.url, now)


def _entries(items: Iterable[dict[str, Any]], base: str, now: datetime) -> Iterator[Entry]:
    dates = Dates()
    for item in items:
        guid = item.get("id")
        attached = [one.get("url") for one in _list(item.get("attachments"))]
        addresses = (
            web_address(one, base) for one in (item.get("url"), item.get("external_url"), *attached)
        )
        text = html_text(_string(item.get("content_html"))) or paragraphs(
            _string(item.get("content_text")) or _string(item.get("summary"))
        )
        when = dates.read(item.get("date_published")) or dates.read(item.get("date_modified"))
        yield Entry(
            # The specification asks readers to accept numbers.
            one_line(str(guid), limit=10_000) if isinstance(guid, (str, int, float)) else "",
            next((one for one in addresses if one), None),
            one_line(_string(item.get("title"))),
            text,
            believable(when, now),
        )


def _list(value: object) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _string(value: object) -> str:
    return value if isinstance(value, str) else ""

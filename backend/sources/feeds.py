"""RSS, Atom and JSON feeds as articles in plain text."""

from __future__ import annotations

import calendar
import hashlib
import html
import io
import json
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import feedparser

from backend.core.errors import UnreadableSource
from backend.core.ports import Feed, FeedItem, Fetched

from .text import (
    believable,
    content_type,
    host_of,
    html_text,
    html_tree,
    one_line,
    paragraphs,
    web_address,
)

MAX_ITEMS = 500
MAX_ITEMS_READ = 5000
MAX_GUID = 512

_FEED_TYPES = ("application/rss+xml", "application/atom+xml", "application/feed+json")
_JSON_FEED = "https://jsonfeed.org/version/"


def read_feed(fetched: Fetched, *, now: datetime) -> Feed:
    """The feed in the bytes: RSS 0.9x to 2.0, Atom, JSON Feed 1.x; broken XML as far as it can be read.

    Of the first 5,000 items the newest 500 are kept, newest first, undated ones after them in the feed's
    order. The guid is the feed's own, else the link without fragment and campaign parameters, else
    the SHA-256 of title and text; of items with the same guid the first stays. A date in the future is None,
    up to a day ahead it is `now`. Texts are cut at 100,000 characters.
    Raises UnreadableSource; for a web page it names the feed that the page links to.
    """
    if not fetched.body.strip():
        raise UnreadableSource(f"{fetched.url} answered with nothing.")
    if fetched.body.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{"):
        title, items = _json_feed(fetched, now)
    else:
        title, items = _xml_feed(fetched, now)
    found: dict[str, FeedItem] = {}
    for item in items:
        found.setdefault(item.guid, item)
    oldest = datetime.min.replace(tzinfo=UTC)
    newest_first = sorted(
        found.values(), key=lambda item: item.published_at or oldest, reverse=True
    )
    return Feed(one_line(title) or host_of(fetched.url), newest_first[:MAX_ITEMS])


# ------------------------------------------------------------------------------------ RSS and Atom


def _xml_feed(fetched: Fetched, now: datetime) -> tuple[str, Iterator[FeedItem]]:
    # As a stream: feedparser takes bytes for a file name first, and would open it.
    # Its own HTML cleaning is off because only text is taken from the HTML, which is done below.
    parsed = feedparser.parse(
        io.BytesIO(fetched.body),
        response_headers={
            "content-type": fetched.headers.get("Content-Type", ""),
            "content-location": fetched.url,
        },
        resolve_relative_uris=False,
        sanitize_html=False,
    )
    if not parsed.version:
        raise UnreadableSource(_what_it_is_instead(fetched))
    entries = parsed.entries[:MAX_ITEMS_READ]
    return _text_of(parsed.feed.get("title_detail")), _entries(entries, fetched.url, now)


def _entries(entries: Iterable[Any], base: str, now: datetime) -> Iterator[FeedItem]:
    for entry in entries:
        enclosed = [one.get("href") for one in entry.get("enclosures", [])]
        addresses = (web_address(one, base) for one in [entry.get("link"), *enclosed])
        # The longest is the article, the others are teasers of it.
        texts = [*entry.get("content", []), entry.get("summary_detail")]
        longest = max(texts, key=lambda one: len(one["value"]) if one else 0)
        item = _item(
            guid=entry.get("id"),
            url=next((one for one in addresses if one), None),
            title=_text_of(entry.get("title_detail")),
            text=_text_of(longest),
            published_at=believable(
                # Past feedparser's own `get`, which takes one for the other and warns about it.
                _from_tuple(dict.get(entry, "published_parsed"))
                or _from_tuple(dict.get(entry, "updated_parsed")),
                now,
            ),
        )
        if item:
            yield item


def _text_of(detail: Any) -> str:
    """Plain text of one of feedparser's text constructs ({"type", "value"})."""
    if not detail or not detail.get("value"):
        return ""
    value: str = detail["value"]
    if "html" in (detail.get("type") or ""):
        return html_text(value)
    # RSS does not say whether a text is HTML; feedparser goes by tags, so entities may be left.
    return paragraphs(html.unescape(value))


def _from_tuple(parsed: Any) -> datetime | None:
    try:
        return datetime.fromtimestamp(calendar.timegm(parsed), UTC) if parsed else None
    except (OverflowError, ValueError, OSError):
        return None


# ------------------------------------------------------------------------------------ JSON Feed


def _json_feed(fetched: Fetched, now: datetime) -> tuple[str, Iterator[FeedItem]]:
    try:
        parsed = json.loads(fetched.body)
    except (ValueError, RecursionError):
        parsed = None
    version = parsed.get("version") if isinstance(parsed, dict) else None
    if not isinstance(version, str) or not version.startswith(_JSON_FEED):
        raise UnreadableSource(f"{fetched.url} is JSON, but not a feed.")
    items = parsed.get("items")
    entries = [one for one in items if isinstance(one, dict)] if isinstance(items, list) else []
    return _string(parsed.get("title")), _json_entries(entries[:MAX_ITEMS_READ], fetched.url, now)


def _json_entries(
    entries: Iterable[dict[str, Any]], base: str, now: datetime
) -> Iterator[FeedItem]:
    for entry in entries:
        guid = entry.get("id")
        text = html_text(_string(entry.get("content_html"))) or paragraphs(
            _string(entry.get("content_text")) or _string(entry.get("summary"))
        )
        item = _item(
            # The specification asks readers to accept numbers.
            guid=str(guid) if isinstance(guid, (str, int, float)) else None,
            url=web_address(entry.get("url"), base) or web_address(entry.get("external_url"), base),
            title=_string(entry.get("title")),
            text=text,
            published_at=believable(
                _from_iso(entry.get("date_published")) or _from_iso(entry.get("date_modified")), now
            ),
        )
        if item:
            yield item


def _string(value: object) -> str:
    return value if isinstance(value, str) else ""


def _from_iso(value: object) -> datetime | None:
    try:
        when = datetime.fromisoformat(_string(value))
        return when.replace(tzinfo=when.tzinfo or UTC).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


# ------------------------------------------------------------------------------------ both


def _item(
    *, guid: str | None, url: str | None, title: str, text: str, published_at: datetime | None
) -> FeedItem | None:
    """The item, or None when there is nothing to read in it. Without a title its first words are one."""
    title = one_line(title)
    if not (title or text):
        return None
    guid = one_line(guid or "", limit=MAX_GUID + 1)
    if not guid and url:
        guid = _canonical(url)
    if not guid or len(guid) > MAX_GUID:
        # NUL cannot occur in either, so no two pairs of title and text are joined to the same string.
        name = guid or f"{title}\0{text}"
        guid = f"sha256:{hashlib.sha256(name.encode()).hexdigest()}"
    return FeedItem(guid, url, title or one_line(text, limit=100), text, published_at)


def _canonical(url: str) -> str:
    """The link as an identity: host in lower case, no fragment, no campaign parameters."""
    parts = urlsplit(url)
    query = urlencode(
        [
            (name, value)
            for name, value in parse_qsl(parts.query, keep_blank_values=True)
            if not name.lower().startswith("utm_")
        ]
    )
    return urlunsplit((parts.scheme, parts.netloc.lower(), parts.path or "/", query, ""))


def _what_it_is_instead(fetched: Fetched) -> str:
    media_type, charset = content_type(fetched)
    start = fetched.body[:2000].lower()
    if "html" not in media_type and b"<html" not in start and b"<!doctype html" not in start:
        return f"{fetched.url} is not a feed: it is neither RSS, Atom nor JSON Feed."
    message = f"{fetched.url} is a web page, not a feed."
    tree = html_tree(fetched.body, charset)
    for link in () if tree is None else tree.iter("link"):
        rel = (link.get("rel") or "").lower().split()
        address = web_address(link.get("href"), fetched.url)
        if "alternate" in rel and (link.get("type") or "").lower() in _FEED_TYPES and address:
            return f"{message} Its feed is at {address}"
    return f"{message} It does not name a feed either; add it as a page instead."

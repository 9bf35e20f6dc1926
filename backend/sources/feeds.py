"""RSS, Atom and JSON feeds as articles in plain text."""

from __future__ import annotations

import html
import io
import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

import feedparser

from backend.core.errors import UnreadableSource
from backend.core.ports import Feed, Fetched

from .dates import Dates
from .items import Entry, identified
from .json_feeds import read_json
from .text import (
    believable,
    content_type,
    host_of,
    html_text,
    html_tree,
    mended_xml,
    one_line,
    paragraphs,
    web_address,
)

MAX_ITEMS = 500
MAX_ITEMS_READ = 5000

_FEED_TYPES = ("application/rss+xml", "application/atom+xml", "application/feed+json")
_MARKUP = re.compile(r"<[a-zA-Z/!]|&#?\w+;")
# What is still HTML when its tags are taken off was escaped twice.
_STILL_HTML = re.compile(r"\s*<(p|div|h[1-6]|ul|ol|table|blockquote|figure|img|span|br)\b[^>]*>")
_REFRESH = re.compile(r"\s*+[\d.]*+\s*+;\s*+url\s*+=(.+)", re.IGNORECASE | re.DOTALL)


def read_feed(fetched: Fetched, *, now: datetime) -> Feed:
    """The feed in the bytes: RSS 0.9x to 2.0, Atom, JSON Feed 1.x; broken XML as far as it can be read.

    Of the first 5,000 items the newest 500 are kept, newest first, undated ones after them in the feed's
    order. What names an item is told in items.py. A date in the future is None, up to a day ahead it is
    `now`. Texts are cut at 100,000 characters.
    Raises UnreadableSource; for a web page it names the feed that the page links to.
    """
    if not fetched.body.strip():
        raise UnreadableSource(f"{fetched.url} answered with nothing.")
    if fetched.body.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{"):
        title, own, entries = read_json(fetched, now, MAX_ITEMS_READ)
    else:
        title, own, entries = _read_xml(fetched, now)
    oldest = datetime.min.replace(tzinfo=UTC)
    newest_first = sorted(
        identified(entries, own), key=lambda item: item.published_at or oldest, reverse=True
    )
    return Feed(one_line(title) or host_of(fetched.url), newest_first[:MAX_ITEMS])


def _read_xml(fetched: Fetched, now: datetime) -> tuple[str, frozenset[str], Iterator[Entry]]:
    # As a stream: feedparser takes bytes for a file name first, and would open it. Without the address: it would resolve
    # guids against it as well, and every article would be new when the feed moves. Its own HTML cleaning is off
    # because only text is taken from the HTML, which is done below.
    try:
        parsed = feedparser.parse(
            io.BytesIO(mended_xml(fetched.body)),
            response_headers={"content-type": fetched.headers.get("Content-Type", "")},
            resolve_relative_uris=False,
            sanitize_html=False,
        )
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        # what it cannot read it says in its result; these are its own slips over very broken XML
        raise UnreadableSource(f"{fetched.url} is too broken to be read as a feed.") from error
    if not parsed.version:
        raise UnreadableSource(_what_it_is_instead(fetched))
    own = frozenset(one for name in ("link", "id") if (one := parsed.feed.get(name)))
    entries = parsed.entries[:MAX_ITEMS_READ]
    return _title_of(parsed.feed), own, _entries(entries, fetched.url, now)


def _entries(entries: Iterable[Any], base: str, now: datetime) -> Iterator[Entry]:
    dates = Dates()
    for entry in entries:
        enclosed = [one.get("href") for one in entry.get("enclosures", [])]
        # A link that goes through FeedBurner's counter hides the article's own.
        links = (entry.get("feedburner_origlink"), _article(entry), *enclosed)
        addresses = (web_address(one, base) for one in links)
        # The longest is the article, the others are teasers of it.
        texts = [*entry.get("content", []), entry.get("summary_detail")]
        longest = max(texts, key=lambda one: len(one["value"]) if one else 0)
        # Past feedparser's own `get`, which takes one for the other and warns about it.
        read = (
            dates.read(dict.get(entry, name), dict.get(entry, f"{name}_parsed"))
            for name in ("published", "updated", "created")
        )
        yield Entry(
            one_line(entry.get("id") or "", limit=10_000),
            next((one for one in addresses if one), None),
            _title_of(entry),
            _text_of(longest),
            believable(next((when for when in read if when), None), now),
        )


def _article(entry: Any) -> Any:
    """The link to the article: among several alternates (a PDF, other languages) the web page."""
    pages = [
        link.get("href")
        for link in entry.get("links", [])
        if link.get("rel") == "alternate" and link.get("type") == "text/html"
    ]
    return pages[0] if len(pages) == 1 else entry.get("link")


def _title_of(thing: Any) -> str:
    # Many generators escape titles once too often; a title that is about entities is rare.
    return one_line(html.unescape(_text_of(thing.get("title_detail"))))


def _text_of(detail: Any) -> str:
    """Plain text of one of feedparser's text constructs ({"type", "value"})."""
    if not detail or not detail.get("value"):
        return ""
    value: str = detail["value"]
    if "html" not in (detail.get("type") or "") or not _MARKUP.search(value):
        # RSS does not say whether a text is HTML; feedparser goes by tags, so entities may be left.
        return paragraphs(html.unescape(value))
    text = html_text(value)
    return html_text(text) if _STILL_HTML.match(text) else text


# ------------------------------------------------------------------------------------ no feed


def _what_it_is_instead(fetched: Fetched) -> str:
    media_type, charset = content_type(fetched)
    start = fetched.body[:2000].lower()
    if b"<opml" in start:
        return f"{fetched.url} is a list of feeds (OPML), not a feed. Import it instead."
    if "html" not in media_type and b"<html" not in start and b"<!doctype html" not in start:
        return f"{fetched.url} is not a feed: it is neither RSS, Atom nor JSON Feed."
    message = f"{fetched.url} is a web page, not a feed."
    tree = html_tree(fetched.body, charset)
    if tree is None:
        return message
    for link in tree.iter("link"):
        rel = (link.get("rel") or "").lower().split()
        address = web_address(link.get("href"), fetched.url)
        if "alternate" in rel and (link.get("type") or "").lower() in _FEED_TYPES and address:
            return f"{message} Its feed is at {address}"
    for meta in tree.iter("meta"):
        goes_on = _REFRESH.match(meta.get("content") or "")
        address = web_address(goes_on[1].strip(" \t\r\n'\""), fetched.url) if goes_on else None
        if (meta.get("http-equiv") or "").lower() == "refresh" and address:
            return f"{message} It sends readers on to {address}"
    return f"{message} It does not name a feed either; add it as a page instead."

"""What tells one article of a feed from another, over any number of readings."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from backend.core.ports import FeedItem

from .text import one_line

MAX_GUID = 512

# Who sent the reader there; the article is the same without it.
_CAMPAIGN = frozenset(
    [
        "fbclid",
        "gclid",
        "dclid",
        "gbraid",
        "wbraid",
        "msclkid",
        "yclid",
        "twclid",
        "igshid",
        "mc_cid",
        "mc_eid",
        "_hsenc",
        "_hsmi",
    ]
)


@dataclass(frozen=True)
class Entry:
    """An article as its feed tells it: texts are plain, `guid` is what the feed calls it, "" without."""

    guid: str
    url: str | None
    title: str
    text: str
    published_at: datetime | None


def identified(entries: Iterable[Entry], own: frozenset[str]) -> list[FeedItem]:
    """The entries that hold something to read, each once and under a name that the next reading finds again.

    That is the guid, else the link without fragment and campaign parameters, else the SHA-256 of title and text. A guid
    that is one of the feed's `own` addresses, or that stands at different links, names no article: there the link does.
    Of entries with the same name the first stays. Without a title an article is called by its first words.
    """
    readable = [one for one in entries if one.title or one.text]
    links: defaultdict[str, set[str]] = defaultdict(set)
    for one in readable:
        if one.guid and one.url:
            links[one.guid].add(canonical(one.url))
    shared = own | {guid for guid, found in links.items() if len(found) > 1}
    found: dict[str, FeedItem] = {}
    for one in readable:
        name = _name(one, shared)
        title = one.title or one_line(one.text, limit=100)
        found.setdefault(name, FeedItem(name, one.url, title, one.text, one.published_at))
    return list(found.values())


def canonical(url: str) -> str:
    """The link as an identity: host in lower case, no fragment, no campaign parameters."""
    parts = urlsplit(url)
    query = urlencode(
        [
            (name, value)
            for name, value in parse_qsl(parts.query, keep_blank_values=True)
            if not (name.lower().startswith("utm_") or name.lower() in _CAMPAIGN)
        ]
    )
    return urlunsplit((parts.scheme, parts.netloc.lower(), parts.path or "/", query, ""))


def _name(one: Entry, shared: frozenset[str] | set[str]) -> str:
    name = one_line(one.guid, limit=MAX_GUID + 1)
    if one.url and (not name or one.guid in shared):
        name = canonical(one.url)
    if name and len(name) <= MAX_GUID:
        return name
    # NUL cannot occur in either, so no two pairs of title and text are joined to the same string.
    content = name or f"{one.title}\0{one.text}"
    return f"sha256:{hashlib.sha256(content.encode()).hexdigest()}"

"""The readable part of a web page."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from backend.core.errors import UnreadableSource
from backend.core.ports import Fetched, Page

from .text import believable, content_type, host_of, html_tree, one_line, paragraphs

if TYPE_CHECKING:
    from trafilatura.settings import Document

_HTML = ("text/html", "application/xhtml+xml")
_FEEDS = ("application/rss+xml", "application/atom+xml", "application/feed+json")
# Atomic: what was read as one comment is not tried as a longer one, which would take twice the time for each comment.
_FEED = re.compile(
    rb"\s*+(?><\?xml[^>]*>\s*)?+(?>(?><!--.*?-->)\s*)*+<(rss|feed|rdf:RDF)\b", re.DOTALL
)
# What lies over a page and is not of it. Narrow: pages about biscuits have their cookies, too.
_CONSENT = re.compile(
    r"cookie[-_]?(banner|consent|notice|wall|bar|popup|dialog|overlay|law)|consent[-_]?(banner|manager|dialog|popup|overlay)"
    r"|onetrust|usercentrics|didomi|gdpr|cmp-(container|wrapper)",
    re.IGNORECASE,
)
_KEPT = frozenset({"html", "body", "main", "article"})
_NO_TEXT = frozenset({"noscript", "style", "svg"})
# What comes after them is left out: the time that the extraction takes grows with the square of their number.
MAX_ELEMENTS = 20_000
_META = re.compile(rb"<meta[^>]+charset\s*=\s*[\"']?\s*([\w-]+)", re.IGNORECASE)
# What other files start with, whatever the server calls them.
_OTHER_FILES = (
    (b"%PDF-", "a PDF file"),
    (b"\x89PNG", "an image"),
    (b"\xff\xd8\xff", "an image"),
    (b"GIF8", "an image"),
    (b"PK\x03\x04", "an archive or Office file"),
)


def read_page(fetched: Fetched, *, now: datetime) -> Page:
    """Main text, title and date of an HTML or plain-text page, the text cut at 100,000 characters.

    Of a page with more than 20,000 elements that hold text, what comes after them is left out.
    A date without a time is midnight UTC; a date in the future is None, up to a day ahead it is `now`.
    Raises UnreadableSource when it is something else or holds no readable text.
    """
    media_type, charset = content_type(fetched)
    for start, name in _OTHER_FILES:
        if fetched.body.lstrip().startswith(start):
            raise UnreadableSource(f"{fetched.url} is {name}, not a web page.")
    if media_type in _FEEDS or _FEED.match(fetched.body):
        raise UnreadableSource(f"{fetched.url} is a feed; add it as a feed.")
    if media_type == "text/plain":
        return _plain(fetched, charset)
    if media_type and media_type not in _HTML:
        raise UnreadableSource(f"{fetched.url} is {media_type}, not a web page.")
    tree = html_tree(fetched.body, _encoding(fetched.body, charset))
    extracted = None if tree is None else _extracted(tree, fetched.url)
    text = paragraphs(extracted.text or "") if extracted else ""
    if extracted is None or not text:
        raise UnreadableSource(
            f"{fetched.url} holds no readable text; pages that build themselves by script cannot be read."
        )
    title = one_line(extracted.title or "") or one_line(_title_element(tree))
    return Page(
        fetched.url,
        title or host_of(fetched.url),
        text,
        believable(_midnight(extracted.date), now),
    )


def _extracted(tree: Any, url: str) -> Document | None:
    for element in list(tree.iter()):
        about = f"{element.get('id', '')} {element.get('class', '')}"
        if element.tag in _NO_TEXT or (element.tag not in _KEPT and _CONSENT.search(about)):
            # emptied in its place: taking it out would join the texts around it, again for each of thousands
            element.clear(keep_tail=True)
    for element in list(tree.iter())[MAX_ELEMENTS:]:
        element.getparent().remove(element)
    # here, because it brings along what most processes never need
    import trafilatura

    document = trafilatura.bare_extraction(
        tree, url=url, include_comments=False, with_metadata=True, as_dict=False
    )
    return None if isinstance(document, dict) else document


def _plain(fetched: Fetched, charset: str | None) -> Page:
    decoded = fetched.body.decode(_encoding(fetched.body, charset) or "cp1252", "replace")
    text = paragraphs(decoded)
    if not text:
        raise UnreadableSource(f"{fetched.url} holds no readable text.")
    return Page(fetched.url, one_line(text.partition("\n")[0], limit=100), text)


def _encoding(body: bytes, charset: str | None) -> str | None:
    """UTF-8 when the bytes are that, else what the server says, else None: the page's own `<meta>` tells.

    Where these say UTF-8 and most of what is not ASCII cannot be, it is Windows-1252.
    """
    text = body.decode("utf-8", "replace")
    wrong = text.count("\ufffd")
    if not wrong:
        return "utf-8"
    meta = _META.search(body[:4096])
    said = charset or (meta[1].decode("ascii") if meta else "")
    if said.lower().replace("-", "") != "utf8":
        return charset
    return "cp1252" if 2 * wrong > sum(not char.isascii() for char in text) else "utf-8"


def _title_element(tree: Any) -> str:
    return "".join(tree.xpath("string(//title)")) if tree is not None else ""


def _midnight(date: str | None) -> datetime | None:
    try:
        return datetime.fromisoformat(date).replace(tzinfo=UTC) if date else None
    except ValueError:
        return None

"""The readable part of a web page."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from backend.core.errors import UnreadableSource
from backend.core.ports import Fetched, Page

from .text import believable, content_type, host_of, html_tree, one_line, paragraphs

if TYPE_CHECKING:
    from trafilatura.settings import Document

_HTML = ("text/html", "application/xhtml+xml")
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

    A date without a time is midnight UTC; a date in the future is None, up to a day ahead it is `now`.
    Raises UnreadableSource when it is something else or holds no readable text.
    """
    media_type, charset = content_type(fetched)
    for start, name in _OTHER_FILES:
        if fetched.body.startswith(start):
            raise UnreadableSource(f"{fetched.url} is {name}, not a web page.")
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
    """UTF-8 when the bytes are that, else what the server says, else None: the page's own `<meta>` tells."""
    try:
        body.decode("utf-8")
    except UnicodeDecodeError:
        return charset
    return "utf-8"


def _title_element(tree: Any) -> str:
    return "".join(tree.xpath("string(//title)")) if tree is not None else ""


def _midnight(date: str | None) -> datetime | None:
    try:
        return datetime.fromisoformat(date).replace(tzinfo=UTC) if date else None
    except ValueError:
        return None

"""Text as the database can hold it and people can read it."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.message import Message
from typing import Any
from urllib.parse import urljoin, urlsplit

from lxml import etree
from lxml import html as lxml_html

from backend.core.ports import Fetched

MAX_TEXT = 100_000
MAX_TITLE = 500
MAX_URL = 2048

# Line breaks and tabs stay; every other control character is noise, and Postgres text cannot hold NUL. Those from 128 on
# are Windows-1252 that was called ISO-8859-1: quotes, dashes, the euro.
_CONTROLS: dict[int, str | None] = {
    code: bytes([code]).decode("cp1252", "ignore") or None for code in range(127, 160)
}
_CONTROLS |= {code: None for code in (*range(32), 127) if code not in (9, 10)}
# An emoji as two references, the halves of UTF-16, as JavaScript writes it.
_HALVES = re.compile(r"&#(5[5-6]\d{3});&#(5[6-7]\d{3});")
# The same in XML, where it is an error that would cost the rest of the feed.
_SURROGATES = re.compile(rb"(?:&#(?:0*5[5-7]\d{3}|[xX]0*[dD][89a-fA-F][0-9a-fA-F]{2});)+")
_UNREAD = frozenset({"script", "style", "noscript", "template", "head", "iframe", "object", "svg"})
_BLOCKS = frozenset(
    [
        "address",
        "article",
        "aside",
        "blockquote",
        "br",
        "dd",
        "div",
        "dl",
        "dt",
        "fieldset",
        "figcaption",
        "figure",
        "footer",
        "form",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "header",
        "hr",
        "li",
        "main",
        "nav",
        "ol",
        "p",
        "pre",
        "section",
        "table",
        "tbody",
        "tfoot",
        "thead",
        "tr",
        "ul",
    ]
)
# An ampersand that begins no entity: "R&D". Parsers make "R&D;" or "R" of it.
_BARE_AMPERSAND = re.compile(rb"&(?!#\d+;|#[xX][0-9a-fA-F]+;|[A-Za-z][\w.-]*;)")
# What is begun and never ended goes to the end: with many of them, looking for each one's end would take hours.
_CDATA = re.compile(rb"(<!\[CDATA\[.*?(?:\]\]>|\Z)|<!--.*?(?:-->|\Z))", re.DOTALL)
_FUTURE_TOLERANCE = timedelta(days=1)
# Before it lie the zeros of clocks: 1970-01-01, 0001-01-01.
_FIRST_DAY = datetime(1971, 1, 1, tzinfo=UTC)


def storable(text: str) -> str:
    """The text without control characters and lone surrogates, line breaks as `\\n`."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").translate(_CONTROLS)
    return text.encode("utf-8", "ignore").decode("utf-8")


def one_line(text: str, limit: int = MAX_TITLE) -> str:
    """The text with every run of white space as one space, cut at `limit` characters."""
    return " ".join(storable(text).split())[:limit].rstrip()


def paragraphs(text: str) -> str:
    """The text without empty lines and double spaces, at most MAX_TEXT characters."""
    lines = (" ".join(line.split()) for line in storable(text).split("\n"))
    return "\n".join(line for line in lines if line)[:MAX_TEXT].rstrip()


def html_tree(html: bytes | str, encoding: str | None = None) -> Any | None:
    """The HTML as an lxml tree, however broken; None when there is nothing in it. Nothing is ever loaded."""
    if isinstance(html, str):
        html, encoding = storable(_HALVES.sub(_whole, html)).encode(), "utf-8"
    try:
        parser = lxml_html.HTMLParser(
            encoding=encoding, recover=True, no_network=True, remove_comments=True, remove_pis=True
        )
    except LookupError:  # one that Python knows and libxml2 does not
        return html_tree(html)
    try:
        return etree.fromstring(html, parser)
    except etree.XMLSyntaxError:
        return None


def _whole(halves: re.Match[str]) -> str:
    pair = "".join(chr(int(half)) for half in halves.groups())
    return pair.encode("utf-16", "surrogatepass").decode("utf-16", "ignore")


def html_text(html: str) -> str:
    """What a reader sees of the HTML, a line per block, without scripts and styles."""
    tree = html_tree(html)
    return "" if tree is None else paragraphs("".join(_pieces(tree)))


def _pieces(tree: Any) -> Iterator[str]:
    skipped = 0
    for event, element in etree.iterwalk(tree, events=("start", "end")):
        tag = element.tag
        if event == "start":
            skipped += tag in _UNREAD
            text = element.text
        else:
            skipped -= tag in _UNREAD
            text = element.tail
        if tag in _BLOCKS:
            yield "\n"
        elif tag in ("td", "th"):
            yield " "
        if text and not skipped:
            # A line break in the source is only a space to a reader.
            yield " ".join(text.split("\n"))


def mended_xml(body: bytes) -> bytes:
    """The XML without NUL bytes, with bare ampersands escaped and references to halves of UTF-16 joined, or left out.

    What is no superset of ASCII (UTF-16) is left alone.
    """
    if body.startswith((b"\xff\xfe", b"\xfe\xff", b"<\0", b"\0<")):
        return body
    pieces = _CDATA.split(body.replace(b"\0", b""))
    pieces[::2] = [_mended(piece) for piece in pieces[::2]]
    return b"".join(pieces)


def _mended(piece: bytes) -> bytes:
    return _SURROGATES.sub(_joined, _BARE_AMPERSAND.sub(b"&amp;", piece))


def _joined(references: re.Match[bytes]) -> bytes:
    numbers = [
        int(one[1:], 16) if one[:1] in b"xX" else int(one)
        for one in re.findall(rb"&#(\w+);", references[0])
    ]
    text = "".join(map(chr, numbers)).encode("utf-16", "surrogatepass").decode("utf-16", "ignore")
    return "".join(f"&#{ord(char)};" for char in text).encode()


def web_address(url: Any, base: str) -> str | None:
    """The URL made absolute, or None when it is not http(s) or longer than MAX_URL."""
    if not isinstance(url, str) or not url.strip():
        return None
    try:
        absolute = urljoin(base, storable(url).strip())
        parts = urlsplit(absolute)
    except ValueError:
        return None
    if parts.scheme not in ("http", "https") or not parts.netloc or len(absolute) > MAX_URL:
        return None
    return absolute


def believable(when: datetime | None, now: datetime) -> datetime | None:
    """The date, or None when it lies in the future or is a zero; up to a day ahead (a wrong zone or clock) is `now`."""
    if when is None or when < _FIRST_DAY or when > now + _FUTURE_TOLERANCE:
        return None
    return min(when, now)


def content_type(fetched: Fetched) -> tuple[str, str | None]:
    """Media type in lower case and, where the server named a charset Python knows, that charset."""
    header = Message()
    header["Content-Type"] = fetched.headers.get("Content-Type", "")
    charset = header.get_content_charset()
    try:
        charset = codecs.lookup(charset).name if charset else None
        b"\xff".decode(charset or "utf-8", "replace")
    except (LookupError, ValueError):  # none, or not one for any bytes: "base64", "idna"
        charset = None
    named = bool(fetched.headers.get("Content-Type"))
    return (header.get_content_type() if named else ""), charset


def host_of(url: str) -> str:
    """The host name in the URL, for titles and messages."""
    return urlsplit(url).hostname or url

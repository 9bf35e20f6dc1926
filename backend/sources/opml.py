"""OPML 1.0 and 2.0: lists of sources, as every reader of feeds exports them.

Read with lxml rather than a library for OPML, because people who are told what is wrong need the line.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Any, Literal
from urllib.parse import urlsplit

from lxml import etree

from backend.core.errors import InvalidInput
from backend.core.listing import ListedSource, Misfit

from .text import mended_xml, one_line

MAX_OUTLINES = 5000
MAX_URL = 2000
MAX_TITLE = 300
MAX_CATEGORY = 100

_BETWEEN = " / "


class Opml:
    """Implements `SourceLists`."""

    def read(self, body: bytes) -> tuple[list[ListedSource], list[Misfit]]:
        """The sources of the file and what is none, each in the file's order; broken XML as far as it can be read.

        The category is the outlines around an entry, joined by " / "; else its `category` attribute. Raises InvalidInput.
        """
        sources: list[ListedSource] = []
        misfits: list[Misfit] = []
        for count, (outline, category) in enumerate(_outlines(_body_of(body), "")):
            if count >= MAX_OUTLINES:
                raise InvalidInput.of(
                    "file", f"Lin reads at most {MAX_OUTLINES} entries of a file."
                )
            found = _entry(_attributes(outline), category, outline.sourceline or 0)
            if isinstance(found, ListedSource):
                sources.append(found)
            else:
                misfits.append(found)
        return sources, misfits

    def write(self, sources: Iterable[ListedSource]) -> bytes:
        """An OPML 2.0 file of these sources, grouped by category, those without one first."""
        root = etree.Element("opml", version="2.0")
        head = etree.SubElement(root, "head")
        etree.SubElement(head, "title").text = "Sources in Lin"
        body = etree.SubElement(root, "body")
        by_category = sorted(sources, key=lambda one: one.category or "")
        for category, group in groupby(by_category, key=lambda one: one.category or ""):
            parent = (
                etree.SubElement(body, "outline", text=one_line(category)) if category else body
            )
            for one in group:
                address = {"xmlUrl": one.url} if one.kind == "feed" else {"url": one.url}
                kind = {"type": "rss" if one.kind == "feed" else "link"}
                text = {"text": one_line(one.title or "") or one.url}
                etree.SubElement(parent, "outline", kind | text | address)
        made: bytes = etree.tostring(
            root, encoding="utf-8", xml_declaration=True, pretty_print=True
        )
        return made


def _body_of(file: bytes) -> Any:
    # no entity is resolved, nothing is loaded, and what is broken costs no more than itself
    parser = etree.XMLParser(resolve_entities=False, no_network=True, recover=True, remove_comments=True)  # fmt: skip
    try:
        root = etree.fromstring(mended_xml(file).lstrip(b"\xef\xbb\xbf \t\r\n"), parser)
    except etree.XMLSyntaxError:
        root = None
    if root is None or str(root.tag).lower() != "opml":
        raise InvalidInput.of("file", "This is not an OPML file.")
    body = next((one for one in root if str(one.tag).lower() == "body"), None)
    if body is None:
        raise InvalidInput.of("file", "This OPML file has no body.")
    return body


def _outlines(parent: Any, category: str) -> Iterator[tuple[Any, str]]:
    """Every outline that is an entry, with the names of the outlines around it. The parser limits how deep they nest."""
    for outline in parent:
        if str(outline.tag).lower() != "outline":
            continue
        attributes = _attributes(outline)
        is_group = len(outline) > 0 or not ({"xmlurl", "url", "type"} & attributes.keys())
        if not is_group or "xmlurl" in attributes:
            yield outline, category
        name = _name(attributes)
        within = _BETWEEN.join(part for part in (category, name) if part)
        yield from _outlines(outline, category if "xmlurl" in attributes else within)


def _entry(attributes: dict[str, str], category: str, line: int) -> ListedSource | Misfit:
    name = _name(attributes)
    kind: Literal["feed", "page"] = "feed" if "xmlurl" in attributes else "page"
    url = _address(attributes.get("xmlurl") or attributes.get("url") or "")
    reason = None
    if attributes.get("type", "").lower() == "include":
        reason = "It includes another list, which is not followed."
    elif kind == "page" and attributes.get("type", "").lower() != "link":
        reason = "It has no xmlUrl, the address of a feed."
    reason = reason or _wrong_with(url)
    if reason:
        return Misfit(line, name[:MAX_TITLE] or None, one_line(url)[:MAX_URL] or None, reason)
    if not category:
        first = attributes.get("category", "").split(",")[0]
        category = _BETWEEN.join(part for part in one_line(first).split("/") if part.strip())
    title = None if name == url else name[:MAX_TITLE].rstrip()
    return ListedSource(url, title or None, category[:MAX_CATEGORY].rstrip() or None, kind, line)


def _attributes(outline: Any) -> dict[str, str]:
    """By name in lower case: "xmlURL" and "xmlurl" are met as well."""
    try:
        return {str(name).lower(): str(value) for name, value in outline.attrib.items()}
    except UnicodeDecodeError:  # half a character, which libxml2 lets pass where it recovers
        raise InvalidInput.of("file", f"Line {outline.sourceline} of this file is too broken to be read.") from None  # fmt: skip


def _name(attributes: dict[str, str]) -> str:
    return one_line(attributes.get("text") or attributes.get("title") or "")


def _address(written: str) -> str:
    """The URL, also where the reader that made the list wrote "feed:" before it."""
    url = written.strip()
    if url.lower().startswith("feed:"):
        rest = url[5:]
        url = f"http:{rest}" if rest.startswith("//") else rest
    return url


def _wrong_with(url: str) -> str | None:
    """Why the database or the way out would refuse it, None when they would not."""
    try:
        parts = urlsplit(url)
        wrong = parts.scheme not in ("http", "https") or not parts.hostname
    except ValueError:
        wrong, parts = True, urlsplit("")
    if wrong:
        return "It is not a web address that starts with http:// or https://."
    if len(url) > MAX_URL:
        return f"Its address is longer than {MAX_URL} characters."
    if any(char.isspace() or ord(char) < 32 for char in url):
        return "Its address contains white space."
    if "@" in parts.netloc:
        return "Its address must not contain a user name or password."
    return None

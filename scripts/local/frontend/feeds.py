"""Articles as RSS 2.0, as Atom (RFC 4287) and as JSON Feed 1.1."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from email.utils import format_datetime

from .articles import Article

TITLE = "Notes on writing in public"
DESCRIPTION = "Articles that come with the local stack of Lin"
ATOM = "http://www.w3.org/2005/Atom"


def link(base_url: str, article: Article) -> str:
    """Where an article can be read."""
    return f"{base_url}/articles/{article.slug}.html"


def as_bytes(root: ET.Element) -> bytes:
    """The document with its XML declaration."""
    text: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return text


def rss(base_url: str, articles: Sequence[Article]) -> bytes:
    """The feed as RSS 2.0."""
    root = ET.Element("rss", version="2.0")
    channel = ET.SubElement(root, "channel")
    for name, value in {
        "title": TITLE,
        "link": f"{base_url}/",
        "description": DESCRIPTION,
        "language": "en",
    }.items():
        ET.SubElement(channel, name).text = value
    for article in articles:
        item = ET.SubElement(channel, "item")
        ET.SubElement(item, "title").text = article.title
        ET.SubElement(item, "link").text = link(base_url, article)
        ET.SubElement(item, "guid", isPermaLink="false").text = f"lin-local:{article.slug}"
        ET.SubElement(item, "pubDate").text = format_datetime(article.published)
        ET.SubElement(item, "description").text = article.summary
    return as_bytes(root)


def atom(
    base_url: str,
    articles: Sequence[Article],
    path: str = "/atom.xml",
    title: str = TITLE,
    *,
    whole: bool = False,
) -> bytes:
    """The feed as Atom; `whole` puts the articles in, not only their summaries."""
    ET.register_namespace("", ATOM)
    root = ET.Element(f"{{{ATOM}}}feed")

    def add(
        parent: ET.Element, name: str, text: str | None = None, **attributes: str
    ) -> ET.Element:
        element = ET.SubElement(parent, f"{{{ATOM}}}{name}", attributes)
        element.text = text
        return element

    add(root, "title", title)
    add(root, "id", f"{base_url}{path}")
    add(root, "link", rel="self", href=f"{base_url}{path}")
    add(root, "updated", max(article.published for article in articles).isoformat())
    for article in articles:
        entry = add(root, "entry")
        add(entry, "title", article.title)
        add(entry, "id", f"urn:lin-local:{article.slug}")
        add(entry, "link", rel="alternate", href=link(base_url, article))
        add(entry, "published", article.published.isoformat())
        add(entry, "updated", article.published.isoformat())
        add(add(entry, "author"), "name", article.author)
        add(entry, "summary", article.summary)
        if whole:
            add(entry, "content", article.html, type="html")
    return as_bytes(root)


def json_feed(base_url: str, articles: Sequence[Article], path: str, title: str) -> bytes:
    """The feed as JSON Feed, with the articles in it."""
    items = [
        {
            "id": f"lin-local:{article.slug}",
            "url": link(base_url, article),
            "title": article.title,
            "summary": article.summary,
            "content_html": article.html,
            "date_published": article.published.isoformat(),
            "authors": [{"name": article.author}],
        }
        for article in articles
    ]
    feed = {
        "version": "https://jsonfeed.org/version/1.1",
        "title": title,
        "home_page_url": f"{base_url}/",
        "feed_url": f"{base_url}{path}",
        "items": items,
    }
    return json.dumps(feed, ensure_ascii=False).encode()

"""Pages as sites build them: what of each is the text, and what Lin says where there is none."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from backend.core.errors import UnreadableSource
from backend.core.ports import Fetched
from backend.sources.pages import read_page

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
URL = "https://site.example/a/page"


def sentences(subject: str, count: int = 8) -> str:
    """Paragraphs as long as people write them."""
    return "".join(
        f"<p>{subject} number {n} was measured in the spring, and the harbour master wrote the figures "
        f"into a book that is kept to this day in the archive of the town.</p>"
        for n in range(1, count + 1)
    )


def page(body: str, head: str = "<title>A page</title>") -> bytes:
    return f"<!doctype html><html lang=en><head><meta charset=utf-8>{head}</head><body>{body}</body></html>".encode()


NAV = "<header><nav><ul><li><a href=/>Home</a></li><li><a href=/shop>Shop window</a></li></ul></nav></header>"
FOOT = "<footer><p>All rights reserved, Harbour Press. Imprint and privacy.</p></footer>"
COOKIES = (
    '<div id="cookie-banner" class="cookie-consent" role="dialog"><h2>We value your privacy</h2>'
    "<p>We and our 842 partners store and access information on your device, such as cookies.</p>"
    "<button>Accept all</button><button>Reject all</button></div>"
)
COMMENTS = (
    '<section id="comments" class="comments"><h3>2 comments</h3><ol class="comment-list">'
    '<li class="comment"><p>First! This commenter has nothing to add to the matter at all.</p></li>'
    '<li class="comment"><p>A second commenter recommends cheap watches to everybody here.</p></li></ol></section>'
)


@dataclass(frozen=True)
class Shape:
    """A page, what its text holds and what it must not hold."""

    body: bytes
    title: str
    holds: tuple[str, ...]
    lacks: tuple[str, ...] = ()
    kind: str = "text/html; charset=utf-8"
    date: datetime | None = None


SHAPES = {
    "article": Shape(
        page(
            f"{NAV}<main><article><h1>The tide gauge</h1><p class=byline>By Nora</p>{sentences('Gauge')}</article>"
            f"<aside><h2>Read next</h2><ul><li><a href=/x>Ten knots you should know</a></li></ul></aside></main>{FOOT}",
            '<title>The tide gauge | Harbour Press</title><meta property="og:title" content="The tide gauge">'
            '<meta property="article:published_time" content="2026-03-02T08:00:00Z">',
        ),
        "The tide gauge",
        ("Gauge number 1", "Gauge number 8"),
        ("Shop window", "All rights reserved", "Ten knots"),
        date=datetime(2026, 3, 2, tzinfo=UTC),
    ),
    "page of a manual": Shape(
        page(
            "<nav class=sidebar><ul><li><a href=/i>Installation steps</a></li><li><a href=/r>Reference of options</a></li></ul></nav>"
            f"<main role=main><h1>Configuring the gauge</h1>{sentences('Option', 4)}<h2>Example</h2>"
            f"<pre><code>gauge --interval 10\ngauge --log tide.txt</code></pre>{sentences('Value', 3)}</main>{FOOT}",
            "<title>Configuring the gauge - Gauge 2.1 documentation</title>",
        ),
        "Configuring the gauge",
        ("Option number 4", "gauge --interval 10", "Value number 3"),
        ("Reference of options",),
    ),
    "blog with comments": Shape(
        page(f"{NAV}<div class=post><h1 class=entry-title>My boat</h1><div class=entry-content>{sentences('Plank')}</div></div>{COMMENTS}{FOOT}"),
        "My boat",
        ("Plank number 8",),
        ("First!", "cheap watches"),
    ),
    "cookie wall over an article": Shape(
        page(f"{COOKIES}{NAV}<article><h1>Ferries</h1>{sentences('Ferry')}</article>{FOOT}", "<title>Ferries</title>"),
        "Ferries",
        ("Ferry number 1", "Ferry number 8"),
        ("842 partners", "Reject all"),
    ),
    "windows-1252 called utf-8": Shape(
        page(f"<article><h1>Grüße</h1>{sentences('Straße – „Größe“')}</article>", "<title>Grüße</title>").decode().encode("cp1252"),
        "Grüße",
        ("Straße – „Größe“ number 8",),
    ),
    "windows-1251 by meta only": Shape(
        page(f"<article><h1>Порт</h1>{sentences('Маяк')}</article>", "<title>Порт</title>").decode()
        .replace("charset=utf-8", "charset=windows-1251").encode("cp1251"),
        "Порт",
        ("Маяк number 8",),
        kind="text/html",
    ),
    "teaser before a paywall": Shape(
        page(
            f"{NAV}<article><h1>The auction</h1>{sentences('Bidder', 3)}"
            '<div class="paywall"><p>Subscribe to read on.</p><a href=/buy>Buy for 1 €</a></div></article>',
            '<title>The auction</title><script type="application/ld+json">{"@type":"NewsArticle","isAccessibleForFree":false}</script>',
        ),
        "The auction",
        ("Bidder number 1", "Bidder number 3"),
    ),
    "old table layout": Shape(
        page(f"<table><tr><td><a href=/>Home</a></td><td><font size=5>Old site</font>{sentences('Row')}</td></tr></table>", "<title>Old site</title>"),
        "Old site",
        ("Row number 1", "Row number 8"),
    ),
    "list of a table": Shape(
        page(
            f"<article><h1>Tides</h1>{sentences('Tide', 3)}<table><tr><th>Day</th><th>Height</th></tr>"
            "<tr><td>Monday</td><td>3.1 m</td></tr></table></article>",
            "<title>Tides</title>",
        ),
        "Tides",
        ("Tide number 3", "Monday", "3.1 m"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", SHAPES)
def test_the_text_of_a_page_is_found(name: str) -> None:
    shape = SHAPES[name]
    read = read_page(Fetched(200, URL, {"Content-Type": shape.kind}, shape.body), now=NOW)
    assert read.title == shape.title
    assert [part for part in shape.holds if part not in read.text] == []
    assert [part for part in shape.lacks if part in read.text] == []
    assert read.published_at == shape.date


APP = page('<div id="root"></div><script src="/static/main.js"></script>')
NOSCRIPT = page(
    "<noscript>You need to enable JavaScript to run this app.</noscript><div id=app></div>"
)
WALL = page(COOKIES)

REFUSALS = {
    "built by script": (APP, "text/html", "pages that build themselves by script cannot be read"),
    "built by script and says so": (NOSCRIPT, "text/html", "pages that build themselves by script cannot be read"),
    "PDF": (b"%PDF-1.7\n...", "application/pdf", "is a PDF file, not a web page"),
    "PDF called HTML": (b"\n%PDF-1.7\n...", "text/html", "is a PDF file, not a web page"),
    "picture": (b"\x89PNG\r\n\x1a\n", "image/png", "is an image, not a web page"),
    "film": (b"\x00\x00\x00 ftypisom", "video/mp4", "is video/mp4, not a web page"),
    "feed": (b"<?xml version='1.0'?><rss version='2.0'><channel/></rss>", "application/rss+xml", "is a feed; add it as a feed"),
    "feed called HTML": (b"<?xml version='1.0'?><rss version='2.0'><channel/></rss>", "text/html", "is a feed; add it as a feed"),
    "JSON": (b'{"a": 1}', "application/json", "is application/json, not a web page"),
    "nothing": (b"", "text/html", "holds no readable text"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSALS)
def test_what_is_no_readable_page_is_refused_with_words(name: str) -> None:
    body, kind, words = REFUSALS[name]
    with pytest.raises(UnreadableSource) as caught:
        read_page(Fetched(200, URL, {"Content-Type": kind}, body), now=NOW)
    assert str(caught.value).startswith(URL)
    assert words in str(caught.value)


def test_a_page_that_is_all_consent_is_not_taken_for_an_article() -> None:
    with pytest.raises(UnreadableSource, match="holds no readable text"):
        read_page(Fetched(200, URL, {"Content-Type": "text/html"}, WALL), now=NOW)


@pytest.mark.parametrize("charset", ["base64", "rot13", "idna", "none-of-all"])
@pytest.mark.parametrize("kind", ["text/html", "text/plain"])
def test_a_charset_that_no_page_can_be_in_is_passed_over(kind: str, charset: str) -> None:
    body = "<p>Low tide at 6:40 in <b>Saint-Malo</b>, caf\u00e9 open.</p>".encode("cp1252")
    fetched = Fetched(200, URL, {"Content-Type": f"{kind}; charset={charset}"}, body)
    assert "Saint-Malo" in read_page(fetched, now=NOW).text

"""read_page: the readable part of a page, or a reason why there is none."""

from __future__ import annotations

import contextlib
import time
from datetime import UTC, datetime

import pytest

from backend.core.errors import UnreadableSource
from backend.core.ports import Fetched, Page
from backend.sources import Reader

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
URL = "https://example.org/posts/1"
SENTENCES = [
    f"Sentence number {n} explains, at some length, how the lighthouse of the harbour was rebuilt."
    for n in range(12)
]


def read(body: str | bytes, kind: str = "text/html") -> Page:
    data = body.encode() if isinstance(body, str) else body
    fetched = Fetched(200, URL, {"Content-Type": kind}, data)
    return Reader(clock=lambda: NOW).read_page(fetched)


def article(head: str = "<title>The lighthouse</title>", extra: str = "") -> str:
    inner = "".join(f"<p>{one}</p>" for one in SENTENCES)
    return (
        f"<!doctype html><html><head>{head}</head><body><nav><a href=/>Home</a><a href=/a>About</a></nav>"
        f"<article><h1>The lighthouse</h1>{inner}{extra}</article>"
        "<footer>Copyright, all rights reserved</footer><script>track()</script></body></html>"
    )


def refusal(body: str | bytes, kind: str = "text/html") -> str:
    with pytest.raises(UnreadableSource) as caught:
        read(body, kind)
    return str(caught.value)


def test_the_article_is_read_and_the_rest_of_the_page_is_not() -> None:
    page = read(
        article(
            '<title>The lighthouse</title><meta property="article:published_time" content="2026-03-01T10:00:00Z">'
        )
    )
    assert (page.url, page.title) == (URL, "The lighthouse")
    assert all(one in page.text for one in SENTENCES)
    assert "track" not in page.text
    assert "Copyright" not in page.text
    assert "About" not in page.text
    assert page.published_at == datetime(2026, 3, 1, tzinfo=UTC)


def test_a_date_in_the_future_is_not_believed() -> None:
    meta = '<meta property="article:published_time" content="2027-03-01T10:00:00Z">'
    assert read(article(f"<title>t</title>{meta}")).published_at is None


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (article(extra="<p>Grüße aus Köln, „Hafen“.</p>").encode(), "text/html"),
        (
            article(extra="<p>Grüße aus Köln, „Hafen“.</p>").encode("cp1252"),
            "text/html; charset=windows-1252",
        ),
        (
            article(
                '<meta charset="windows-1252"><title>t</title>', "<p>Grüße aus Köln, „Hafen“.</p>"
            ).encode("cp1252"),
            "text/html",
        ),
        (
            article(extra="<p>Grüße aus Köln, „Hafen“.</p>").encode(),
            "text/html; charset=iso-8859-1",
        ),
    ],
    ids=["utf-8", "by header", "by meta", "header wrong"],
)
def test_encodings_of_the_wild(body: bytes, kind: str) -> None:
    assert "Grüße aus Köln, „Hafen“." in read(body, kind).text


def test_what_the_database_cannot_hold_is_taken_out() -> None:
    page = read(article(extra="<p>one\x00two &#0; &#xD800; three of the harbour walls</p>"))
    assert "\x00" not in page.text
    page.text.encode("utf-8")


def test_plain_text_is_a_page() -> None:
    page = read("A headline\r\n\r\nSome   text.", "text/plain; charset=utf-8")
    assert (page.title, page.text, page.published_at) == (
        "A headline",
        "A headline\nSome text.",
        None,
    )


def test_a_page_without_a_title_is_called_by_its_host() -> None:
    inner = "".join(f"<p>{one}</p>" for one in SENTENCES)
    assert read(f"<html><body><div>{inner}</div></body></html>").title == "example.org"


def test_a_long_page_is_cut() -> None:
    assert len(read(article(extra=f"<p>{'word ' * 60_000}</p>")).text) <= 100_000


@pytest.mark.parametrize(
    "body",
    [
        "",
        "   ",
        "<html></html>",
        "<html><body><div id=root></div><script>app()</script></body></html>",
    ],
)
def test_a_page_without_readable_text_is_refused(body: str) -> None:
    assert "holds no readable text" in refusal(body)


@pytest.mark.parametrize(
    ("body", "kind", "name"),
    [
        (b"%PDF-1.7 ...", "application/pdf", "a PDF file"),
        (b"%PDF-1.7 ...", "text/html", "a PDF file"),
        (b"\x89PNG\r\n\x1a\n", "text/html", "an image"),
        (b"PK\x03\x04", "text/html", "an archive or Office file"),
        (b"{}", "application/json", "application/json"),
        (b"x", "video/mp4", "video/mp4"),
    ],
)
def test_other_files_are_named(body: bytes, kind: str, name: str) -> None:
    assert refusal(body, kind) == f"{URL} is {name}, not a web page."


@pytest.mark.parametrize("opening", ["<div>", "<b><p>", "<table><tr><td>", "<ul><li>"])
def test_html_nested_without_end_ends_in_time(opening: str) -> None:
    begun = time.monotonic()
    with contextlib.suppress(UnreadableSource):
        read(opening * 10_000 + " ".join(SENTENCES))
    assert time.monotonic() - begun < 20

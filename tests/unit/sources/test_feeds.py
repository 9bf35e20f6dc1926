"""read_feed: feeds of every kind and every kind of brokenness, made here."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from backend.core.errors import UnreadableSource
from backend.core.ports import Feed, Fetched
from backend.sources import Reader
from backend.sources.feeds import read_feed

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
URL = "https://example.org/blog/feed.xml"
RDF = 'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"'


def read(body: str | bytes, kind: str = "application/xml", url: str = URL) -> Feed:
    data = body.encode() if isinstance(body, str) else body
    return read_feed(Fetched(200, url, {"Content-Type": kind}, data), now=NOW)


def rss(*items: str, head: str = "<title>Blog</title>") -> str:
    inner = "".join(f"<item>{item}</item>" for item in items)
    return f'<?xml version="1.0"?><rss version="2.0"><channel>{head}{inner}</channel></rss>'


def refusal(body: str | bytes, kind: str = "text/html") -> str:
    with pytest.raises(UnreadableSource) as caught:
        read(body, kind)
    return str(caught.value)


# ------------------------------------------------------------------------------------ kinds


def test_rss_2_is_read() -> None:
    feed = read(
        rss(
            "<title>First</title><link>https://example.org/1</link><guid isPermaLink='false'>a-1</guid>"
            "<pubDate>Tue, 10 Mar 2026 10:00:00 +0100</pubDate>"
            "<description>&lt;p&gt;Hello &lt;b&gt;you&lt;/b&gt;.&lt;/p&gt;&lt;p&gt;Second.&lt;/p&gt;</description>"
        )
    )
    assert feed.title == "Blog"
    (item,) = feed.items
    assert (item.guid, item.url, item.title) == ("a-1", "https://example.org/1", "First")
    assert item.text == "Hello you.\nSecond."
    assert item.published_at == datetime(2026, 3, 10, 9, tzinfo=UTC)


def test_atom_is_read_with_its_content_rather_than_its_summary() -> None:
    feed = read(
        """<feed xmlns="http://www.w3.org/2005/Atom" xml:base="https://example.org/base/">
        <title type="html">A &amp;amp; B</title>
        <entry><id>tag:example.org,2026:1</id><title>One</title><link href="posts/1"/>
        <updated>2026-03-01T00:00:00Z</updated><summary>Short</summary>
        <content type="xhtml"><div xmlns="http://www.w3.org/1999/xhtml"><p>Long <i>text</i>.</p></div></content>
        </entry></feed>"""
    )
    assert feed.title == "A & B"
    (item,) = feed.items
    assert item.guid == "tag:example.org,2026:1"
    assert item.url == "https://example.org/base/posts/1"
    assert item.text == "Long text."
    assert item.published_at == datetime(2026, 3, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    "body",
    [
        '<rss version="0.91"><channel><title>Blog</title><item><title>One</title></item></channel></rss>',
        '<rss version="0.92"><channel><title>Blog</title><item><title>One</title></item></channel></rss>',
        "<rss><channel><title>Blog</title><item><title>One</title></item></channel></rss>",
        f'<rdf:RDF {RDF} xmlns="http://my.netscape.com/rdf/simple/0.9/"><channel><title>Blog</title></channel><item><title>One</title></item></rdf:RDF>',
        f'<rdf:RDF {RDF} xmlns="http://purl.org/rss/1.0/"><channel><title>Blog</title></channel><item><title>One</title></item></rdf:RDF>',
    ],
    ids=["0.91", "0.92", "no version", "0.90", "1.0"],
)
def test_older_rss_is_read(body: str) -> None:
    feed = read(body)
    assert feed.title == "Blog"
    assert [item.title for item in feed.items] == ["One"]


def test_json_feed_is_read() -> None:
    body = {
        "version": "https://jsonfeed.org/version/1.1",
        "title": "JSON <Blog>",
        "items": [
            {
                "id": 7,
                "url": "/posts/7",
                "title": "Seven",
                "content_html": "<p>a</p><p>b</p>",
                "date_published": "2026-03-09T08:00:00+02:00",
            },
            {"content_text": "no id,\n\nno title", "date_published": "yesterday"},
            "not an item",
        ],
    }
    feed = read("\ufeff" + json.dumps(body), "application/feed+json")
    assert feed.title == "JSON <Blog>"
    first, second = feed.items
    assert (first.guid, first.url) == ("7", "https://example.org/posts/7")
    assert first.text == "a\nb"
    assert first.published_at == datetime(2026, 3, 9, 6, tzinfo=UTC)
    assert second.guid.startswith("sha256:")
    assert (second.title, second.text) == ("no id, no title", "no id,\nno title")
    assert second.published_at is None


@pytest.mark.parametrize(
    "body", ['{"items": []}', '{"version": 1}', "{", "{" * 100_000, '{"a":' * 100_000]
)
def test_other_json_is_not_a_feed(body: str) -> None:
    assert refusal(body, "application/json") == f"{URL} is JSON, but not a feed."


def test_a_feed_without_items_is_a_feed() -> None:
    feed = read(rss(head=""))
    assert (feed.title, list(feed.items)) == ("example.org", [])


def test_the_reader_has_a_clock() -> None:
    feed = Reader(clock=lambda: NOW).read_feed(Fetched(200, URL, {}, rss().encode()))
    assert feed.title == "Blog"


# ------------------------------------------------------------------------------------ not a feed


def test_a_web_page_is_refused_and_its_feed_is_named() -> None:
    page = """<!doctype html><html><head><title>Blog</title>
    <link rel=alternate hreflang=de href=/de>
    <link rel="alternate" type="application/rss+xml" href="/feed.xml"></head><body>Hi</body></html>"""
    assert refusal(page) == (
        f"{URL} is a web page, not a feed. Its feed is at https://example.org/feed.xml"
    )


def test_a_web_page_without_a_feed_says_what_to_do() -> None:
    page = '<html><head><link rel="alternate" type="application/rss+xml" href="javascript:1"></head></html>'
    assert "add it as a page instead" in refusal(page)


@pytest.mark.parametrize("body", [b"", b" \n ", b"\xef\xbb\xbf "])
def test_an_empty_answer_is_said_to_be_empty(body: bytes) -> None:
    assert "nothing" in refusal(body) or "neither RSS" in refusal(body, "text/plain")


@pytest.mark.parametrize("body", [b"%PDF-1.7", b"\x00\x01\x02" * 100, b"hello", b"<svg></svg>"])
def test_other_bytes_are_not_a_feed(body: bytes) -> None:
    assert "neither RSS, Atom nor JSON Feed" in refusal(body, "application/octet-stream")


def test_the_bytes_are_never_taken_for_a_file_name(tmp_path: Path) -> None:
    path = tmp_path / "secret.xml"
    path.write_text(rss("<title>Secret</title>"))
    assert "neither RSS" in refusal(str(path), "text/plain")


TEN_TIMES_EACH = "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 10))


@pytest.mark.parametrize(
    ("entities", "use"),
    [
        (f'<!ENTITY a0 "lol">{TEN_TIMES_EACH}', "&a9;"),
        (f'<!ENTITY a0 "{"x" * 50_000}">', "&a0;" * 20_000),
    ],
    ids=["nested", "repeated"],
)
def test_entities_that_multiply_stay_small(entities: str, use: str) -> None:
    body = (
        f"<?xml version='1.0'?><!DOCTYPE rss [{entities}]><rss version='2.0'><channel><title>{use}</title>"
        f"<item><title>One</title><description>{use}</description></item></channel></rss>"
    )
    begun = time.thread_time()
    feed = read(body)
    assert (
        time.thread_time() - begun < 20
    )  # of this thread's own work: unfolded it would be a gigabyte
    assert [item.title for item in feed.items] == ["One"]
    assert len(feed.items[0].text) <= 100_000


@pytest.mark.parametrize(
    "doctype", ["<!DOCTYPE rss [<!ENTITY x SYSTEM '{}'>]>", "<!DOCTYPE rss SYSTEM '{}'>"]
)
def test_external_entities_are_not_read(tmp_path: Path, doctype: str) -> None:
    path = tmp_path / "secret.txt"
    path.write_text("SECRET")
    body = (
        f"<?xml version='1.0'?>{doctype.format(path.as_uri())}<rss version='2.0'><channel><title>T</title>"
        "<item><title>a &x;</title><description>&lt;p&gt;&x;&lt;/p&gt;</description></item></channel></rss>"
    )
    assert "SECRET" not in repr(read(body))


# ------------------------------------------------------------------------------------ texts


@pytest.mark.parametrize(
    ("written", "title"),
    [
        ("Fish &amp; chips", "Fish & chips"),
        ("Fish &amp;amp; chips", "Fish & chips"),
        ("&lt;b&gt;Bold&lt;/b&gt; move", "Bold move"),
        ("<![CDATA[<em>Now</em>&nbsp;or&nbsp;never]]>", "Now or never"),
        ("Caf&amp;eacute;", "Café"),
        ("  many\n   spaces ", "many spaces"),
        ("5 &lt; 6", "5 < 6"),
        ("a\u200fשלום", "a\u200fשלום"),
        ("👩‍👩‍👧 family", "👩‍👩‍👧 family"),
    ],
)
def test_titles_are_plain_text(written: str, title: str) -> None:
    assert read(rss(f"<title>{written}</title>")).items[0].title == title


def test_scripts_and_styles_are_not_text() -> None:
    html = "&lt;style&gt;p{}&lt;/style&gt;&lt;p&gt;a&lt;script&gt;alert(1)&lt;/script&gt;b&lt;!-- c --&gt;&lt;/p&gt;d&lt;br&gt;e"
    assert (
        read(rss(f"<title>t</title><description>{html}</description>")).items[0].text == "ab\nd\ne"
    )


def test_an_item_without_a_title_is_called_by_its_first_words() -> None:
    item = read(rss(f"<description>{'word ' * 100}</description>")).items[0]
    assert item.title.startswith("word word")
    assert len(item.title) <= 100


def test_an_item_with_nothing_to_read_is_left_out() -> None:
    assert (
        read(rss("", "<guid>a</guid>", "<title> </title>", "<title>b</title>")).items[0].title
        == "b"
    )


def test_what_the_database_cannot_hold_is_taken_out() -> None:
    body = json.dumps(
        {
            "version": "https://jsonfeed.org/version/1",
            "title": "a\x00b\ud800",
            "items": [
                {"id": "\x00", "title": "\x07bell", "content_html": "<p>x\x00\udfffy\r\nz</p>"}
            ],
        }
    )
    feed = read(body, "application/json")
    item = feed.items[0]
    assert (feed.title, item.title, item.text) == ("ab", "bell", "xy z")
    assert item.guid.startswith("sha256:")


def test_a_long_text_is_cut() -> None:
    item = read(
        rss(f"<title>{'t' * 1000}</title><description>{'x' * 200_000}</description>")
    ).items[0]
    assert (len(item.title), len(item.text)) == (500, 100_000)


def test_html_nested_without_end_is_read_in_time() -> None:
    html = "&lt;div&gt;" * 50_000 + "deep"
    begun = time.monotonic()
    item = read(rss(f"<title>t</title><description>{html}</description>")).items[0]
    assert item.text in ("", "deep")
    assert time.monotonic() - begun < 15


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (rss("<title>Grüße „x“</title>").encode("cp1252"), "application/xml; charset=windows-1252"),
        (
            rss("<title>Grüße „x“</title>")
            .replace("?>", ' encoding="UTF-8"?>', 1)
            .encode("cp1252"),
            "application/xml; charset=utf-8",
        ),
        (rss("<title>Grüße „x“</title>").encode("utf-16"), "application/xml"),
        (rss("<title>Grüße „x“</title>").encode(), "text/xml; charset=nonsense"),
    ],
    ids=["cp1252", "cp1252 called utf-8", "utf-16", "unknown charset"],
)
def test_encodings_of_the_wild(body: bytes, kind: str) -> None:
    assert read(body, kind).items[0].title == "Grüße „x“"


def test_broken_xml_is_read_as_far_as_it_goes() -> None:
    whole = rss(
        "<title>One</title>", "<title>Two &nbsp; & <br> more</title>", "<title>Three</title>"
    )
    assert [item.title for item in read(whole).items] == ["One", "Two & more", "Three"]
    cut = whole[: whole.index("Three") + 2]
    assert [item.title for item in read(cut).items][:2] == ["One", "Two & more"]


# ------------------------------------------------------------------------------------ identity


@pytest.mark.parametrize(
    ("link", "expected"),
    [
        ("/posts/1", "https://example.org/posts/1"),
        ("2", "https://example.org/blog/2"),
        ("//cdn.example.org/3", "https://cdn.example.org/3"),
        ("javascript:alert(1)", None),
        ("mailto:a@example.org", None),
        ("https://example.org/" + "x" * 2100, None),
        ("http://[::1", None),
    ],
)
def test_links_are_absolute_web_addresses_or_none(link: str, expected: str | None) -> None:
    assert read(rss(f"<title>t</title><link>{link}</link>")).items[0].url == expected


def test_a_podcast_episode_without_a_link_points_to_its_sound() -> None:
    item = read(
        rss('<title>e</title><enclosure url="/1.mp3" type="audio/mpeg" length="1"/>')
    ).items[0]
    assert item.url == "https://example.org/1.mp3"


def test_without_a_guid_the_link_is_the_identity() -> None:
    items = read(
        rss(
            "<title>a</title><link>https://Example.org/1?id=2&amp;utm_source=rss#top</link>",
            "<title>b</title><link>https://example.org/1?id=2</link>",
        )
    ).items
    assert [(item.guid, item.title) for item in items] == [("https://example.org/1?id=2", "a")]


def test_without_guid_and_link_the_content_is_the_identity() -> None:
    one, two, again = (read(rss(f"<title>{t}</title>")).items[0].guid for t in ("a", "b", "a"))
    assert one == again != two
    assert one.startswith("sha256:")


def test_an_overlong_guid_is_replaced_by_its_digest() -> None:
    guid = read(rss(f"<title>a</title><guid isPermaLink='false'>{'g' * 3000}</guid>")).items[0].guid
    assert guid.startswith("sha256:")
    assert len(guid) < 100


def test_the_same_guid_twice_is_one_item() -> None:
    feed = read(
        rss(
            "<guid isPermaLink='false'>g</guid><title>first</title>",
            "<guid isPermaLink='false'>g</guid><title>second</title>",
        )
    )
    assert [item.title for item in feed.items] == ["first"]


# ------------------------------------------------------------------------------------ order and number


def dated(title: str, date: str) -> str:
    return f"<title>{title}</title><pubDate>{date}</pubDate>"


def test_newest_first_and_undated_last_in_their_order() -> None:
    feed = read(
        rss(
            "<title>u1</title>",
            dated("old", "Sun, 01 Mar 2026 00:00:00 GMT"),
            dated("new", "2026-03-09T00:00:00Z"),
            "<title>u2</title>",
        )
    )
    assert [item.title for item in feed.items] == ["new", "old", "u1", "u2"]


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("Tue, 10 Mar 2026 20:00:00 GMT", NOW),
        ("Mon, 01 Jan 2035 00:00:00 GMT", None),
        ("Mon, 01 Jan 9999 00:00:00 GMT", None),
        ("soon", None),
        ("", None),
        ("10 Mar 2026", datetime(2026, 3, 10, tzinfo=UTC)),
        ("Tue, 31 Feb 2026 00:00:00 GMT", None),
    ],
)
def test_odd_dates_are_tolerated(written: str, expected: datetime | None) -> None:
    assert read(rss(dated("t", written))).items[0].published_at == expected


def test_of_five_thousand_items_the_newest_five_hundred_are_kept() -> None:
    items = (
        f"<title>t{n}</title><guid isPermaLink='false'>{n}</guid>"
        f"<pubDate>Mon, 0{1 + n % 2} Mar 2026 {n // 60 % 24:02}:{n % 60:02}:00 GMT</pubDate>"
        for n in range(5000)
    )
    begun = time.monotonic()
    feed = read(rss(*items))
    assert len(feed.items) == 500
    dates: list[Any] = [item.published_at for item in feed.items]
    assert dates == sorted(dates, reverse=True)
    assert min(dates).day == 2
    assert time.monotonic() - begun < 30

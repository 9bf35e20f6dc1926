"""The stand-in frontend: pages to come back to, and feeds that real readers understand."""

from __future__ import annotations

from collections.abc import Iterator

import feedparser
import httpx
import pytest
import trafilatura

from local.stack import Stack
from tests.tls import TLS

HOSTILE = "<script>alert(1)</script>\"'"


@pytest.fixture
def frontend(local_supabase: Stack) -> Iterator[httpx.Client]:
    """A browser without scripts."""
    with httpx.Client(base_url=local_supabase.info["frontend_url"], verify=TLS) as client:
        yield client


@pytest.mark.parametrize("path", ["/feed.xml", "/atom.xml"])
def test_a_feed_reader_finds_three_articles(frontend: httpx.Client, path: str) -> None:
    feed = feedparser.parse(frontend.get(path).content)
    assert not feed.bozo
    assert feed.version in ("rss20", "atom10")
    assert len(feed.entries) == 3
    assert len({entry.id for entry in feed.entries}) == 3
    dates = [entry.published_parsed for entry in feed.entries]
    assert dates == sorted(dates, reverse=True)


def test_feeds_of_other_kinds_hold_whole_articles(frontend: httpx.Client) -> None:
    atom = feedparser.parse(frontend.get("/harbour/atom.xml").content)
    assert not atom.bozo
    assert [entry.title for entry in atom.entries][:1] == ["The old lock opens again"]
    assert "340 oak planks" in atom.entries[0].content[0].value
    answer = frontend.get("/workshop/feed.json")
    assert answer.headers["content-type"] == "application/feed+json; charset=utf-8"
    feed = answer.json()
    assert feed["version"] == "https://jsonfeed.org/version/1.1"
    assert feed["feed_url"] == str(answer.url)
    for item in feed["items"]:
        assert item["content_html"].startswith("<p>")
        assert item["title"] in httpx.get(item["url"], verify=TLS).text


def test_every_article_can_be_read(frontend: httpx.Client) -> None:
    for entry in feedparser.parse(frontend.get("/feed.xml").content).entries:
        page = httpx.get(entry.link, verify=TLS)
        assert page.status_code == 200
        text = trafilatura.extract(page.text)
        assert text
        assert len(text.split()) > 300
        assert entry.title in page.text


@pytest.mark.parametrize(
    ("path", "names"),
    [
        ("/connected", ["account", "error", "error_description"]),
        ("/confirm", ["token_hash", "type", "redirect_to"]),
    ],
)
def test_what_the_address_says_is_shown_and_never_run(
    frontend: httpx.Client, path: str, names: list[str]
) -> None:
    for name in names:
        shown = frontend.get(path, params={name: f"value-of-{name}"}).text
        assert f"value-of-{name}" in shown
        assert "<script>" not in frontend.get(path, params={name: HOSTILE}).text


def test_the_first_page_links_to_the_parts(local_supabase: Stack, frontend: httpx.Client) -> None:
    page = frontend.get("/").text
    for key in ("supabase_url", "mailbox_url"):
        assert local_supabase.info[key] in page


def test_an_unknown_page_is_a_404(frontend: httpx.Client) -> None:
    assert frontend.get("/articles/../secrets.json").status_code == 404
    assert frontend.get("/nowhere").status_code == 404

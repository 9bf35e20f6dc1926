"""Feeds as the wild has them, made here: each file beside what a reader should find in it."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from backend.core.errors import UnreadableSource
from backend.core.ports import Feed, FeedItem, Fetched
from backend.sources.feeds import read_feed

CORPUS = Path(__file__).parent / "corpus"
NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
EXPECTED = ".expected.json"
NAMES = sorted(path.name.removesuffix(EXPECTED) for path in CORPUS.glob(f"*{EXPECTED}"))


def read(body: bytes, content_type: str, url: str) -> Feed:
    return read_feed(Fetched(200, url, {"Content-Type": content_type}, body), now=NOW)


def told(item: FeedItem) -> dict[str, Any]:
    date = item.published_at.isoformat() if item.published_at else None
    return {
        "guid": item.guid, "url": item.url, "title": item.title, "date": date, "text": item.text,
    }  # fmt: skip


def test_every_feed_has_an_expectation_and_there_are_enough() -> None:
    feeds = {path.name for path in CORPUS.iterdir() if not path.name.endswith(EXPECTED)}
    assert feeds == set(NAMES)
    assert len(feeds) >= 40


@pytest.mark.parametrize("name", NAMES)
def test_a_feed_of_the_wild_is_read(name: str) -> None:
    """`guid` may end in ":" and `text` be a beginning: the rest is not compared."""
    expected = json.loads((CORPUS / f"{name}{EXPECTED}").read_text("utf-8"))
    body = (CORPUS / name).read_bytes()
    if "refusal" in expected:
        with pytest.raises(UnreadableSource) as caught:
            read(body, expected["content_type"], expected["url"])
        assert expected["refusal"] in str(caught.value)
        return
    feed = read(body, expected["content_type"], expected["url"])
    assert (feed.title, len(feed.items)) == (expected["title"], expected["items"])
    if expected["first"]:
        first, wanted = told(feed.items[0]), expected["first"]
        if wanted["guid"].endswith(":"):
            first["guid"] = first["guid"][: len(wanted["guid"])]
        if wanted["text"]:
            first["text"] = first["text"][: len(wanted["text"])]
        assert first == wanted
    if "dates" in expected:
        assert {item.guid: told(item)["date"] for item in feed.items} == expected["dates"]
    for unwanted in expected.get("never", ()):
        assert unwanted not in repr(feed)


def test_of_five_thousand_items_with_dates_nobody_can_read_the_first_five_hundred_are_kept() -> (
    None
):
    """What is slow to try is tried for the first of them only."""
    items = "".join(
        f"<item><guid isPermaLink='false'>{n}</guid><title>Item {n}</title>"
        f"<pubDate>Mon, 09 Foo 2026 10:{n % 60:02}:00 GMT</pubDate></item>"
        for n in range(5001)
    )
    body = f"<rss version='2.0'><channel><title>Many</title>{items}</channel></rss>".encode()
    begun = time.thread_time()
    feed = read(body, "application/rss+xml", "https://many.example/")
    assert time.thread_time() - begun < 60  # tried for each of them, the dates would take minutes
    assert [item.guid for item in feed.items] == [str(n) for n in range(500)]
    assert {item.published_at for item in feed.items} == {None}


def test_the_same_small_guid_in_two_feeds_is_told_apart_by_the_source() -> None:
    """The reader leaves guids as they are; the database keeps them per source."""
    body = (CORPUS / "guid-small-numbers.xml").read_bytes()
    here, there = (read(body, "text/xml", f"https://{host}.example/") for host in "ab")
    assert [item.guid for item in here.items] == [item.guid for item in there.items] == ["1", "2"]


def test_a_feed_that_moves_keeps_its_names() -> None:
    """Guids that look like relative links are not joined to the address of the feed."""
    body = (
        b"<rss version='2.0'><channel><title>t</title><item><guid>post/1</guid><title>a</title></item>"
        b"</channel></rss>"
    )
    old, new = (read(body, "text/xml", f"https://{host}.example/feed") for host in ("old", "new"))
    assert old.items[0].guid == new.items[0].guid == "post/1"
    assert new.items[0].url == "https://new.example/post/1"

"""Telling one's own post on X by what X makes of its text: links replaced, three characters written as entities."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from backend.core.errors import NoAnswer
from backend.core.platform_contract import Metrics
from backend.core.ports import Answer
from backend.platforms.x_reading import fits, listed_posts, metrics_of

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
A, B = "https://t.co/aaaaaaaaaa", "https://t.co/bbbbbbbbbb"


def answer(body: Any) -> Answer:
    return Answer(200, {}, json.dumps(body).encode())


def shown(text: str, addresses: dict[str, str] | None = None, **more: Any) -> Any:
    """The one post of a timeline with this text, and where X says its links lead."""
    urls = [{"url": short, "expanded_url": there} for short, there in (addresses or {}).items()]
    post = {"id": "1", "text": text, "created_at": "2026-11-21T12:00:00.000Z", "entities": {"urls": urls}}  # fmt: skip
    (found,) = listed_posts(answer({"data": [post | more]}), NOON)
    return found


@pytest.mark.parametrize(
    ("text", "sent", "addresses"),
    [
        ("Good morning", "Good morning", {}),
        ("Good  morning\n\n you ", "Good morning you", {}),
        ("e\u0301tude", "étude", {}),
        ("AT&amp;T &lt;3 &gt;", "AT&T <3 >", {}),
        ("a &amp;amp; b &amp;lt;", "a &amp; b &lt;", {}),
        ("&copy; &quot;", "&copy; &quot;", {}),
        (f"see {A}.", "see example.com/x.", {A: "http://example.com/x"}),
        (f"see {A}", "see https://Example.com", {A: "https://example.com/"}),
        (f"{A} and {B}", "example.com and example.org", {A: "http://example.com", B: "http://example.org"}),
        # X does not say where they lead: any link will do
        (f"see {A}", "see example.com", {}),
        (f"{A} and {B}", "example.com and example.org", {A: "http://example.com"}),
        # a link that X left alone
        ("see example.com", "see example.com", {}),
        # a link of X itself, as its owner wrote it
        (f"see {A}", f"see {A}", {A: A}),
        (f"see {A}", f"see {A}", {}),
        # at the end a link to the media, of which X says nothing else
        (f"a picture {A}", "a picture", {}),
        (f"see {A} {B}", "see example.com", {A: "http://example.com"}),
        (A, "", {}),
    ],
)  # fmt: skip
def test_a_text_as_x_shows_it_is_recognised(
    text: str, sent: str, addresses: dict[str, str]
) -> None:
    assert fits(shown(text, addresses), sent)
    seen = shown(text, addresses).seen()
    assert seen.fits is not None
    assert seen.fits(sent)


@pytest.mark.parametrize(
    ("text", "sent", "addresses"),
    [
        ("Good morning", "Good evening", {}),
        ("Good morning", "good morning", {}),
        ("Good morning", "Good morning!", {}),
        ("a &amp; b", "a &amp; b", {}),
        (f"see {A}", "see example.com/x", {A: "https://example.com/y"}),
        (f"see {A}", "see example.com/X", {A: "https://example.com/x"}),
        (f"{A} and {B}", "example.com and example.org", {A: "http://example.org", B: "http://example.com"}),
        (f"see {A}", "see", {A: "https://example.com"}),
        (f"see {A}", "see it", {}),
        ("see", "see example.com", {}),
        (f"a {A} {B}", "a", {}),
        (f"{A} a picture", "a picture", {}),
        ("see example.com", "see example.org", {}),
    ],
)  # fmt: skip
def test_another_text_is_not(text: str, sent: str, addresses: dict[str, str]) -> None:
    assert not fits(shown(text, addresses), sent)


def test_a_post_is_shown_with_its_links_as_they_were() -> None:
    assert shown(f"see {A} &amp; more", {A: "https://example.com/x"}).seen().text == "see https://example.com/x & more"  # fmt: skip


@pytest.mark.parametrize("name", ["referenced_tweets", "referenced_posts"])
def test_what_is_replied_to_is_read_by_both_names(name: str) -> None:
    references = [{"type": "quoted", "id": "8"}, {"type": "replied_to", "id": "9"}]
    assert shown("a", **{name: references}).replies_to == "9"
    assert shown("a", **{name: references[:1]}).replies_to is None
    assert shown("a").replies_to is None


@pytest.mark.parametrize(
    "post",
    [{}, {"id": "1"}, {"id": 1, "created_at": "2026-11-21T12:00:00Z"}, {"id": "1", "created_at": "yesterday"}, {"id": "1", "created_at": None}, "1", None],
)  # fmt: skip
def test_what_is_no_post_is_passed_over(post: Any) -> None:
    assert listed_posts(answer({"data": [post]}), NOON) == []


@pytest.mark.parametrize("entities", [None, [], {"urls": None}, {"urls": [None, {}, {"url": A}]}])
def test_entities_that_are_not_as_documented_change_nothing(entities: Any) -> None:
    assert fits(shown(f"see {A}", entities=entities), "see example.com")


def test_what_was_created_before_is_not_listed() -> None:
    post = {"id": "1", "text": "a", "created_at": "2026-11-21T11:59:59.999Z"}
    assert listed_posts(answer({"data": [post]}), NOON) == []


def test_an_empty_timeline_is_no_error() -> None:
    assert listed_posts(answer({"meta": {"result_count": 0}}), NOON) == []


@pytest.mark.parametrize("body", [[], None, "no", {"data": {}}, {"data": "no"}])
def test_an_answer_that_lists_nothing_is_no_answer(body: Any) -> None:
    with pytest.raises(NoAnswer):
        listed_posts(answer(body), NOON)
    with pytest.raises(NoAnswer):
        metrics_of(answer(body))


@pytest.mark.parametrize("name", ["retweet_count", "repost_count"])
def test_reposts_are_read_by_both_names_and_quotes_are_reposts(name: str) -> None:
    counts = {name: 5, "quote_count": 2, "like_count": 3, "reply_count": 1, "impression_count": 90}
    told = metrics_of(answer({"data": [{"id": "1", "public_metrics": counts}]}))
    assert told == {"1": Metrics(impressions=90, likes=3, comments=1, shares=7)}


def test_what_is_not_told_is_not_known() -> None:
    posts = [{"id": "1", "public_metrics": {"like_count": 0}}, {"id": "2"}, {"public_metrics": {}}]
    assert metrics_of(answer({"data": posts})) == {"1": Metrics(likes=0)}

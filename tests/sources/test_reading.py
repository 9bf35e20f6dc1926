"""One source over many readings: asked for briefly, followed where it goes, every article once, given up slowly."""

from __future__ import annotations

from collections.abc import Callable
from http.server import BaseHTTPRequestHandler

import pytest

from tests.engine.actors import Refused
from tests.sources.conftest import INTERVAL, Desk
from tests.unit.outbound.conftest import Site

HOUR, DAY = 3600, 24 * 3600
WEEK = 7 * DAY
Feed = Callable[..., bytes]


def sent(site: Site, name: str) -> list[str | None]:
    """This header of every request, in order."""
    return [headers.get(name) for _, headers, _ in site.requests]


# ------------------------------------------------------------------------------------ asked for briefly


@pytest.mark.parametrize(
    ("given", "returned"),
    [
        ({"ETag": '"v1"'}, {"If-None-Match": '"v1"'}),
        ({"ETag": 'W/"weak"'}, {"If-None-Match": 'W/"weak"'}),
        ({"Last-Modified": "Mon, 02 Mar 2026 10:00:00 GMT"}, {"If-Modified-Since": "Mon, 02 Mar 2026 10:00:00 GMT"}),
        (
            {"ETag": '"v1"', "Last-Modified": "Mon, 02 Mar 2026 10:00:00 GMT"},
            {"If-None-Match": '"v1"', "If-Modified-Since": "Mon, 02 Mar 2026 10:00:00 GMT"},
        ),
        ({}, {}),
    ],
    ids=["etag", "weak etag", "date", "both", "neither"],
)  # fmt: skip
def test_what_the_server_gave_is_returned_and_kept_while_nothing_changes(
    desk: Desk, site: Site, feed: Feed, given: dict[str, str], returned: dict[str, str]
) -> None:
    source = desk.add(f"{site.url}/feed")
    site.answer("/feed", 200, feed(("1", "One")), **{k.replace("-", "_"): v for k, v in given.items()})  # fmt: skip
    desk.read()
    site.answer("/feed", 304)
    desk.read()
    desk.read()
    for name in ("If-None-Match", "If-Modified-Since"):
        assert sent(site, name) == [None, returned.get(name), returned.get(name)]
    row = desk.source(source)
    assert (row["status"], row["error"], len(desk.items(source))) == ("ok", None, 1)


def test_a_failure_does_not_forget_what_the_server_gave(desk: Desk, site: Site, feed: Feed) -> None:
    desk.add(f"{site.url}/feed")
    site.answer("/feed", 200, feed(("1", "One")), ETag='"v1"')
    desk.read()
    site.answer("/feed", 500)
    desk.read()
    desk.read()
    assert sent(site, "If-None-Match") == [None, '"v1"', '"v1"']


def test_the_server_learns_who_reads_it_and_what_is_wanted(
    desk: Desk, site: Site, feed: Feed
) -> None:
    desk.add(f"{site.url}/feed")
    site.answer("/feed", 200, feed())
    desk.read()
    assert sent(site, "User-Agent") == ["Lin/1.0 (+https://lin.example)"]
    assert "application/rss+xml" in str(sent(site, "Accept")[0])


# ------------------------------------------------------------------------------------ followed


def test_a_move_for_good_is_remembered_over_a_chain(desk: Desk, site: Site, feed: Feed) -> None:
    source = desk.add(f"{site.url}/old")
    site.answer("/old", 301, Location="/newer")
    site.answer("/newer", 308, Location="/newest")
    site.answer("/newest", 200, feed(("1", "One")))
    desk.read()
    assert desk.source(source)["url"] == f"{site.url}/newest"
    desk.read()
    paths = [request for request, _, _ in site.requests]
    assert paths == ["GET /old", "GET /newer", "GET /newest", "GET /newest"]
    assert len(desk.items(source)) == 1


def test_a_detour_is_followed_and_not_remembered(desk: Desk, site: Site, feed: Feed) -> None:
    source = desk.add(f"{site.url}/feed")
    site.answer("/feed", 302, Location="/today")
    site.answer("/today", 200, feed(("1", "One")))
    desk.read()
    assert desk.source(source)["url"] == f"{site.url}/feed"
    assert len(desk.items(source)) == 1


def test_a_move_to_what_its_reader_has_already_leaves_both(
    desk: Desk, site: Site, feed: Feed
) -> None:
    old, new = desk.add(f"{site.url}/old"), desk.add(f"{site.url}/new")
    site.answer("/old", 301, Location="/new")
    site.answer("/new", 200, feed(("1", "One")))
    for _ in range(2):
        desk.read()
    assert [desk.source(one)["url"] for one in (old, new)] == [f"{site.url}/old", f"{site.url}/new"]


# ------------------------------------------------------------------------------------ every article once


def test_an_article_is_stored_once_over_any_number_of_readings(
    desk: Desk, site: Site, feed: Feed
) -> None:
    source = desk.add(f"{site.url}/feed")
    for guids in ("ab", "abc", "bc", "ca", "abcd"):
        site.answer("/feed", 200, feed(*((guid, f"Title {guid}") for guid in guids)))
        desk.read()
    assert [item["guid"] for item in desk.items(source)] == ["a", "b", "c", "d"]


def test_an_article_without_a_guid_is_known_by_its_link_without_campaign(
    desk: Desk, site: Site
) -> None:
    source = desk.add(f"{site.url}/feed")
    for campaign in ("utm_source=a", "utm_source=b", "fbclid=c"):
        body = (
            "<rss version='2.0'><channel><title>t</title><item><title>One</title>"
            f"<link>https://x.example/1?{campaign}</link></item></channel></rss>"
        )
        site.answer("/feed", 200, body.encode())
        desk.read()
    assert [item["guid"] for item in desk.items(source)] == ["https://x.example/1"]


def test_the_same_guid_in_two_sources_is_two_articles(desk: Desk, site: Site, feed: Feed) -> None:
    sources = [desk.add(f"{site.url}/{path}") for path in "xy"]
    for path in "xy":
        site.answer(f"/{path}", 200, feed(("1", f"Of {path}")))
    for _ in range(2):
        desk.read()
    assert [desk.items(source)[0]["title"] for source in sources] == ["Of x", "Of y"]


def test_an_edited_article_is_updated_until_a_post_was_drafted_from_it(
    desk: Desk, site: Site, feed: Feed
) -> None:
    source = desk.add(f"{site.url}/feed")
    for title in ("First", "Corrected"):
        site.answer("/feed", 200, feed(("1", title)))
        desk.read()
    (item,) = desk.items(source)
    assert (item["title"], item["text"]) == ("Corrected", "Text of Corrected")
    desk.world.admin.run("update source_items set used_at = now() where id = %s", item["id"])
    site.answer("/feed", 200, feed(("1", "Rewritten")))
    desk.read()
    (after,) = desk.items(source)
    assert (after["id"], after["title"]) == (item["id"], "Corrected")


def test_an_article_whose_text_went_away_keeps_it(desk: Desk, site: Site, feed: Feed) -> None:
    source = desk.add(f"{site.url}/feed")
    site.answer("/feed", 200, feed(("1", "One")))
    desk.read()
    body = "<rss version='2.0'><channel><title>t</title><item><guid isPermaLink='false'>1</guid><title>One!</title></item></channel></rss>"
    site.answer("/feed", 200, body.encode())
    desk.read()
    assert desk.items(source)[0]["text"] == "Text of One"


def test_an_article_that_its_reader_deleted_stays_away(desk: Desk, site: Site, feed: Feed) -> None:
    source = desk.add(f"{site.url}/feed")
    site.answer("/feed", 200, feed(("1", "One"), ("2", "Two")))
    desk.read()
    reader = desk.world.person(desk.user)
    assert reader.changed("delete from source_items where guid = '1'") == 1
    desk.read()
    assert [item["guid"] for item in desk.items(source)] == ["2"]


def test_a_deleted_source_leaves_nothing_behind(desk: Desk, site: Site, feed: Feed) -> None:
    source = desk.add(f"{site.url}/feed")
    site.answer("/feed", 200, feed(("1", "One")))
    desk.read()
    assert desk.world.person(desk.user).changed("delete from sources where id = %s", source) == 1
    left = desk.world.admin.run("select 1 from private.dropped_items where source_id = %s", source)
    assert left == desk.items(source) == []


def test_a_page_is_one_article_whatever_its_address_becomes(desk: Desk, site: Site) -> None:
    source = desk.add(f"{site.url}/page", "page")
    site.answer("/page", 301, Location="/moved")
    for words in ("The old harbour wall was measured again.", "The new harbour wall was measured."):
        text = (
            f"<html><title>Wall</title><body><article><p>{words * 20}</p></article></body></html>"
        )
        site.answer("/moved", 200, text.encode(), Content_Type="text/html")
        desk.read()
    (item,) = desk.items(source)
    assert item["text"].startswith("The new harbour wall")
    assert item["url"] == f"{site.url}/moved"


# ------------------------------------------------------------------------------------ given up slowly


def test_a_failing_source_is_read_less_and_less_often_and_recovers_at_once(
    desk: Desk, site: Site, feed: Feed
) -> None:
    source = desk.add(f"{site.url}/feed")
    site.answer("/feed", 500)
    waits = []
    for _ in range(4):
        desk.read()
        waits.append(desk.source(source)["wait"])
    for failures, wait in enumerate(waits, 1):
        assert INTERVAL * 2**failures - 60 < wait <= INTERVAL * 2**failures * 1.1
    assert desk.source(source)["status"] == "failing"
    site.answer("/feed", 200, feed(("1", "One")))
    desk.read()
    row = desk.source(source)
    assert (row["status"], row["error"], row["failures"]) == ("ok", None, 0)
    assert INTERVAL - 60 < row["wait"] <= INTERVAL * 1.1


def test_what_is_gone_for_good_is_tried_once_a_week(desk: Desk, site: Site) -> None:
    source = desk.add(f"{site.url}/feed")
    site.answer("/feed", 410)
    desk.read()
    row = desk.source(source)
    assert row["status"] == "gone"
    assert row["error"] == "127.0.0.1 says that this is gone for good (status 410)."
    assert WEEK - 60 < row["wait"] <= WEEK * 1.1


def test_what_is_not_found_for_a_month_is_gone_and_may_come_back(
    desk: Desk, site: Site, feed: Feed
) -> None:
    source = desk.add(f"{site.url}/feed")
    site.answer("/feed", 404)
    states, waited = [], 0.0
    for _ in range(12):
        desk.read()
        row = desk.source(source)
        states.append(row["status"])
        waited += row["wait"]
    assert states == ["failing"] * 11 + ["gone"]
    assert waited - row["wait"] > 28 * DAY
    assert WEEK - 60 < row["wait"] <= WEEK * 1.1
    site.answer("/feed", 200, feed(("1", "One")))
    desk.read()
    assert desk.source(source)["status"] == "ok"


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (401, "127.0.0.1 gives this to signed-in readers only; Lin cannot sign in there (status 401)."),
        (403, "127.0.0.1 does not let Lin read this (status 403)."),
        (404, "There is nothing at this address of 127.0.0.1 any more (status 404)."),
        (500, "127.0.0.1 answered with status 500 instead of the content."),
    ],
)  # fmt: skip
def test_the_reader_is_told_in_words_why(desk: Desk, site: Site, status: int, words: str) -> None:
    source = desk.add(f"{site.url}/feed")
    site.answer("/feed", status)
    desk.read()
    row = desk.source(source)
    assert (row["status"], row["error"]) == ("failing", words)


def test_a_feed_that_becomes_a_web_page_is_told_with_its_new_address(
    desk: Desk, site: Site
) -> None:
    source = desk.add(f"{site.url}/feed")
    page = (
        b'<html><head><link rel="alternate" type="application/rss+xml" href="/rss"></head></html>'
    )
    site.answer("/feed", 200, page, Content_Type="text/html")
    desk.read()
    assert desk.source(source)["error"].endswith(f"Its feed is at {site.url}/rss")


def test_a_private_address_is_not_even_asked(desk: Desk, site: Site) -> None:
    stranger = desk.new_site()
    source = desk.add(f"{stranger.url}/feed")
    desk.read()
    assert stranger.requests == []
    assert "private network" in desk.source(source)["error"]


def test_a_source_deleted_while_it_is_read_does_no_harm(desk: Desk, site: Site, feed: Feed) -> None:
    source = desk.add(f"{site.url}/feed")
    body = feed(("1", "One"))

    def vanish(handler: BaseHTTPRequestHandler) -> None:
        desk.world.person(desk.user).run("delete from sources where id = %s", source)
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    site.pages["/feed"] = vanish
    assert desk.read() == 1
    assert desk.items(source) == []


# ------------------------------------------------------------------------------------ read now


def test_its_reader_may_have_it_read_at_once_but_not_every_second(
    desk: Desk, site: Site, feed: Feed
) -> None:
    source = desk.add(f"{site.url}/feed")
    site.answer("/feed", 200, feed(("1", "One")))
    desk.read()
    reader = desk.world.person(desk.user)
    with pytest.raises(Refused, match="within the last minute") as caught:
        reader.call("refresh_source", source=source)
    assert caught.value.status == 429
    desk.world.admin.run(
        "update sources set last_fetched_at = now() - interval '61 seconds' where id = %s", source
    )
    reader.call("refresh_source", source=source)
    assert desk.source(source)["wait"] <= 0
    with pytest.raises(Refused, match="no such source") as caught:
        desk.world.person(desk.world.user()).call("refresh_source", source=source)
    assert caught.value.status == 404

"""Posts on X: what readers see, threads, reading back, numbers, faults (platform facts 2.3 to 2.8)."""

from __future__ import annotations

import html
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests

from local.sandbox.driver import Sandbox
from local.sandbox.x.calling import XCaller

DAY = 86_400
TCO = r"https://t\.co/[A-Za-z0-9]{10}"


def reply_to(urn: str) -> dict[str, str]:
    return {"in_reply_to_tweet_id": urn}


def switch(sandbox: Sandbox, caller: XCaller, **settings: Any) -> None:
    sandbox.tell("settings", platform="x", member=caller.member, **settings)


def ids(answer: requests.Response) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [post["id"] for post in answer.json().get("data", [])]


def test_a_post_is_taken_and_found_by_every_name_of_its_author(
    sandbox: Sandbox, xan: XCaller
) -> None:
    answer = xan.create("Hello #World")
    assert answer.status_code == 201
    body = answer.json()
    assert set(body) == {"data"}
    urn = body["data"]["id"]
    assert body["data"] == {"id": urn, "text": "Hello #World", "edit_history_tweet_ids": [urn]}
    for name in (xan.member, xan.subject):
        (post,) = sandbox.posts(name, platform="x")
        assert (post["urn"], post["author"], post["platform"]) == (urn, xan.subject, "x")
    assert (post["author_name"], post["visibility"]) == ("Xan Example", "PUBLIC")
    assert [tuple(piece) for piece in post["pieces"]] == [
        ("text", "Hello "),
        ("hashtag", "#World"),
    ]


def test_every_answer_tells_of_the_limits(xan: XCaller) -> None:
    headers = xan.create().headers
    assert (headers["x-rate-limit-limit"], headers["x-rate-limit-remaining"]) == ("100", "99")
    assert headers["x-app-limit-24hour-limit"] == "10000"
    assert int(headers["x-rate-limit-reset"]) > datetime.now(UTC).timestamp()
    assert xan.create().headers["x-rate-limit-remaining"] == "98"


def test_links_and_entities_change_in_answers_only(sandbox: Sandbox, xan: XCaller) -> None:
    text = "Salt & <pepper> at https://example.com/a?b=1&c=2 or example.org"
    shown = rf"Salt &amp; &lt;pepper&gt; at {TCO} or {TCO}"
    answer = xan.create(text)
    assert re.fullmatch(shown, answer.json()["data"]["text"])
    (read,) = xan.timeline(tweet__fields="text,entities").json()["data"]
    assert read["text"] == answer.json()["data"]["text"]
    post = sandbox.posts(xan.member)[0]
    assert post["commentary"] == post["visible_text"] == text
    back = html.unescape(read["text"])
    for url in read["entities"]["urls"]:
        assert read["text"][url["start"] : url["end"]] == url["url"]
        back = back.replace(url["url"], url["expanded_url"])
    assert back == text.replace("example.org", "http://example.org")
    kinds = [piece[1] for piece in post["pieces"] if piece[0] == "link"]
    assert kinds == ["https://example.com/a?b=1&c=2", "example.org"]


def test_the_same_link_gets_another_short_address_in_each_post(xan: XCaller) -> None:
    first, second = (
        xan.create(f"{word} example.com").json()["data"]["text"] for word in ("One", "Two")
    )
    assert first.split()[1] != second.split()[1]


def test_a_link_to_the_media_can_end_the_text(sandbox: Sandbox, xan: XCaller, png: bytes) -> None:
    switch(sandbox, xan, media_link_in_text=True)
    answer = xan.create("Look", media={"media_ids": [xan.picture(png)]})
    assert re.fullmatch(f"Look {TCO}", answer.json()["data"]["text"])
    answer = xan.create(None, media={"media_ids": [xan.picture(png)]})
    assert re.fullmatch(TCO, answer.json()["data"]["text"])


def test_a_thread_is_a_chain_of_replies(sandbox: Sandbox, xan: XCaller) -> None:
    first = xan.posted("1/3")
    second = xan.posted("2/3", reply=reply_to(first))
    third = xan.posted("3/3", reply=reply_to(second))
    posts = sandbox.posts(xan.member)
    assert [post["urn"] for post in posts] == [third, second, first]
    assert [post["content"]["in_reply_to"] for post in posts] == [second, first, None]
    assert {post["content"]["conversation_id"] for post in posts} == {first}
    fields = "conversation_id,referenced_tweets,in_reply_to_user_id"
    read = xan.call("GET", f"/2/tweets/{third}", params={"tweet.fields": fields}).json()["data"]
    assert read["conversation_id"] == first
    assert read["referenced_tweets"] == [{"type": "replied_to", "id": second}]
    assert read["in_reply_to_user_id"] == xan.subject


def test_a_reply_to_a_post_that_is_not_there_is_refused(sandbox: Sandbox, xan: XCaller) -> None:
    gone = xan.posted("Gone")
    xan.call("DELETE", f"/2/tweets/{gone}")
    for urn in ("1790", gone):
        answer = xan.create("To nothing", reply=reply_to(urn))
        assert answer.status_code == 403
        assert "deleted or not visible" in answer.json()["detail"]
    assert len(sandbox.posts(xan.member)) == 1


def test_a_self_serve_app_replies_only_where_its_author_was_mentioned(
    xan: XCaller, xia: XCaller
) -> None:
    silent = xia.posted("About nobody")
    assert xan.create("Unasked", reply=reply_to(silent)).status_code == 403
    asking = xia.posted(f"What says @{xan.username.upper()}?")
    assert xan.create("Asked", reply=reply_to(asking)).status_code == 201


def test_replies_to_own_posts_can_be_refused(sandbox: Sandbox, xan: XCaller) -> None:
    first = xan.posted("1/2")
    switch(sandbox, xan, own_replies_refused=True)
    assert xan.create("2/2", reply=reply_to(first)).status_code == 403


def test_optional_fields_are_kept(sandbox: Sandbox, xan: XCaller) -> None:
    poll = {"options": ["Yes", "No"], "duration_minutes": 5}
    xan.posted("Well?", poll=poll, reply_settings="following", made_with_ai=True)
    post = sandbox.posts(xan.member)[0]
    assert (post["kind"], post["content"]["poll"]) == ("poll", poll)
    assert post["content"]["reply_settings"] == "following"
    assert post["content"]["made_with_ai"] is True


def test_premium_authors_edit_within_the_hour(sandbox: Sandbox, xan: XCaller) -> None:
    first = xan.posted("Frist")
    edit = {"previous_post_id": first}
    assert xan.create("First", edit_options=edit).status_code == 403
    switch(sandbox, xan, premium=True)
    answer = xan.create("First", edit_options=edit)
    urn = answer.json()["data"]["id"]
    assert answer.json()["data"]["edit_history_tweet_ids"] == [first, urn]
    assert ids(xan.timeline()) == [urn]
    sandbox.tell("clock", advance_seconds=3601, member=xan.member)
    late = xan.create("Fist", edit_options={"previous_post_id": urn})
    assert late.status_code == 403


def test_the_timeline_is_read_by_span_and_page(sandbox: Sandbox, xan: XCaller) -> None:
    empty = xan.timeline(max_results=5)
    assert empty.json() == {"meta": {"result_count": 0}}
    made = [xan.posted(f"Number {n}") for n in range(7)][::-1]
    answer = xan.timeline(max_results=5, tweet__fields="created_at,text")
    assert answer.headers["x-rate-limit-limit"] == "900"
    body = answer.json()
    assert ids(answer) == made[:5]
    assert set(body["data"][0]) == {"id", "text", "created_at", "edit_history_tweet_ids"}
    meta = body["meta"]
    assert (meta["result_count"], meta["newest_id"], meta["oldest_id"]) == (5, made[0], made[4])
    rest = xan.timeline(max_results=5, pagination_token=meta["next_token"])
    assert ids(rest) == made[5:]
    assert "next_token" not in rest.json()["meta"]
    assert ids(xan.timeline(since_id=made[2])) == made[:2]
    assert ids(xan.timeline(until_id=made[2])) == made[3:]
    created = datetime.fromisoformat(sandbox.posts(xan.member)[0]["created_at"])
    sandbox.tell("clock", advance_seconds=120, member=xan.member)
    last = xan.posted("Later")
    minute_later = (created + timedelta(minutes=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert ids(xan.timeline(start_time=minute_later)) == [last]
    assert ids(xan.timeline(end_time=minute_later)) == made


def test_others_read_the_timeline_too(xan: XCaller, xia: XCaller) -> None:
    urn = xan.posted()
    assert ids(xia.call("GET", f"/2/users/{xan.subject}/tweets")) == [urn]
    assert xia.call("GET", "/2/users/1/tweets").status_code == 404


@pytest.mark.parametrize(
    "query",
    [
        {"max_results": 4},
        {"max_results": 101},
        {"max_results": "many"},
        {"start_time": "yesterday"},
        {"start_time": "2026-08-31T12:00:00"},
        {"start_time": "2026-08-31T12:00:00+00:00"},
        {"start_time": "2026-08-31T12:00:00.5Z"},
        {"since_id": "abc"},
        {"tweet__fields": "created_at,colour"},
        {"count": 5},
    ],
    ids=str,
)
def test_a_timeline_question_x_would_not_answer_is_400(xan: XCaller, query: dict[str, Any]) -> None:
    answer = xan.timeline(**query)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["parameters"]


def test_the_timeline_may_lag(sandbox: Sandbox, xan: XCaller) -> None:
    switch(sandbox, xan, timeline_lag_seconds=30)
    urn = xan.posted()
    assert ids(xan.timeline()) == []
    assert ids(xan.call("GET", f"/2/tweets?ids={urn}")) == [urn]
    sandbox.tell("clock", advance_seconds=31, member=xan.member)
    assert ids(xan.timeline()) == [urn]


def test_a_deleted_post_is_in_no_answer(xan: XCaller) -> None:
    kept, gone = xan.posted("Kept"), xan.posted("Gone")
    xan.call("DELETE", f"/2/tweets/{gone}")
    assert ids(xan.timeline()) == [kept]
    answer = xan.call("GET", f"/2/tweets?ids={kept},{gone},1790")
    assert ids(answer) == [kept]
    errors = answer.json()["errors"]
    assert [error["resource_id"] for error in errors] == [gone, "1790"]
    assert all(error["type"].endswith("resource-not-found") for error in errors)


def test_public_numbers_are_what_they_were_set_to(sandbox: Sandbox, xan: XCaller) -> None:
    first, second = xan.posted("One"), xan.posted("Two")
    numbers = {"like_count": 3, "retweet_count": 2, "impression_count": 90}
    sandbox.tell("settings", platform="x", metrics={first: numbers})
    query = {"ids": f"{first},{second}", "tweet.fields": "public_metrics"}
    one, two = xan.call("GET", "/2/tweets", params=query).json()["data"]
    zeros = dict.fromkeys(
        ("retweet_count", "reply_count", "like_count", "quote_count", "bookmark_count"), 0
    )
    assert one["public_metrics"] == zeros | numbers
    assert two["public_metrics"] == zeros | {"impression_count": 0}
    with pytest.raises(ValueError, match="metrics"):
        sandbox.tell("settings", platform="x", metrics={first: {"smiles": 3}})


def test_private_numbers_are_the_authors_for_thirty_days(
    sandbox: Sandbox, xan: XCaller, xia: XCaller
) -> None:
    urn = xan.posted()
    query = {"ids": urn, "tweet.fields": "non_public_metrics"}
    own = xan.call("GET", "/2/tweets", params=query).json()
    assert "non_public_metrics" in own["data"][0]
    foreign = xia.call("GET", "/2/tweets", params=query).json()
    assert "non_public_metrics" not in foreign["data"][0]
    assert foreign["errors"]
    sandbox.tell("clock", advance_seconds=31 * DAY, member=xan.member)
    fresh = XCaller.new(sandbox, member=xan.member)
    assert fresh.call("GET", "/2/tweets", params=query).json()["errors"]


def test_answers_can_say_post_where_they_said_tweet(sandbox: Sandbox, xan: XCaller) -> None:
    switch(sandbox, xan, post_names=True)
    answer = xan.create().json()["data"]
    assert answer["edit_history_post_ids"] == [answer["id"]]
    assert "edit_history_tweet_ids" not in answer
    query = {"ids": answer["id"], "post.fields": "public_metrics"}
    (read,) = xan.call("GET", "/2/tweets", params=query).json()["data"]
    assert read["public_metrics"]["repost_count"] == 0
    assert "retweet_count" not in read["public_metrics"]


@pytest.mark.parametrize("bad", ["", "x", ",".join(["1"] * 101)], ids=["none", "word", "many"])
def test_a_lookup_takes_up_to_a_hundred_ids(xan: XCaller, bad: str) -> None:
    assert xan.call("GET", "/2/tweets", params={"ids": bad}).status_code == 400


def test_a_post_has_a_page(sandbox: Sandbox, xan: XCaller, png: bytes) -> None:
    picture = xan.picture(png)
    first = xan.posted("Look <b> example.com", media={"media_ids": [picture]})
    poll = {"options": ["Yes", "N<b>"], "duration_minutes": 5}
    second = xan.posted("Well?", reply=reply_to(first), poll=poll)
    for path in (f"/x.com/i/status/{first}", f"/x.com/{xan.username}/status/{first}"):
        page = requests.get(f"{sandbox.url}{path}", timeout=10)
        assert page.status_code == 200
        assert "Look &lt;b&gt; " in page.text
        assert '<span class="link">example.com</span>' in page.text
        assert f'src="/_control/media/{picture}"' in page.text
    feed = requests.get(f"{sandbox.url}/feed/x/{xan.subject}", timeout=10)
    assert f'Replying to <a href="/post/{first}">' in feed.text
    assert "N&lt;b&gt;" in feed.text
    assert f"/post/{second}" in feed.text


def order(sandbox: Sandbox, caller: XCaller, **what: Any) -> None:
    sandbox.order(what, host="api.x.com", method="POST", path="/2/tweets", member=caller.subject)


def test_no_id_takes_every_id_out_of_the_body(sandbox: Sandbox, xan: XCaller) -> None:
    order(sandbox, xan, no_id=True)
    answer = xan.create("Nameless")
    assert (answer.status_code, answer.json()) == (201, {"data": {"text": "Nameless"}})
    (post,) = sandbox.posts(xan.member)
    assert post["urn"] not in answer.text


def test_an_ordered_429_has_the_headers_of_x(sandbox: Sandbox, xan: XCaller) -> None:
    order(sandbox, xan, status=429)
    answer = xan.create()
    assert (answer.status_code, answer.json()["title"]) == (429, "Too Many Requests")
    assert answer.headers["x-rate-limit-remaining"] == "0"
    assert int(answer.headers["x-rate-limit-reset"]) > datetime.now(UTC).timestamp()
    order(sandbox, xan, status=429, headers={"x-rate-limit-reset": "7"}, body={"title": "Mine"})
    answer = xan.create()
    assert (answer.headers["x-rate-limit-reset"], answer.json()) == ("7", {"title": "Mine"})
    assert sandbox.posts(xan.member) == []


@pytest.mark.parametrize("what", [{"drop": True}, {"reset": True}, {"half_body": True}], ids=str)
def test_a_lost_answer_leaves_a_post_in_the_timeline(
    sandbox: Sandbox, xan: XCaller, what: dict[str, Any]
) -> None:
    order(sandbox, xan, **what, accept=True)
    with pytest.raises(requests.RequestException):
        xan.create("Lost")
    (read,) = xan.timeline().json()["data"]
    assert read["text"] == "Lost"
    assert xan.create("Lost").status_code == 403


def test_a_revoking_order_ends_the_token(sandbox: Sandbox, xan: XCaller) -> None:
    order(sandbox, xan, revoke=True)
    for _ in range(2):
        assert xan.create().status_code == 401


def test_no_token_is_ever_written_down(sandbox: Sandbox, xan: XCaller) -> None:
    xan.create()
    assert xan.token not in str(sandbox.ask("requests", member=xan.member))
    assert len(sandbox.requests(xan.subject)) == 1

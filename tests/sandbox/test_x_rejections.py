"""Rows 8 to 16 and 21 to 23 of "What a strict X simulator must reject" (platform facts 2.9).

Rows 1 to 7 are in ``test_x_sign_in.py``, rows 17 to 20 in ``test_x_media.py``.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

import pytest
import requests

from local.sandbox.driver import Sandbox
from local.sandbox.x.calling import AppCaller, XCaller

QUARTER, DAY = 15 * 60, 86_400
MakeVideo = Callable[..., bytes]
POLL = {"options": ["Yes", "No"], "duration_minutes": 60}


def assert_problem(
    answer: requests.Response, status: int, ending: str = "about:blank"
) -> dict[str, Any]:
    body: dict[str, Any] = answer.json()
    assert (answer.status_code, body["status"]) == (status, status), body
    assert body["title"]
    assert body["detail"]
    assert body["type"].endswith(ending), body
    assert answer.headers["x-rate-limit-reset"]
    return body


def assert_invalid(answer: requests.Response, parameter: str | None = None) -> None:
    body = assert_problem(answer, 400, "/invalid-request")
    assert body["errors"][0]["message"]
    if parameter is not None:
        assert parameter in body["errors"][0]["parameters"], body


def test_row_08_an_app_only_token_cannot_post(sandbox: Sandbox, xan: XCaller) -> None:
    (made,) = sandbox.tell("tokens", platform="x", app_only=True)["tokens"]
    token = made["access_token"]
    for method, path in (("POST", "/2/tweets"), ("GET", "/2/users/me")):
        answer = xan.call(method, path, token=token, json={"text": "Nobody's"})
        assert_problem(answer, 403, "/unsupported-authentication")
    urn = xan.posted("Readable")
    assert xan.call("GET", f"/2/tweets/{urn}", token=token).json()["data"]["id"] == urn


@pytest.mark.parametrize("missing", ["tweet.write", "tweet.read", "users.read"])
def test_row_09_posting_needs_its_scopes(sandbox: Sandbox, x_app: AppCaller, missing: str) -> None:
    scopes = {"tweet.read", "tweet.write", "users.read", "media.write"} - {missing}
    caller = XCaller.new(sandbox, client_id=x_app.client_id, scopes=sorted(scopes))
    body = assert_problem(caller.create(), 403)
    assert body["detail"] == "You are not permitted to perform this action."
    assert_problem(caller.call("DELETE", "/2/tweets/1"), 403)
    assert sandbox.posts(caller.member) == []


def test_row_09_media_needs_its_scope(sandbox: Sandbox, x_app: AppCaller, png: bytes) -> None:
    scopes = ["tweet.read", "tweet.write", "users.read"]
    caller = XCaller.new(sandbox, client_id=x_app.client_id, scopes=scopes)
    described = {"id": "1", "metadata": {"alt_text": {"text": "A"}}}
    for answer in (
        caller.initialize(10, "image/png", "tweet_image"),
        caller.append("1", 0, png),
        caller.finalize("1"),
        caller.status("1"),
        caller.one_shot(png),
        caller.call("POST", "/2/media/metadata", json=described),
    ):
        assert_problem(answer, 403)


@pytest.mark.parametrize("data", [b"{", b"[]", b'"text"', b"", b"null"])
def test_row_10_a_body_that_is_no_json_object_is_400(xan: XCaller, data: bytes) -> None:
    headers = {"Content-Type": "application/json"}
    assert_invalid(xan.call("POST", "/2/tweets", headers=headers, data=data))


def test_row_10_a_form_is_400(xan: XCaller) -> None:
    assert_invalid(xan.call("POST", "/2/tweets", data={"text": "A form"}))


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({"unknown": 1}, "unknown"),
        ({"media": {"media_ids": ["1"], "alt": "x"}}, "media.alt"),
        ({"media": {"media_ids": [1]}}, "media.media_ids.0"),
        ({"media": {"media_ids": ["1"], "tagged_user_ids": [5]}}, "media.tagged_user_ids.0"),
        ({"reply": {"in_reply_to_tweet_id": 1790}}, "reply.in_reply_to_tweet_id"),
        ({"reply": {"in_reply_to_tweet_id": "x1"}}, "reply.in_reply_to_tweet_id"),
        ({"reply": {}}, "reply.in_reply_to_tweet_id"),
        ({"quote_tweet_id": 7}, "quote_tweet_id"),
        ({"text": 7}, "text"),
        ({"nullcast": "yes"}, "nullcast"),
        ({"reply_settings": "everyone"}, "reply_settings"),
        ({"media": {"media_ids": ["1"], "tagged_user_ids": ["1"] * 11}}, "media.tagged_user_ids"),
    ],
    ids=str,
)
def test_row_10_what_the_schema_has_no_place_for_is_400(
    sandbox: Sandbox, xan: XCaller, body: dict[str, Any], named: str
) -> None:
    assert_invalid(xan.call("POST", "/2/tweets", json={"text": "Hello"} | body), named)
    assert sandbox.posts(xan.member) == []


@pytest.mark.parametrize("field", ["text", "media", "reply", "poll", "reply_settings"])
def test_row_10_null_is_no_value(xan: XCaller, field: str) -> None:
    assert_invalid(xan.call("POST", "/2/tweets", json={"text": "Hello"} | {field: None}))


@pytest.mark.parametrize("body", [{}, {"text": ""}, {"text": " \n"}, {"poll": POLL}], ids=str)
def test_row_11_a_post_needs_text_or_media(xan: XCaller, body: dict[str, Any]) -> None:
    assert_invalid(xan.call("POST", "/2/tweets", json=body), "text")


@pytest.mark.parametrize(
    "text",
    ["a" * 280, "日" * 140, "👨‍👩‍👧‍👦" * 140, "https://example.com/" + "a" * 300 + " " + "b" * 256],
    ids=["latin", "cjk", "emoji", "link"],
)
def test_row_12_280_units_are_the_end(sandbox: Sandbox, xan: XCaller, text: str) -> None:
    assert_invalid(xan.create(text + "c"), "text")
    assert xan.create(text).status_code == 201
    assert sandbox.posts(xan.member)[0]["visible_text"] == text


def test_row_12_too_long_can_be_403(sandbox: Sandbox, xan: XCaller) -> None:
    sandbox.tell("settings", platform="x", member=xan.member, too_long_status=403)
    assert_problem(xan.create("a" * 281), 403)


def test_row_12_premium_authors_write_longer(sandbox: Sandbox, xan: XCaller) -> None:
    sandbox.tell("settings", platform="x", member=xan.member, premium=True)
    assert xan.create("a" * 25_000).status_code == 201
    assert_invalid(xan.create("a" * 25_001), "text")
    sandbox.tell("settings", platform="x", member=xan.member, premium_units=4000)
    assert_invalid(xan.create("a" * 4001), "text")


def test_a_second_cashtag_is_refused(xan: XCaller) -> None:
    assert xan.create("Only $TSLA").status_code == 201
    assert_invalid(xan.create("Both $TSLA and $AAPL"), "text")


def test_row_13_media_that_cannot_be_posted_is_400(
    xan: XCaller, xia: XCaller, png: bytes, mp4: MakeVideo
) -> None:
    pictures = [xan.picture(png) for _ in range(5)]
    videos = [
        xan.upload(mp4(100_000, 2.0, codec=b"avc1"), "video/mp4", "tweet_video").json()["data"][
            "id"
        ]
        for _ in range(2)
    ]
    waiting = xan.initialize(10, "image/png", "tweet_image").json()["data"]["id"]
    message = xan.one_shot(png, "dm_image").json()["data"]["id"]
    for ids in (
        [],
        pictures,
        ["1"],
        [xia.picture(png)],
        [waiting],
        [message],
        [pictures[0], videos[0]],
        videos,
        [pictures[0], pictures[0]],
    ):
        answer = xan.create("Look", media={"media_ids": ids})
        assert_invalid(answer, "media.media_ids")
    assert xan.create("Look", media={"media_ids": pictures[:4]}).status_code == 201
    assert xan.create("Watch", media={"media_ids": videos[:1]}).status_code == 201


def test_row_13_media_ids_expire_after_a_day(sandbox: Sandbox, xan: XCaller, png: bytes) -> None:
    picture = xan.picture(png)
    sandbox.tell("clock", advance_seconds=DAY + 1, member=xan.member)
    fresh = XCaller.new(sandbox, member=xan.member)
    assert_invalid(fresh.create("Late", media={"media_ids": [picture]}), "media.media_ids")


@pytest.mark.parametrize(
    "poll",
    [
        {"options": ["Yes"], "duration_minutes": 60},
        {"options": ["a", "b", "c", "d", "e"], "duration_minutes": 60},
        {"options": ["Yes", "n" * 26], "duration_minutes": 60},
        {"options": ["Yes", ""], "duration_minutes": 60},
        {"options": ["Yes", "No"], "duration_minutes": 4},
        {"options": ["Yes", "No"], "duration_minutes": 10_081},
        {"options": ["Yes", "No"]},
        {"options": ["Yes", "No"], "duration_minutes": "60"},
    ],
    ids=str,
)
def test_row_14_a_poll_outside_its_limits_is_400(xan: XCaller, poll: dict[str, Any]) -> None:
    assert_invalid(xan.create("Well?", poll=poll))


def test_row_14_media_and_poll_exclude_each_other(xan: XCaller, png: bytes) -> None:
    media = {"media_ids": [xan.picture(png)]}
    assert_invalid(xan.create("Well?", poll=POLL, media=media), "media")
    assert_invalid(xan.create("Well?", poll=POLL, quote_tweet_id="1"), "poll")
    assert xan.create("Well?", poll=POLL).status_code == 201


def test_row_15_the_same_text_again_is_403(xan: XCaller, xia: XCaller) -> None:
    first = xan.posted("Same")
    for again in ("Same", " Same\n"):
        body = assert_problem(xan.create(again), 403)
        assert body["detail"] == "You are not allowed to create a Tweet with duplicate content."
        assert first not in str(body)
    assert xia.create("Same").status_code == 201
    assert xan.create("Another").status_code == 201


def test_row_15_of_many_identical_posts_at_once_one_is_taken(
    sandbox: Sandbox, xan: XCaller
) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: xan.create("At once").status_code, range(16)))
    assert sorted(answers) == [201] + [403] * 15
    assert len(sandbox.posts(xan.member)) == 1


def test_row_15_a_deleted_or_old_post_is_no_duplicate(sandbox: Sandbox, xan: XCaller) -> None:
    urn = xan.posted("Again")
    assert xan.call("DELETE", f"/2/tweets/{urn}").status_code == 200
    xan.posted("Again")
    assert xan.create("Again").status_code == 403
    sandbox.tell("settings", platform="x", member=xan.member, duplicate_seconds=60)
    sandbox.tell("clock", advance_seconds=61, member=xan.member)
    assert xan.create("Again").status_code == 201


def test_row_16_a_self_serve_app_cannot_quote(sandbox: Sandbox, xan: XCaller, xia: XCaller) -> None:
    urn = xia.posted("Quote me")
    assert_problem(xan.create("As Xia says", quote_tweet_id=urn), 403)
    fields = {"client_id": f"enterprise-{secrets.token_hex(4)}", "client_secret": "s"}
    sandbox.tell("apps", platform="x", enterprise=True, **fields)
    large = XCaller.new(sandbox, client_id=fields["client_id"])
    assert large.create("As Xia says", quote_tweet_id=urn).status_code == 201
    assert_invalid(large.create("As nobody says", quote_tweet_id="1"), "quote_tweet_id")


def test_row_21_the_101st_create_in_fifteen_minutes_is_429(
    sandbox: Sandbox, xan: XCaller, xia: XCaller
) -> None:
    sandbox.tell("quotas", platform="x", member=xan.member, used=99)
    last = xan.create("The hundredth")
    assert last.status_code == 201
    assert last.headers["x-rate-limit-remaining"] == "0"
    body = assert_problem(answer := xan.create("Too much"), 429)
    assert body["title"] == "Too Many Requests"
    assert answer.headers["x-rate-limit-limit"] == "100"
    assert answer.headers["x-rate-limit-reset"] == last.headers["x-rate-limit-reset"]
    now = sandbox.tell("clock", advance_seconds=0, member=xan.member)["now"]
    left = int(answer.headers["x-rate-limit-reset"]) - datetime.fromisoformat(now).timestamp()
    assert 0 < left <= QUARTER + 1
    assert xia.create("Mine").status_code == 201
    sandbox.tell("clock", advance_seconds=QUARTER, member=xan.member)
    assert xan.create("Too much").status_code == 201
    assert len(sandbox.posts(xan.member)) == 2


def test_row_21_refused_creates_count_too(sandbox: Sandbox, xan: XCaller) -> None:
    sandbox.tell("quotas", platform="x", member=xan.member, used=98)
    assert xan.create("").status_code == 400
    assert xan.create("One").status_code == 201
    assert xan.create("Two").status_code == 429


def test_row_22_without_credits_everything_is_402(sandbox: Sandbox, xan: XCaller) -> None:
    sandbox.tell("settings", platform="x", member=xan.member, credits_depleted=True)
    for answer in (xan.create(), xan.call("GET", "/2/users/me"), xan.timeline()):
        assert assert_problem(answer, 402, "/credits")["title"] == "CreditsDepleted"
    sandbox.tell("settings", platform="x", member=xan.member, credits_depleted=False)
    assert xan.create().status_code == 201


def test_a_spent_cap_is_429_of_its_own_type(sandbox: Sandbox, xan: XCaller) -> None:
    sandbox.tell("settings", platform="x", member=xan.member, usage_capped=True)
    assert_problem(xan.create(), 429, "/usage-capped")
    assert sandbox.posts(xan.member) == []


def test_a_suspended_account_reads_but_does_not_write(sandbox: Sandbox, xan: XCaller) -> None:
    sandbox.tell("settings", platform="x", member=xan.member, suspended=True)
    assert_problem(xan.create(), 403)
    assert xan.timeline().status_code == 200


def test_row_23_only_the_author_deletes(sandbox: Sandbox, xan: XCaller, xia: XCaller) -> None:
    urn = xan.posted()
    assert_problem(xia.call("DELETE", f"/2/tweets/{urn}"), 403)
    assert sandbox.posts(xan.member)[0]["deleted_at"] is None
    answer = xan.call("DELETE", f"/2/tweets/{urn}")
    assert (answer.status_code, answer.json()) == (200, {"data": {"deleted": True}})
    assert answer.headers["x-rate-limit-limit"] == "50"
    assert sandbox.posts(xan.member)[0]["deleted_at"]
    for gone in (urn, "1"):
        answer = xan.call("DELETE", f"/2/tweets/{gone}")
        assert_problem(answer, 404, "/resource-not-found")


def test_unknown_paths_methods_and_query_parameters_are_refused(xan: XCaller) -> None:
    assert_problem(xan.call("GET", "/2/nothing"), 404)
    assert_problem(xan.call("PATCH", "/2/tweets"), 405)
    assert_invalid(xan.call("POST", "/2/tweets?x=1", json={"text": "Hello"}), "x")
    assert_invalid(xan.call("GET", "/2/users/me?user.fields=shoe_size"), "user.fields")


@pytest.mark.parametrize(
    "setting",
    [{"premium": 1}, {"processing_seconds": "long"}, {"colour": True}, {"username": "x"}],
    ids=str,
)
def test_a_setting_there_is_not_is_refused(sandbox: Sandbox, setting: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="settings"):
        sandbox.tell("settings", platform="x", **setting)

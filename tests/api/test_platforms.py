"""What there is to connect and to choose, and one post as each platform would get it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.conftest import Browser, problem
from tests.api.test_deleting import picture
from tests.api.test_publishing import NOBODYS

TEXT = "Good morning (all) #lin https://example.org/a 🌷"


def choices(browser: Browser, account: str) -> dict[str, Any]:
    answer = browser.call("GET", f"/api/platforms/accounts/{account}/choices")
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()["choices"]
    return told


# ---------------------------------------------------------------- what there is


def test_each_platform_comes_with_its_limits_and_the_schema_of_its_options(reader: Browser) -> None:
    answer = reader.call("GET", "/api/platforms")
    assert answer.status_code == 200, answer.text
    found = {one["id"]: one for one in answer.json()["platforms"]}
    assert {"facebook", "linkedin", "tiktok", "x"} <= set(found)
    for name, one in found.items():
        assert set(one) == {"id", "name", "enabled", "configured", "options", "limits"}
        assert (one["enabled"], one["configured"]) == (True, True), name
        assert one["options"]["type"] == "object", name
        assert one["options"]["additionalProperties"] is False, name
        # what the database knows of options is what the schema says
        assert set(one["options"]["properties"]) == set(one["limits"]["options"]), name
        assert one["limits"]["text"]["max"] > 0, name
    assert found["x"]["options"]["properties"]["thread"]["type"] == "boolean"


def test_nobody_signed_in_is_told_nothing(stranger: Browser) -> None:
    problem(stranger.call("GET", "/api/platforms"), 401)
    problem(stranger.call("GET", f"/api/platforms/accounts/{NOBODYS}/choices"), 401)


# ---------------------------------------------------------------- what an account may choose


def test_tiktok_is_asked_what_the_account_may_choose_now(ada: Browser) -> None:
    member = ada.new_member()
    account = ada.connect(member, "tiktok")
    told = choices(ada, account)
    assert "SELF_ONLY" in told["privacy_level"]
    assert told["disable_comment"] == [False, True]
    assert isinstance(told["notes"], list)
    # its owner changes their mind there
    ada.sandbox.tell("settings", platform="tiktok", member=member, comment_disabled=True, privacy_level_options=["SELF_ONLY", "FOLLOWER_OF_CREATOR"])  # fmt: skip
    told = choices(ada, account)
    assert told["disable_comment"] == [True]
    assert set(told["privacy_level"]) == {"SELF_ONLY", "FOLLOWER_OF_CREATOR"}


def test_a_platform_that_leaves_it_to_the_options_is_not_asked(ada: Browser) -> None:
    member = ada.new_member()
    account = ada.connect(member, "linkedin")
    before = len(ada.sandbox.requests(member))
    assert choices(ada, account) == {}
    assert len(ada.sandbox.requests(member)) == before


def test_somebody_elses_account_is_not_found(ada: Browser, ben: Browser) -> None:
    account = ada.connect(platform="tiktok")
    for browser, one, status in ((ben, account, 404), (ada, NOBODYS, 404), (ada, "no-id", 422)):
        problem(browser.call("GET", f"/api/platforms/accounts/{one}/choices"), status)


def test_an_account_that_is_gone_has_nothing_to_choose(ada: Browser) -> None:
    account = ada.connect(platform="tiktok")
    assert ada.call("DELETE", f"/api/platforms/accounts/{account}").status_code == 204
    refused = problem(ada.call("GET", f"/api/platforms/accounts/{account}/choices"), 409)
    assert "connected again first" in refused["detail"]


@pytest.mark.parametrize(("order", "status"), [({"status": 503}, 503), ({"revoke": True}, 409)])
def test_a_platform_that_does_not_tell_is_no_error_of_ours(
    ada: Browser, order: dict[str, Any], status: int
) -> None:
    member = ada.new_member()
    account = ada.connect(member, "tiktok")
    ada.sandbox.order(order, host="open.tiktokapis.com", member=member)
    problem(ada.call("GET", f"/api/platforms/accounts/{account}/choices"), status)


# ---------------------------------------------------------------- one post, several platforms


def test_one_post_is_shown_as_each_platform_gets_it(ada: Browser) -> None:
    accounts = {name: ada.connect(platform=name) for name in ("linkedin", "x", "facebook", "tiktok")}  # fmt: skip
    post = ada.write(TEXT, *accounts.values())
    ada.insert("post_media", {"post_id": post, "media_id": picture(ada)})
    answer = ada.call("GET", f"/api/posts/{post}/preview")
    assert answer.status_code == 200, answer.text
    shown = {one["platform"]: one for one in answer.json()["targets"]}
    assert set(shown) == set(accounts)
    for name, one in shown.items():
        assert one["violations"] == [], name
        assert one["length"] == sum(part["length"] for part in one["parts"]), name
        assert "#lin" in one["parts"][0]["hashtags"], name
        (file,) = one["media"]
        assert (file["kind"], file["mime"], file["status"]) == ("image", "image/jpeg", "ready")
        assert file["sent"]["mime"] == "image/jpeg", name
    escaped = TEXT.replace("(", r"\(").replace(")", r"\)")
    assert shown["linkedin"]["parts"][0]["text"] == escaped
    assert shown["x"]["parts"][0]["text"] == shown["facebook"]["parts"][0]["text"] == TEXT
    assert (shown["x"]["max_length"], shown["linkedin"]["max_length"]) == (280, 3000)
    # X counts each link as 23 and each emoji as 2
    assert shown["x"]["length"] == len(TEXT) - len("https://example.org/a") + 23 + 1
    assert shown["x"]["parts"][0]["links"] == ["https://example.org/a"]
    assert shown["tiktok"]["privacy"]
    assert shown["x"]["privacy"] is None


def test_each_target_is_judged_by_its_own_text_and_platform(ada: Browser) -> None:
    long = "word " * 70
    linkedin, x, tiktok = (ada.connect(platform=name) for name in ("linkedin", "x", "tiktok"))
    post = ada.write(long, linkedin, x)
    ada.insert("post_targets", {"post_id": post, "account_id": tiktok, "text_override": "Short"})
    shown = {one["platform"]: one for one in ada.call("GET", f"/api/posts/{post}/preview").json()["targets"]}  # fmt: skip
    assert shown["linkedin"]["violations"] == []
    assert "280" in shown["x"]["violations"][0]["message"]
    assert shown["tiktok"]["text"] == "Short"
    assert [v["field"] for v in shown["tiktok"]["violations"]] == ["media"]
    # the same reasons keep it from being scheduled
    refused = problem(ada.call("POST", f"/api/posts/{post}/publish"), 422)
    assert {error["field"].split(".")[-1] for error in refused["errors"]} == {"text", "media"}


def test_a_thread_is_shown_in_its_parts(ada: Browser) -> None:
    sentences = (f"{n} {'is told at some length ' * 10}here." for n in range(3))
    post = ada.insert("posts", {"text": " ".join(sentences)})["id"]
    ada.insert("post_targets", {"post_id": post, "account_id": ada.connect(platform="x"), "options": {"thread": True}})  # fmt: skip
    (shown,) = ada.call("GET", f"/api/posts/{post}/preview").json()["targets"]
    assert shown["violations"] == []
    assert len(shown["parts"]) == 3
    assert all(part["length"] <= part["max_length"] == 280 for part in shown["parts"])
    assert " ".join(part["text"] for part in shown["parts"]) == shown["text"]

"""Preview and publish over HTTP, with the worker at work."""

from __future__ import annotations

import threading
from typing import Any

import pytest
import requests

from local.stack import Stack
from tests.api.conftest import Browser, problem
from tests.people import Person
from tests.waiting import until

NOBODYS = "6f8f6f6e-0000-4000-8000-00000000000a"
WAIT = {"Prefer": "wait=30"}


def publish(browser: Browser, post: str, **headers: str) -> requests.Response:
    return browser.call("POST", f"/api/posts/{post}/publish", headers=headers)


def test_publishing_now_answers_with_what_became_of_it(ada: Browser) -> None:
    member = ada.new_member()
    post = ada.write("Good morning (all) #lin 🌷 שלום", ada.connect(member))
    answer = publish(ada, post, **WAIT)
    assert answer.status_code == 200, answer.text
    assert answer.headers["Preference-Applied"] == "wait=30"
    body = answer.json()
    assert set(body) == {"id", "status", "scheduled_at", "targets"}
    (target,) = body["targets"]
    assert (body["id"], body["status"], target["state"]) == (post, "published", "published")
    (received,) = ada.sandbox.posts(member)
    assert received["urn"] == target["external_id"]
    assert (received["visible_text"], received["defects"]) == (
        "Good morning (all) #lin 🌷 שלום",
        [],
    )
    assert target["external_url"].endswith(f"{received['urn']}/")


def test_without_a_preference_it_answers_at_once_that_it_goes_on(ada: Browser) -> None:
    member = ada.new_member()
    post = ada.write("Good morning", ada.connect(member))
    answer = publish(ada, post)
    assert answer.status_code == 202
    assert "Preference-Applied" not in answer.headers
    assert answer.json()["targets"][0]["state"] in ("scheduled", "preparing", "sending")
    assert until(lambda: ada.target(post)["state"] == "published", "the worker to publish")


def test_it_waits_no_longer_than_asked(ada: Browser) -> None:
    member = ada.new_member()
    post = ada.write("Good morning", ada.connect(member))
    ada.sandbox.order({"hold": True}, path="/rest/posts", member=member)
    answer = publish(ada, post, Prefer="return=minimal; foo, wait=1")
    assert (answer.status_code, answer.headers["Preference-Applied"]) == (202, "wait=1")
    ada.sandbox.tell("release", member=member)
    assert until(lambda: ada.target(post)["state"] == "published", "the answer that was held")


@pytest.mark.parametrize(
    ("order", "state", "words"),
    [
        (
            {"status": 400, "body": {"status": 400, "message": "No such thing", "code": "X"}},
            "failed",
            "No such thing",
        ),
        ({"revoke": True}, "needs_reconnect", "connect"),
        ({"status": 500}, "unconfirmed", "may be live"),
        ({"drop": True, "accept": True}, "unconfirmed", ""),
    ],
    ids=["refused", "revoked", "broken", "dropped"],
)
def test_an_end_that_needs_its_owner_is_an_end(
    ada: Browser, order: dict[str, Any], state: str, words: str
) -> None:
    member = ada.new_member()
    post = ada.write("Good morning", ada.connect(member))
    ada.sandbox.order(order, path="/rest/posts", member=member)
    answer = publish(ada, post, **WAIT)
    assert answer.status_code == 200
    (target,) = answer.json()["targets"]
    assert target["state"] == state
    assert words in target["error"]


def test_3001_characters_are_refused_with_the_limit_and_the_account(ada: Browser) -> None:
    post = ada.write("a" * 3001, ada.connect(ada.new_member("Grace Hopper")))
    refused = problem(publish(ada, post), 422)
    assert "3001" in refused["detail"]
    assert "3000" in refused["detail"]
    assert "Grace Hopper" in refused["detail"]
    assert refused["errors"][0]["field"] == "text"
    assert ada.target(post)["state"] == "draft"


def test_a_post_without_an_account_cannot_go_anywhere(ada: Browser) -> None:
    refused = problem(publish(ada, ada.write("Good morning")), 422)
    assert "Choose at least one account" in refused["detail"]


def test_an_empty_post_cannot_be_published(ada: Browser) -> None:
    refused = problem(publish(ada, ada.write(" ", ada.connect())), 422)
    assert "neither text nor media" in refused["detail"]


def upload(browser: Browser, name: str, data: bytes) -> str:
    """A file of the person's, as a frontend uploads it; returns the id of its row."""
    assert browser.person
    path = f"{browser.person.id}/{name}"
    answer = browser.person.storage("POST", f"object/media/{path}", data, Content_Type="image/png")
    assert answer.status_code == 200, answer.text
    media_id: str = browser.insert("media", {"path": path})["id"]
    return media_id


def test_a_file_that_is_no_picture_is_told_and_stops_the_post(ada: Browser) -> None:
    post = ada.write("look", ada.connect())
    media = upload(ada, "cat.png", b"<html>not a cat</html>")
    ada.insert("post_media", {"post_id": post, "media_id": media})
    assert until(
        lambda: ada.row("media", media)["status"] == "rejected", "the file to be looked at"
    )
    reason = ada.row("media", media)["reason"]
    refused = problem(publish(ada, post), 422)
    assert reason in refused["detail"]
    assert refused["errors"][0]["field"] == "media"
    shown = ada.call("GET", f"/api/posts/{post}/preview").json()["targets"][0]
    assert shown["violations"]


def test_a_file_nobody_has_looked_at_yet_is_waited_for(ada: Browser) -> None:
    assert ada.person
    post = ada.write("look", ada.connect())
    # the row without its bytes: the check gives the browser time to upload them
    media = ada.insert("media", {"path": f"{ada.person.id}/late.png"})["id"]
    ada.insert("post_media", {"post_id": post, "media_id": media})
    refused = problem(publish(ada, post), 422)
    assert "still being checked" in refused["detail"]


def test_an_account_that_was_disconnected_is_named(ada: Browser) -> None:
    account = ada.connect(ada.new_member("Grace Hopper"))
    post = ada.write("Good morning", account)
    ada.call("DELETE", f"/api/platforms/accounts/{account}")
    refused = problem(publish(ada, post), 422)
    assert "Grace Hopper needs to be connected again" in refused["detail"]


def test_a_post_of_somebody_else_is_none(ada: Browser, ben: Browser) -> None:
    post = ada.write("Good morning", ada.connect())
    for path in (post, NOBODYS):
        problem(publish(ben, path), 404)
        problem(ben.call("GET", f"/api/posts/{path}/preview"), 404)
    assert ada.target(post)["state"] == "draft"


def test_a_published_post_is_not_published_again(ada: Browser) -> None:
    member = ada.new_member()
    post = ada.write("Good morning", ada.connect(member))
    assert publish(ada, post, **WAIT).status_code == 200
    assert (
        problem(publish(ada, post, **WAIT), 409)["detail"]
        == "Nothing of this post is left to schedule."
    )
    assert len(ada.sandbox.posts(member)) == 1


def test_a_preview_is_what_will_be_sent(ada: Browser) -> None:
    account = ada.connect(ada.new_member("Ada"))
    post = ada.write("Hello (world) #tag", account)
    body = ada.call("GET", f"/api/posts/{post}/preview").json()
    (shown,) = body["targets"]
    assert body["post_id"] == post
    assert shown | {"target_id": ""} == {
        "target_id": "", "account_name": "Ada", "platform": "linkedin", "text": "Hello \\(world\\) #tag",
        "length": 18, "max_length": 3000, "media": [], "violations": [], "privacy": "PUBLIC",
        "parts": [{"text": "Hello \\(world\\) #tag", "length": 18, "max_length": 3000, "hashtags": ["#tag"], "links": []}],
    }  # fmt: skip


# ------------------------------------------------------------------------------------ Idempotency-Key


def test_the_same_key_publishes_once_and_answers_the_same(ada: Browser) -> None:
    member = ada.new_member()
    post = ada.write("Good morning", ada.connect(member))
    first = publish(ada, post, **WAIT, **{"Idempotency-Key": "one"})
    again = publish(ada, post, **WAIT, **{"Idempotency-Key": "one"})
    assert (first.status_code, again.status_code) == (200, 200)
    assert first.json() == again.json()
    assert "Idempotent-Replayed" not in first.headers
    assert again.headers["Idempotent-Replayed"] == "true"
    assert len(ada.sandbox.posts(member)) == 1


def test_a_key_of_another_request_is_refused(ada: Browser) -> None:
    account = ada.connect()
    posts = [ada.write(f"Good morning {n}", account) for n in range(2)]
    assert publish(ada, posts[0], **{"Idempotency-Key": "one"}).status_code == 202
    refused = problem(publish(ada, posts[1], **{"Idempotency-Key": "one"}), 409)
    assert "another request" in refused["detail"]
    assert ada.target(posts[1])["state"] == "draft"


def test_two_people_may_choose_the_same_key(ada: Browser, ben: Browser) -> None:
    for browser in (ada, ben):
        post = browser.write("Good morning", browser.connect())
        assert publish(browser, post, **{"Idempotency-Key": "one"}).status_code == 202


def test_while_the_first_one_runs_the_second_is_refused(ada: Browser) -> None:
    member = ada.new_member()
    post = ada.write("Good morning", ada.connect(member))
    ada.sandbox.order({"hold": True}, path="/rest/posts", member=member)
    answers: list[requests.Response] = []
    first = threading.Thread(
        target=lambda: answers.append(publish(ada, post, **WAIT, **{"Idempotency-Key": "one"}))
    )
    first.start()
    assert ada.sandbox.wait(held=1, member=member)
    refused = problem(publish(ada, post, **WAIT, **{"Idempotency-Key": "one"}), 409)
    assert "still running" in refused["detail"]
    ada.sandbox.tell("release", member=member)
    first.join(30)
    assert answers[0].status_code == 200
    assert publish(ada, post, **WAIT, **{"Idempotency-Key": "one"}).json() == answers[0].json()


def test_a_request_that_failed_frees_its_key(ada: Browser) -> None:
    account = ada.connect()
    post = ada.write("a" * 3001, account)
    problem(publish(ada, post, **{"Idempotency-Key": "one"}), 422)
    assert ada.person
    ada.person.rest("PATCH", f"posts?id=eq.{post}", {"text": "shorter"})
    assert publish(ada, post, **{"Idempotency-Key": "one"}).status_code == 202


@pytest.mark.parametrize("key", ["", "k" * 201])
def test_a_key_that_is_none_is_refused(ada: Browser, key: str) -> None:
    post = ada.write("Good morning", ada.connect())
    refused = problem(publish(ada, post, **{"Idempotency-Key": key}), 422)
    assert refused["errors"][0]["field"] == "Idempotency-Key"


def test_the_service_key_is_nobody_here(
    stack: Stack, service: Person, ada: Browser, stranger: Browser
) -> None:
    post = ada.write("Good morning", ada.connect())
    headers = {
        "Authorization": f"Bearer {stack.info['secret_key']}",
        "apikey": stack.info["secret_key"],
    }
    problem(stranger.call("POST", f"/api/posts/{post}/publish", headers=headers), 401)
    assert service.token is None or service.token

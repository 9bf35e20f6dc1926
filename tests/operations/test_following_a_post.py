"""One post, from the HTTP request to the platform's answer, by ids alone in the real logs of web and worker."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from local.sandbox.driver import Sandbox
from local.stack import Stack
from tests.api.conftest import Browser
from tests.people import Person
from tests.waiting import until


def lines(stack: Stack, process: str, **like: Any) -> list[dict[str, Any]]:
    """The lines of these processes' logs that hold these values."""
    files = sorted((Path(stack.info["state"]) / "logs").glob(f"{process}*.log"))
    written = [line for file in files for line in file.read_text().splitlines() if line[:1] == "{"]
    return [line for line in map(json.loads, written) if like.items() <= line.items()]


def test_a_post_is_followed_from_the_request_to_the_answer_of_the_platform(
    stack: Stack, alice: Person
) -> None:
    sandbox = Sandbox(stack.info["sandbox_url"])
    ada = Browser(stack.info["api_url"], stack.info["frontend_url"], sandbox, alice)
    with ada.http:
        member = ada.new_member()
        post = ada.write("Good morning", ada.connect(member))
        number = f"follow-{alice.id}"
        answer = ada.call("POST", f"/api/posts/{post}/publish", headers={"X-Request-ID": number, "Prefer": "wait=30"})  # fmt: skip
    assert answer.json()["status"] == "published", answer.text

    # the request
    (asked,) = lines(stack, "web", request_id=number, event="publishing asked for")
    (target,) = asked["target_ids"]
    (served,) = lines(stack, "web", request_id=number, event="request")
    assert (asked["post_id"], served["status"]) == (post, 200)

    # its attempt, which is known to be over a moment before its line is written
    (ended,) = until(lambda: lines(stack, "worker", target_id=target, event="attempt ended"), "the line of the attempt")  # fmt: skip
    assert (ended["post_id"], ended["attempt"], ended["platform"]) == (post, 1, "linkedin")

    # the call that created the post, and the platform's own number of it
    created = lines(stack, "worker", target_id=target, attempt=1, event="platform call", method="POST")  # fmt: skip
    call = created[-1]
    assert (call["host"], call["http_status"]) == ("api.linkedin.com", 201)
    (attempt,) = alice.rest("GET", f"publish_attempts?target_id=eq.{target}").json()
    assert call["platform_request_id"] == attempt["platform_request_id"] == ended["platform_request_id"]  # fmt: skip
    (received,) = sandbox.posts(member)
    assert received["urn"] == answer.json()["targets"][0]["external_id"]

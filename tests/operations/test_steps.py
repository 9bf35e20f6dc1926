"""What is being done, on every line and span inside: attempts, and calls of platforms with their own numbers."""

from __future__ import annotations

import json
import logging
import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from backend.api.remembering import Remembered
from backend.core import following
from backend.core.errors import NotSent, SpaceFailed
from backend.core.models import ChatRequest
from backend.outbound import PlatformHttp
from backend.spaces import FollowedModel
from backend.tracing import Spans
from tests.operations.stand_in import StandIn


@pytest.fixture(scope="module")
def stand_in() -> Iterator[StandIn]:
    made = StandIn()
    yield made
    made.close()


@pytest.fixture
def followed(stand_in: StandIn) -> Iterator[Callable[[], list[dict[str, Any]]]]:
    """Spans go to the stand-in; called, it ends that and returns them, by name."""
    spans = Spans(stand_in.url, "", service="lin", process="test")
    following.follow_with(spans)

    def ended() -> list[dict[str, Any]]:
        spans.close()
        return sorted(stand_in.spans(), key=lambda one: one["name"])

    yield ended
    following.follow_with(None)
    spans.close()


def test_names_belong_to_what_is_inside_and_to_nothing_else() -> None:
    with following.step("publish", target_id="t1", attempt=1):
        with following.step("platform call", host="api.example.org") as tell:
            tell(http_status=200)
            assert following.current_names() == {
                "target_id": "t1",
                "attempt": 1,
                "host": "api.example.org",
            }
        assert following.current_names() == {"target_id": "t1", "attempt": 1}
    assert following.current_names() == {}
    assert not following.is_followed()


def test_a_call_of_a_platform_is_one_line_with_the_platforms_number_and_no_secret(
    stand_in: StandIn, caplog: pytest.LogCaptureFixture
) -> None:
    door = PlatformHttp(stand_in.url)
    with caplog.at_level(logging.INFO, "lin.outbound"):
        door.send("POST", "https://api.linkedin.com/rest/posts?access_token=hunter2", headers={"Authorization": "Bearer hunter2"}, json={"text": "hunter2"})  # fmt: skip
    (line,) = caplog.records
    told = vars(line)
    assert (line.message, told["http_status"], told["platform_request_id"]) == ("platform call", 200, "number-7")  # fmt: skip
    assert "hunter2" not in json.dumps(told, default=str)


def test_a_call_that_never_left_says_so(caplog: pytest.LogCaptureFixture) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with caplog.at_level(logging.INFO, "lin.outbound"), pytest.raises(NotSent):
        PlatformHttp(None).send("GET", f"http://127.0.0.1:{port}/v2/me?token=hunter2hunter2")
    told = vars(caplog.records[0])
    assert told["sent"] is False
    assert "hunter2" not in told["error"]


def test_an_attempt_is_a_span_with_its_calls_inside(
    stand_in: StandIn, followed: Callable[[], list[dict[str, Any]]]
) -> None:
    with following.step("publish", target_id="t1", post_id="p1", attempt=2, platform="linkedin"):
        PlatformHttp(stand_in.url).send("POST", "https://api.linkedin.com/rest/posts")
    call, attempt = followed()
    assert (attempt["name"], attempt["lin.target_id"], attempt["lin.attempt"]) == ("publish", "t1", 2)  # fmt: skip
    assert (call["name"], call["parent"]) == ("platform call", attempt["id"])
    assert (call["server.address"], call["http.request.method"]) == ("api.linkedin.com", "POST")
    assert (call["lin.platform_request_id"], call["http.response.status_code"]) == ("number-7", 200)


def test_a_call_of_a_space_is_a_span_without_what_was_said(
    stand_in: StandIn, followed: Callable[[], list[dict[str, Any]]]
) -> None:
    stand_in.traces.clear()

    class Deaf:
        space = "owner/mentor"

        def chat(self, request: ChatRequest, **more: Any) -> str:
            raise SpaceFailed(request.message)

    model: Any = FollowedModel(Deaf())  # type: ignore[arg-type] # only what is called
    with pytest.raises(SpaceFailed):
        model.chat(ChatRequest("hunter2"), deadline_seconds=1)
    (call,) = followed()
    assert (call["name"], call["lin.space"], call["lin.role"]) == ("space call", "owner/mentor", "mentor")  # fmt: skip
    assert call["error.type"] == "SpaceFailed"
    assert "hunter2" not in repr(call)


def test_a_step_that_fails_says_what_kind_of_error_and_not_what_it_said(
    stand_in: StandIn, followed: Callable[[], list[dict[str, Any]]]
) -> None:
    stand_in.traces.clear()
    with pytest.raises(ValueError), following.step("publish"):  # noqa: PT011 - raised in the next line
        raise ValueError("hunter2")
    (span,) = followed()
    assert span["error.type"] == "ValueError"
    assert "hunter2" not in repr(span)


def test_an_answer_is_asked_for_once_in_its_time() -> None:
    now, asked = [0.0], []

    def ask() -> int:
        asked.append(now[0])
        return len(asked)

    remembered = Remembered(ask, 2.0, monotonic=lambda: now[0])
    assert [remembered(), remembered()] == [1, 1]
    now[0] = 1.9
    assert remembered() == 1
    now[0] = 2.0
    assert remembered() == 2
    assert asked == [0.0, 2.0]

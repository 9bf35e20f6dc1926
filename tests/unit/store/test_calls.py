"""PostgREST's errors become ours in one place."""

from __future__ import annotations

import json
import logging
from typing import Any

import httpx
import pytest
from postgrest import APIError, SyncPostgrestClient

from backend.core.errors import (
    Conflict,
    Defect,
    FieldProblem,
    InvalidInput,
    LinError,
    NotAllowed,
    NotFound,
    TooMany,
    Unavailable,
)
from backend.store.calls import Calls, readable, refuse_pages, translated


def error(code: Any, message: Any = "Because.", details: Any = None) -> APIError:
    return APIError({"code": code, "message": message, "details": details, "hint": None})


CODES: list[tuple[str | None, type[LinError], str]] = [
    ("PT404", NotFound, "Because."),
    ("PGRST116", NotFound, "There is no such thing."),
    ("PT409", Conflict, "Because."),
    ("23505", Conflict, "Because."),
    ("23514", Conflict, "Because."),
    ("PT422", InvalidInput, "Because."),
    ("PT429", TooMany, "Because."),
    ("22P02", InvalidInput, "wrong form"),
    ("22007", InvalidInput, "wrong form"),
    ("22008", InvalidInput, "wrong form"),
    ("22003", InvalidInput, "wrong form"),
    ("PT401", NotAllowed, "Because."),
    ("23503", Conflict, "not there any more"),
    ("42501", NotAllowed, "You may not do this."),
    ("PGRST301", NotAllowed, "You may not do this."),
    ("PGRST302", NotAllowed, "You may not do this."),
    ("PGRST303", NotAllowed, "You may not do this."),
    ("42883", Defect, "Lin's side"),
    ("42P01", Defect, "Lin's side"),
    ("23502", Defect, "Lin's side"),
    ("P0001", Defect, "Lin's side"),
    ("08006", Unavailable, "does not answer"),
    ("53300", Unavailable, "does not answer"),
    ("57014", Unavailable, "does not answer"),
    ("57P01", Unavailable, "does not answer"),
    ("40P01", Unavailable, "does not answer"),
    ("25006", Unavailable, "does not answer"),
    ("PGRST000", Unavailable, "does not answer"),
    ("PGRST003", Unavailable, "does not answer"),
    ("502", Unavailable, "does not answer"),
    ("", Unavailable, "does not answer"),
    (None, Unavailable, "does not answer"),
]


@pytest.mark.parametrize(("code", "kind", "words"), CODES, ids=[str(code) for code, _, _ in CODES])
def test_each_code_has_one_meaning(code: str | None, kind: type[LinError], words: str) -> None:
    meant = translated(error(code))
    assert type(meant) is kind
    assert words in str(meant)


def test_what_the_database_said_to_us_is_logged_and_not_shown(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.ERROR):
        meant = translated(error("42883", "function public.claim(uuid) does not exist"))
    assert "claim" not in str(meant)
    assert caplog.records[0].__dict__["reason"].startswith("function public.claim")


@pytest.mark.parametrize(
    "details",
    [
        [{"field": "text", "message": "too long"}],
        json.dumps([{"field": "text", "message": "too long", "target_id": "x"}]),
    ],
)
def test_every_field_that_was_refused_is_named(details: Any) -> None:
    meant = translated(error("PT422", "No.", details))
    assert isinstance(meant, InvalidInput)
    assert meant.problems == (FieldProblem("text", "too long"),)


@pytest.mark.parametrize("details", [None, "", "not json", "7", [{"field": "text"}], [7], {}])
def test_details_in_another_shape_name_no_field(details: Any) -> None:
    meant = translated(error("PT422", "No.", details))
    assert isinstance(meant, InvalidInput)
    assert meant.problems == ()


def calls(handler: Any) -> Calls:
    http = httpx.Client(transport=httpx.MockTransport(handler))
    return Calls(SyncPostgrestClient("http://database.test", http_client=http, retry_enabled=False))


def fails(_request: httpx.Request) -> httpx.Response:
    raise httpx.ConnectError("http://database.test?apikey=secret")


def test_a_database_that_cannot_be_reached_is_unavailable() -> None:
    with pytest.raises(Unavailable, match="try again in a moment") as raised:
        calls(fails).rpc("heartbeat", name="w")
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize(
    ("status", "body"),
    [(502, b"<html>Bad Gateway</html>"), (504, b""), (500, b"{}"), (503, b'{"message": "name resolution failed"}')],
)  # fmt: skip
def test_a_gateway_in_between_that_fails_is_unavailable(status: int, body: bytes) -> None:
    with pytest.raises(Unavailable):
        calls(lambda _request: httpx.Response(status, content=body)).rpc("heartbeat", name="w")


@pytest.mark.parametrize("code", ["40P01", "40001"])
@pytest.mark.parametrize("deadlocks", [1, 2, 3])
def test_a_call_that_the_database_took_back_is_made_again_three_times_at_most(
    code: str, deadlocks: int
) -> None:
    asked = []

    def handler(request: httpx.Request) -> httpx.Response:
        asked.append(request.content)
        if len(asked) <= deadlocks:
            return httpx.Response(500, json={"code": code, "message": "deadlock detected", "details": None, "hint": None})  # fmt: skip
        return httpx.Response(200, json=7)

    if deadlocks < 3:
        assert calls(handler).rpc("next_work", ahead=1) == 7
    else:
        with pytest.raises(Unavailable):
            calls(handler).rpc("next_work", ahead=1)
    assert asked == [b'{"ahead":1}'] * min(deadlocks + 1, 3)


def test_a_refusal_of_our_functions_keeps_its_cause() -> None:
    refusal = {"code": "PT404", "message": "There is no such post.", "details": None, "hint": None}
    with pytest.raises(NotFound, match="no such post") as raised:
        calls(lambda _request: httpx.Response(404, json=refusal)).rpc("schedule_post", post="x")
    assert isinstance(raised.value.__cause__, APIError)


@pytest.mark.parametrize(
    ("path", "status", "kind", "is_refused"),
    [
        ("/rest/v1/rpc/next_work", 200, "text/html; charset=utf-8", True),
        ("/rest/v1/posts", 201, "text/plain", True),
        ("/rest/v1/rpc/next_work", 200, "application/json; charset=utf-8", False),
        ("/rest/v1/posts", 200, "application/vnd.pgrst.object+json", False),
        ("/rest/v1/posts", 204, None, False),
        ("/rest/v1/rpc/next_work", 503, "text/html", False),
        ("/storage/v1/object/media/a", 200, "image/png", False),
    ],
)
def test_a_page_where_the_database_should_have_answered_is_no_answer(
    path: str, status: int, kind: str | None, is_refused: bool
) -> None:
    answer = httpx.Response(status, headers={"content-type": kind} if kind else {}, content=b"[]")
    transport = httpx.MockTransport(lambda _request: answer)
    with httpx.Client(transport=transport, event_hooks={"response": [refuse_pages]}) as http:
        if is_refused:
            with pytest.raises(httpx.HTTPError):
                http.get(f"https://project.supabase.co{path}")
        else:
            assert http.get(f"https://project.supabase.co{path}").status_code == status


@pytest.mark.parametrize("answer", [None, "a page", [], 1])
def test_an_answer_of_another_kind_says_that_nobody_knows_what_was_done(answer: Any) -> None:
    with pytest.raises(Unavailable):
        readable(dict, answer)
    assert readable(type(answer), answer) == answer

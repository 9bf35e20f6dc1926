"""The messages of a job at the wire: the older protocols, and servers that send nonsense."""

from __future__ import annotations

import json
import urllib.parse

import httpx
import pytest

from backend.core.errors import SpaceAnswerUnusable, SpaceFailed, SpaceUnavailable
from backend.spaces import connect
from tests.tls import TLS


@pytest.fixture
def told(apps, plain_server):
    """Starts a server that has the signature of a real app and tells about each job what it is given."""
    app = f"{apps.url()}/text"
    config = httpx.get(f"{app}/config", verify=TLS).json()
    info = httpx.get(f"{app}/gradio_api/info", verify=TLS).content

    def start(*messages: object, protocol: str = "sse_v3", joined: int = 200):
        stream = b"".join(m if isinstance(m, bytes) else sse(m) for m in messages)

        def answer(path: str) -> tuple[int, bytes]:
            path = urllib.parse.urlsplit(path).path
            if path == "/config":
                return 200, json.dumps({**config, "protocol": protocol}).encode()
            if path.endswith("/info"):
                return 200, info
            if path.endswith("/queue/data") and protocol == "sse":
                return 200, b"{}"
            if path.endswith(("/queue/data", "/queue/join")) and (
                path.endswith("/data") or protocol == "sse"
            ):
                return 200, stream
            if path.endswith("/queue/join"):
                return joined, b'{"event_id": "1"}'
            return 404, b""

        server = plain_server(answer)
        return connect(server.url), server

    return start


def sse(message: object) -> bytes:
    return b"data: " + json.dumps(message).encode() + b"\n\n"


def piece(*data: object) -> dict[str, object]:
    return {"msg": "process_generating", "output": {"data": list(data)}, "success": True}


def done(*data: object) -> dict[str, object]:
    return {"msg": "process_completed", "output": {"data": list(data)}, "success": True}


def texts(ran):
    return [progress.text for progress in ran.progress if progress.text]


def test_the_oldest_protocol_is_asked_for_the_inputs_when_it_is_our_turn(told, ran):
    model, server = told(
        {"msg": "estimation", "rank": 2, "queue_size": 3},
        {"msg": "send_data", "event_id": "7"},
        {"msg": "process_starts"},
        piece("ein"),
        piece("ein zwei"),
        done("ein zwei drei"),
        protocol="sse",
    )
    assert ran.chat(model, "How many?") == "ein zwei drei"
    assert texts(ran) == ["ein", "ein zwei"]
    assert next(p.queue_position for p in ran.progress if p.state == "queued") == 2
    sent = [urllib.parse.urlsplit(r["path"]).path for r in server.requests]
    assert sent[-2:] == ["/gradio_api/queue/join", "/gradio_api/queue/data"]


def test_the_first_version_sends_each_piece_whole(told, ran):
    model, _ = told(piece("ein"), piece("ein zwei"), done("ein zwei drei"), protocol="sse_v1")
    assert ran.chat(model, "How many?") == "ein zwei drei"
    assert texts(ran) == ["ein", "ein zwei"]


def test_later_versions_send_what_changed(told, ran):
    model, _ = told(piece("ein"), piece([["append", [], " zwei"]]), done("ein zwei drei"))
    assert ran.chat(model, "How many?") == "ein zwei drei"
    assert texts(ran) == ["ein", "ein zwei"]


def test_messages_that_say_nothing_new_are_passed_over(told, ran):
    model, _ = told(
        {"msg": "heartbeat"}, {"msg": "log", "log": "x"}, {"msg": "something new"}, done("ein")
    )
    assert ran.chat(model, "How many?") == "ein"


def test_a_line_separator_in_a_text_is_part_of_the_text(told, ran):
    line = 'data: {"msg": "process_completed", "output": {"data": ["One\u2028two\x85."]}}\n\n'
    model, _ = told(line.encode())
    assert ran.chat(model, "How many?") == "One\u2028two\x85."


@pytest.mark.parametrize(
    "message",
    [
        b"<html>busy</html>\n\n",
        b"data: {broken\n\n",
        b"data: [1, 2]\n\n",
        {"msg": "process_completed", "output": None},
        {"msg": "process_completed", "output": {"data": []}},
        {"msg": "process_generating", "output": 3},
    ],
)
def test_garbage_on_the_wire_is_unusable(told, ran, message):
    model, _ = told(message)
    with pytest.raises(SpaceAnswerUnusable):
        ran.chat(model, "How many?")


def test_garbage_in_a_difference_is_unusable(told, ran):
    model, _ = told(piece("ein"), piece([["append", ["x", 3], 1]]))
    with pytest.raises(SpaceAnswerUnusable, match="cannot read"):
        ran.chat(model, "How many?")


@pytest.mark.parametrize(
    "ending",
    [
        {"msg": "unexpected_error", "message": "Server stopped unexpectedly."},
        {"msg": "server_stopped"},
        {"msg": "close_stream"},
        b"",
    ],
)
def test_a_stream_that_ends_before_the_answer_means_that_the_space_went_away(told, ran, ending):
    model, _ = told(piece("ein"), ending)
    with pytest.raises(SpaceUnavailable, match="went away while it was working"):
        ran.chat(model, "How many?")
    assert texts(ran) == ["ein"]


def test_an_error_without_words_is_still_an_error(told, ran):
    model, _ = told({"msg": "process_completed", "output": {"error": None}, "success": False})
    with pytest.raises(SpaceFailed, match="an error without a message"):
        ran.chat(model, "How many?")


@pytest.mark.parametrize("protocol", ["sse", "sse_v3"])
def test_a_full_queue_is_said_to_be_full(told, ran, protocol):
    model, _ = told({"msg": "queue_full"}, protocol=protocol, joined=503)
    with pytest.raises(SpaceUnavailable, match="its queue is full"):
        ran.chat(model, "How many?")

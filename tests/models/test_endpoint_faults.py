"""What endpoints do wrong, fault by fault, and what the user is told."""

from __future__ import annotations

import logging
import signal
import subprocess
import threading
import traceback
from collections.abc import Callable

import pytest

from backend.core.errors import (
    GenerationCanceled,
    SpaceAnswerUnusable,
    SpaceFailed,
    SpaceTimedOut,
    SpaceUnavailable,
)
from backend.spaces.openai_model import OpenAiModel
from tests.models.conftest import Ran
from tests.models.endpoint import ANSWER, MODEL, Endpoint, Handler, behave, one_word_and_silence
from tests.models.rigs import KEY

LEFT_SECONDS = 30.0


def url_at(port: int) -> str:
    return f"http://127.0.0.1:{port}/v1#{MODEL}"


def loading(handler: Handler) -> None:
    handler.refuse(503, "Loading model")


def page(status: int) -> Callable[[Handler], None]:
    return lambda handler: handler.reply(status, b"<html>nginx</html>", "text/html")


# ---- sleep


@pytest.mark.parametrize("asleep", [loading, page(503)], ids=["loading", "proxy"])
def test_a_server_that_is_loading_its_model_is_waited_for(
    endpoint: Endpoint, model: OpenAiModel, ran: Ran, asleep: Callable[[Handler], None]
) -> None:
    endpoint.acts += [asleep, asleep]
    assert ran.chat(model) == ANSWER
    assert ran.states == ["waking", "running"]
    assert len(endpoint.requests) == 3


def test_a_server_that_is_not_started_yet_is_waited_for(closed_port: int, ran: Ran) -> None:
    started: list[Endpoint] = []

    def start(_: object) -> None:
        if not started:
            started.append(Endpoint(closed_port).__enter__())

    ran.on_progress = start
    try:
        assert ran.chat(OpenAiModel(url_at(closed_port))) == ANSWER
    finally:
        for one in started:
            one.__exit__(None, None, None)
    assert ran.states == ["waking", "running"]


def test_a_server_that_never_wakes_up_says_why_at_the_deadline(closed_port: int, ran: Ran) -> None:
    with pytest.raises(
        SpaceUnavailable, match=r"did not wake up within 0\.5 s: .* cannot be reached"
    ):
        ran.chat(OpenAiModel(url_at(closed_port)), deadline_seconds=0.5)


def test_a_503_that_says_something_else_is_not_waited_for(
    endpoint: Endpoint, model: OpenAiModel, ran: Ran
) -> None:
    endpoint.acts.append(lambda handler: handler.refuse(503, "All slots are taken."))
    with pytest.raises(SpaceUnavailable, match="HTTP 503: All slots are taken"):
        ran.chat(model)
    assert len(endpoint.requests) == 1


# ---- hang


def test_a_server_that_takes_the_connection_and_says_nothing_ends_at_the_deadline(
    silent_url: str, ran: Ran
) -> None:
    with pytest.raises(SpaceTimedOut, match=r"did not answer within 0\.5 s"):
        ran.chat(OpenAiModel(f"{silent_url}#{MODEL}"), deadline_seconds=0.5)


def test_canceling_closes_the_connection_of_a_server_that_says_nothing(
    endpoint: Endpoint, model: OpenAiModel, ran: Ran
) -> None:
    endpoint.acts.append(cancel_and_say_nothing(ran))
    with pytest.raises(GenerationCanceled):
        ran.chat(model)
    assert endpoint.left.wait(LEFT_SECONDS)


def cancel_and_say_nothing(ran: Ran) -> Callable[[Handler], None]:
    def act(handler: Handler) -> None:
        ran.cancel.set()
        handler.await_departure()

    return act


def test_a_stream_that_falls_silent_ends_at_the_deadline_and_is_closed(
    endpoint: Endpoint, model: OpenAiModel, ran: Ran
) -> None:
    endpoint.acts.append(one_word_and_silence)
    with pytest.raises(SpaceTimedOut, match="did not finish within 2 s"):
        ran.chat(model, deadline_seconds=2)
    assert ran.texts == ["Lyon."]
    assert endpoint.left.wait(LEFT_SECONDS)


def test_canceling_closes_a_stream_that_has_fallen_silent(
    endpoint: Endpoint, model: OpenAiModel, ran: Ran
) -> None:
    endpoint.acts.append(one_word_and_silence)
    ran.on_progress = lambda progress: ran.cancel.set() if progress.text else None
    with pytest.raises(GenerationCanceled):
        ran.write(model)
    assert endpoint.left.wait(LEFT_SECONDS)


def test_what_the_reader_of_the_progress_raises_ends_the_call(
    endpoint: Endpoint, model: OpenAiModel, ran: Ran
) -> None:
    def fail(_: object) -> None:
        raise RuntimeError("the reader has left")

    endpoint.acts.append(one_word_and_silence)
    ran.on_progress = fail
    with pytest.raises(RuntimeError, match="the reader has left"):
        ran.chat(model)
    assert endpoint.left.wait(LEFT_SECONDS)


def test_speaking_ends_at_the_deadline_and_when_it_is_canceled(silent_url: str) -> None:
    model = OpenAiModel(f"{silent_url}#{MODEL}")
    with pytest.raises(SpaceTimedOut):
        model.speak("Hello.", voice=None, canceled=lambda: False, deadline_seconds=0.3)
    with pytest.raises(GenerationCanceled):
        model.speak("Hello.", voice=None, canceled=lambda: True, deadline_seconds=60)


def test_embedding_ends_at_the_deadline(silent_url: str) -> None:
    with pytest.raises(SpaceTimedOut):
        OpenAiModel(f"{silent_url}#{MODEL}").embed(["Hello."], deadline_seconds=0.3)


# ---- drop


def test_a_connection_that_is_dropped_before_an_answer_is_not_tried_again(
    endpoint: Endpoint, model: OpenAiModel, ran: Ran
) -> None:
    endpoint.acts.append(Handler.drop)
    with pytest.raises(SpaceUnavailable, match="went away"):
        ran.chat(model)
    assert len(endpoint.requests) == 1


def test_a_stream_that_is_dropped_keeps_what_had_come(
    endpoint: Endpoint, model: OpenAiModel, ran: Ran
) -> None:
    seen = threading.Event()

    def drop(handler: Handler) -> None:
        handler.begin()
        handler.piece("Lyon.")
        seen.wait(LEFT_SECONDS)
        handler.drop()

    ran.on_progress = lambda progress: seen.set() if progress.text else None
    endpoint.acts.append(drop)
    with pytest.raises(SpaceUnavailable, match="went away while it was working"):
        ran.chat(model)
    assert ran.texts == ["Lyon."]


def test_a_stream_that_ends_without_its_end_is_no_answer(
    endpoint: Endpoint, model: OpenAiModel, ran: Ran
) -> None:
    def cut_off(handler: Handler) -> None:
        handler.begin()
        handler.piece("Lyon.")
        handler.raw(b"")

    endpoint.acts.append(cut_off)
    with pytest.raises(SpaceUnavailable, match="went away while it was working"):
        ran.write(model)


def test_a_server_that_is_killed_in_mid_stream_and_started_again_serves_the_next_call(
    endpoint_process: subprocess.Popen[str], closed_port: int, ran: Ran
) -> None:
    model = OpenAiModel(url_at(closed_port))

    def kill(_: object) -> None:
        if ran.texts:
            endpoint_process.send_signal(signal.SIGKILL)

    ran.on_progress = kill
    with pytest.raises(SpaceUnavailable, match="went away while it was working"):
        ran.chat(model)
    assert ran.texts == ["Lyon."]
    endpoint_process.wait()
    with Endpoint(closed_port):
        assert Ran().chat(model) == ANSWER


# ---- slow drip


def test_a_stream_that_drips_forever_ends_at_the_deadline(
    endpoint: Endpoint, model: OpenAiModel, ran: Ran
) -> None:
    def drip(handler: Handler) -> None:
        handler.begin()
        while True:
            handler.piece("Lyon ")
            handler.raw(b": still here\n\n")
            threading.Event().wait(0.05)

    endpoint.acts.append(drip)
    with pytest.raises(SpaceTimedOut, match="did not finish"):
        ran.chat(model, deadline_seconds=2)
    assert len(ran.texts) > 3


def test_headers_that_drip_end_at_the_deadline(
    endpoint: Endpoint, model: OpenAiModel, ran: Ran
) -> None:
    def drip(handler: Handler) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
        while True:
            handler.wfile.write(b"z")
            threading.Event().wait(0.05)

    endpoint.acts.append(drip)
    with pytest.raises(SpaceTimedOut, match="did not answer"):
        ran.chat(model, deadline_seconds=1)


# ---- garbage

NOT_THIS_API = {
    "a page": page(200),
    "JSON of another kind": lambda handler: handler.reply(200, {"hello": "world"}),
    "a list": lambda handler: handler.reply(200, [1, 2]),
    "broken JSON": lambda handler: handler.reply(200, b"{", "application/json"),
    "deep JSON": lambda handler: handler.reply(200, b"[" * 100_000, "application/json"),
    "bytes": lambda handler: handler.reply(200, bytes(range(256)), "application/octet-stream"),
    "a page that says no": page(400),
}


@pytest.mark.parametrize("act", NOT_THIS_API.values(), ids=NOT_THIS_API.keys())
def test_something_else_that_answers_is_called_that(
    endpoint: Endpoint, model: OpenAiModel, ran: Ran, act: Callable[[Handler], None]
) -> None:
    endpoint.acts.append(act)
    with pytest.raises(SpaceAnswerUnusable, match="is not an OpenAI-compatible endpoint"):
        ran.chat(model)


def test_garbage_in_a_stream_is_no_answer(endpoint: Endpoint, model: OpenAiModel, ran: Ran) -> None:
    def garble(handler: Handler) -> None:
        handler.begin()
        handler.piece("Lyon")
        handler.raw(b"data: {\xff\x00oops\n\n")

    endpoint.acts.append(garble)
    with pytest.raises(SpaceAnswerUnusable, match="its answer is not JSON"):
        ran.chat(model)


def test_an_endless_line_is_not_kept_in_memory(
    endpoint: Endpoint, model: OpenAiModel, ran: Ran
) -> None:
    def pour(handler: Handler) -> None:
        handler.begin()
        while True:
            handler.raw(b"x" * 1_000_000)

    endpoint.acts.append(pour)
    with pytest.raises(SpaceAnswerUnusable, match="larger than 20 MB"):
        ran.chat(model)


def test_a_text_without_end_is_cut_off(endpoint: Endpoint, model: OpenAiModel, ran: Ran) -> None:
    def babble(handler: Handler) -> None:
        handler.begin()
        while True:
            handler.piece("Lyon " * 2000)

    endpoint.acts.append(babble)
    with pytest.raises(SpaceAnswerUnusable, match="longer than 100,000 characters"):
        ran.chat(model)


def test_a_compressed_answer_is_not_unpacked(
    endpoint: Endpoint, model: OpenAiModel, ran: Ran
) -> None:
    endpoint.acts.append(lambda handler: handler.reply(200, b"\x1f\x8b", Content_Encoding="gzip"))
    with pytest.raises(SpaceAnswerUnusable, match="compressed"):
        ran.chat(model)
    assert endpoint.requests[0].headers["accept-encoding"] == "identity"


def test_an_answer_without_text_is_said_to_be_empty(
    endpoint: Endpoint, model: OpenAiModel, ran: Ran
) -> None:
    def say_nothing(handler: Handler) -> None:
        handler.begin()
        handler.end()

    endpoint.acts.append(say_nothing)
    with pytest.raises(SpaceAnswerUnusable, match="answered without any text"):
        ran.chat(model)


# ---- refusals


@pytest.mark.parametrize("status", [401, 403])
def test_a_key_that_is_refused_is_named_without_being_shown(
    endpoint: Endpoint, model: OpenAiModel, ran: Ran, status: int
) -> None:
    endpoint.acts.append(lambda handler: handler.refuse(status, f"Incorrect API key provided: {KEY}"))  # fmt: skip
    with pytest.raises(SpaceUnavailable, match="check MODEL_KEY") as raised:
        ran.chat(model)
    assert KEY not in str(raised.value)


NO_MODEL = {
    "OpenAI": {"error": {"message": "The model `x` does not exist", "code": "model_not_found"}},
    "Ollama": {"error": {"message": 'model "x" not found, try pulling it first', "type": "api_error", "code": None}},
    "vLLM": {"object": "error", "message": "The model `x` does not exist.", "type": "NotFoundError", "code": 404},
}  # fmt: skip


@pytest.mark.parametrize("told", NO_MODEL.values(), ids=NO_MODEL.keys())
def test_a_model_that_is_not_there_is_named(
    endpoint: Endpoint, model: OpenAiModel, ran: Ran, told: object
) -> None:
    endpoint.acts.append(lambda handler: handler.reply(404, told))
    with pytest.raises(SpaceUnavailable, match=f"has no model “{MODEL}”"):
        ran.chat(model)


def test_a_path_that_is_not_there_is_told_from_a_model(ran: Ran, endpoint: Endpoint) -> None:
    model = OpenAiModel(f"{endpoint.url.removesuffix('/v1')}/other/v1#{MODEL}", key=KEY)
    with pytest.raises(SpaceAnswerUnusable, match="it has no /chat/completions"):
        ran.chat(model)


TOO_LONG = {
    "OpenAI": ("This model's maximum context length is 8192 tokens.", "context_length_exceeded"),
    "llama.cpp": ("the request exceeds the available context size. try increasing the context size", None),
    "another": ("Prompt is too long for this model", None),
}  # fmt: skip


@pytest.mark.parametrize(("message", "code"), TOO_LONG.values(), ids=TOO_LONG.keys())
def test_more_text_than_the_model_reads_is_said_in_words(
    endpoint: Endpoint, model: OpenAiModel, ran: Ran, message: str, code: str | None
) -> None:
    endpoint.acts.append(lambda handler: handler.refuse(400, message, code))
    with pytest.raises(SpaceFailed, match="more text than the model"):
        ran.chat(model)


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ("20", r"asks to wait 20 s\.$"),
        ("Fri, 01 Jan 2100 00:00:00 GMT", r"asks to wait \d+ s\.$"),
        ("Sat, 01 Jan 2000 00:00:00 GMT", r"HTTP 429\)\.$"),
        ("soon", r"HTTP 429\)\.$"),
        ("-1", r"HTTP 429\)\.$"),
    ],
)
def test_too_many_requests_say_how_long_to_wait(
    endpoint: Endpoint, model: OpenAiModel, ran: Ran, told: str, said: str
) -> None:
    endpoint.acts.append(lambda handler: handler.refuse(429, "Slow down.", Retry_After=told))
    with pytest.raises(SpaceUnavailable, match=said):
        ran.chat(model)
    assert len(endpoint.requests) == 1


def test_a_spent_quota_is_told_from_too_many_requests(
    endpoint: Endpoint, model: OpenAiModel, ran: Ran
) -> None:
    endpoint.acts.append(lambda handler: handler.refuse(429, "You exceeded it.", "insufficient_quota"))  # fmt: skip
    with pytest.raises(SpaceUnavailable, match="has no credit left"):
        ran.chat(model)


@pytest.mark.parametrize("status", [500, 502, 504])
def test_a_server_in_trouble_is_said_to_be(
    endpoint: Endpoint, model: OpenAiModel, ran: Ran, status: int
) -> None:
    endpoint.acts.append(page(status))
    with pytest.raises(SpaceUnavailable, match=f"answers with HTTP {status}"):
        ran.chat(model)


def test_a_redirect_is_not_followed(endpoint: Endpoint, model: OpenAiModel, ran: Ran) -> None:
    endpoint.acts.append(lambda handler: handler.reply(307, b"", Location="http://127.0.0.1:9/v1"))
    with pytest.raises(SpaceAnswerUnusable, match="sends Lin elsewhere"):
        ran.chat(model)


IN_STREAM = {
    "an error object": ({"error": {"message": "CUDA out of memory", "type": "other"}}, SpaceFailed),
    "an error in words": ({"error": "CUDA out of memory"}, SpaceFailed),
    "overloaded": ({"error": {"message": "CUDA out of memory", "type": "overloaded_error"}}, SpaceUnavailable),
}  # fmt: skip


@pytest.mark.parametrize(("told", "error"), IN_STREAM.values(), ids=IN_STREAM.keys())
def test_an_error_inside_a_stream_is_reported(
    endpoint: Endpoint, model: OpenAiModel, ran: Ran, told: object, error: type[Exception]
) -> None:
    def fail(handler: Handler) -> None:
        handler.begin()
        handler.piece("Lyon")
        handler.event(told)
        handler.end()

    endpoint.acts.append(fail)
    with pytest.raises(error, match="CUDA out of memory"):
        ran.chat(model)


# ---- secrets


@pytest.mark.parametrize("status", [400, 422, 500])
def test_neither_key_nor_prompt_stand_in_an_error_or_a_log(
    endpoint: Endpoint, model: OpenAiModel, ran: Ran, caplog: pytest.LogCaptureFixture, status: int
) -> None:
    secret = "my salary is 4711"

    def echo(handler: Handler) -> None:
        handler.refuse(status, f"Invalid input: {handler.received.body['messages']} of {handler.received.headers}")  # fmt: skip

    def echo_the_end(handler: Handler) -> None:
        handler.refuse(status, f"Cannot tokenize '{secret}' with key {KEY}")

    endpoint.acts += [echo, echo_the_end, Handler.drop, page(200)]
    with caplog.at_level(logging.DEBUG):
        for _ in range(4):
            with pytest.raises((SpaceFailed, SpaceUnavailable, SpaceAnswerUnusable)) as raised:
                ran.chat(model, message=secret)
            told = "".join(traceback.format_exception(raised.value)) + repr(raised.value)
            assert secret not in told
            assert KEY not in told
    logged = "\n".join(f"{record.getMessage()} {record.__dict__}" for record in caplog.records)
    assert "127.0.0.1" in logged  # the log was listened to
    assert secret not in logged
    assert KEY not in logged


def test_a_call_that_failed_leaves_the_model_as_it_was(
    endpoint: Endpoint, model: OpenAiModel, ran: Ran
) -> None:
    endpoint.acts += [Handler.drop, page(500), behave]
    for _ in range(2):
        with pytest.raises(SpaceUnavailable):
            ran.chat(model)
    assert ran.chat(model) == ANSWER

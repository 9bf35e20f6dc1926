"""The token goes to Hugging Face only and is seen nowhere; a Space's words are cleaned before anybody reads them."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable

import pytest

from backend.core.errors import SpaceAnswerUnusable, SpaceError, SpaceFailed, SpaceUnavailable
from backend.core.models import ChatRequest, Model
from backend.spaces import connect
from backend.spaces._gradio import trusted_with_token
from backend.spaces._troubles import clean_message
from backend.spaces.writer import WriterSpace
from tests.unit.spaces.conftest import make_request

TOKEN = "hf_MadeUpForTheseTests0123456789"


@pytest.fixture
def hub(apps, plain_server, monkeypatch):
    """A stand-in for huggingface.co that knows one Space, alice/writer, whose stages are told in a list."""
    import huggingface_hub.hf_api

    stages: list[str] = []

    def answer(path: str) -> tuple[int, bytes]:
        if not path.startswith("/api/spaces/alice/writer"):
            return 404, b'{"error": "Repository not found"}'
        if path.startswith("/api/spaces/alice/writer/runtime"):
            stage = stages.pop(0) if len(stages) > 1 else stages[0] if stages else "RUNNING"
            told = {"stage": stage, "hardware": {"current": "cpu-basic", "requested": "cpu-basic"}}
            return 200, json.dumps(told).encode()
        told = {"id": "alice/writer", "private": True, "host": apps.url(), "tags": [], "likes": 0}
        return 200, json.dumps(told).encode()

    server = plain_server(answer)
    server.stages = stages
    monkeypatch.setattr(huggingface_hub.hf_api.api, "endpoint", server.url)
    return server


def test_a_space_on_hugging_face_is_found_and_gets_the_token(apps, hub, ran):
    apps.forget_headers()
    written = ran.write(WriterSpace("alice/writer", token=TOKEN), title="stream")
    assert written.text == "The city renovated twelve bridges."
    assert {r.get("authorization") for r in hub.requests} == {f"Bearer {TOKEN}"}
    assert {s.get("x-hf-authorization") for s in apps.headers()} == {f"Bearer {TOKEN}"}


def test_a_space_elsewhere_never_gets_the_token(apps, writer, ran, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_SavedOnThisMachine00000000")
    apps.forget_headers()
    ran.write(WriterSpace(f"{apps.url()}/acting", token=TOKEN), title="stream")
    assert apps.headers()
    everything_sent = str(apps.headers())
    assert TOKEN not in everything_sent
    assert "SavedOnThisMachine" not in everything_sent


@pytest.mark.parametrize(
    ("space", "trusted"),
    [
        ("alice/writer", True),
        ("https://alice-writer.hf.space", True),
        ("https://alice-writer.hf.space/", True),
        ("http://alice-writer.hf.space", False),
        ("https://hf.space.evil.example", False),
        ("https://evilhf.space", False),
        ("https://alice-writer.hf.space@evil.example/", False),
        ("https://writer.example", False),
    ],
)
def test_only_hugging_face_over_tls_is_trusted_with_the_token(space, trusted):
    assert trusted_with_token(space) is trusted


def test_the_token_is_in_no_error_log_output_or_name(apps, hub, ran, caplog, capfd):
    caplog.set_level(logging.DEBUG)
    space = WriterSpace("alice/writer", token=TOKEN)
    with pytest.raises(SpaceFailed) as failed:
        ran.write(space, title="fail", text=f"bad token {TOKEN} in /home/user/app.py")
    assert str(failed.value) == "The Space alice/writer reported: bad token […] in [path]"
    with pytest.raises(SpaceError) as refused:
        ran.write(WriterSpace("alice/none", token=TOKEN), deadline_seconds=0.5)
    for error in (failed.value, refused.value):
        assert TOKEN not in f"{error!r} {error.__cause__!r} {error.__context__!r}"
    printed = capfd.readouterr()
    assert TOKEN not in f"{space!r} {space._gradio!r} {caplog.text} {printed.out} {printed.err}"


CALLS: dict[str, Callable[[Model, str], object]] = {
    "write": lambda model, text: model.write(
        make_request(title="fail", text=text),
        on_progress=lambda _: None, canceled=lambda: False, deadline_seconds=30,
    ),
    "chat": lambda model, text: model.chat(
        ChatRequest(text), on_progress=lambda _: None, canceled=lambda: False, deadline_seconds=30
    ),
    "speak": lambda model, text: model.speak(
        text, voice=None, canceled=lambda: False, deadline_seconds=30
    ),
    "embed": lambda model, text: model.embed([text], deadline_seconds=30),
}  # fmt: skip


@pytest.mark.parametrize("kind", CALLS)
def test_no_kind_of_call_shows_the_token(apps, hub, kind, caplog, capfd):
    """Whatever the Space makes of the call, it got the token, and nobody else did."""
    caplog.set_level(logging.DEBUG)
    apps.forget_headers()
    hub.requests.clear()
    model = connect("alice/writer", token=TOKEN, key=TOKEN)
    with pytest.raises(SpaceError) as failed:
        CALLS[kind](model, f"fail with {TOKEN}")
    assert TOKEN not in f"{failed.value!r} {failed.value.__cause__!r} {failed.value.__context__!r}"
    assert {r.get("authorization") for r in hub.requests} == {f"Bearer {TOKEN}"}
    assert {s.get("x-hf-authorization") for s in apps.headers()} == {f"Bearer {TOKEN}"}
    printed = capfd.readouterr()
    assert TOKEN not in f"{model!r} {vars(model)!r} {caplog.text} {printed.out} {printed.err}"


@pytest.mark.parametrize("kind", CALLS)
def test_no_kind_of_call_gives_the_token_to_a_space_elsewhere(apps, kind):
    apps.forget_headers()
    model = connect(f"{apps.url()}/acting", token=TOKEN, key=None)
    with pytest.raises((SpaceFailed, SpaceAnswerUnusable)):
        CALLS[kind](model, "fail")
    assert apps.headers()
    assert TOKEN not in str(apps.headers())


@pytest.mark.parametrize("stage", ["PAUSED", "BUILD_ERROR", "RUNTIME_ERROR", "CONFIG_ERROR"])
def test_a_space_that_its_owner_must_repair_is_not_waited_for(hub, ran, stage):
    hub.stages.append(stage)
    with pytest.raises(SpaceUnavailable, match=stage.replace("_", " ").lower()):
        ran.write(WriterSpace("alice/writer"))
    assert ran.progress == []


def test_an_unknown_or_private_space_says_what_to_check(hub, ran):
    with pytest.raises(SpaceUnavailable, match="check its name, and HUGGING_KEY if it is private"):
        ran.write(WriterSpace("alice/nothing"))


def test_a_space_that_is_building_is_waited_for(hub, ran):
    hub.stages += ["BUILDING", "BUILDING", "RUNNING"]
    assert ran.write(WriterSpace("alice/writer"), title="stream").text
    assert (ran.states[0], ran.states[-1]) == ("waking", "running")


@pytest.mark.parametrize("name", ["no slash", "a/b/c", "", "ftp://example.org/x", "http://"])
def test_a_name_that_is_no_space_is_refused_at_once(hub, ran, name):
    with pytest.raises(SpaceUnavailable, match=r"neither a Space|check its name|no known address"):
        ran.write(WriterSpace(name), deadline_seconds=5)


def test_a_url_is_shown_without_user_password_and_query():
    space = WriterSpace("https://user:secret@writer.example/app?token=secret#x")
    assert space.space == "https://writer.example/app"
    assert "secret" not in repr(space)


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("CUDA out of memory", "CUDA out of memory"),
        ("<b>No</b> quota &amp; no&nbsp;time", "No quota & no time"),
        ("line one\nline\ttwo\x00", "line one line two"),
        ("File /usr/lib/python3/app.py failed", "File [path] failed"),
        (r"see C:\Users\bob\app.py now", "see [path] now"),
        ("ask https://internal:8080/x?key=1 again", "ask [link] again"),
        ("key sk-abcdefgh12345678 refused", "key […] refused"),
        ("and/or 3/4 of it", "and/or 3/4 of it"),
        ("x " * 400, "x " * 149 + "x…"),
        (None, ""),
    ],
)
def test_the_words_of_a_space_are_shown_without_internals(said, shown):
    assert clean_message(said, TOKEN) == shown


def test_the_words_of_a_crash_stay_in_the_space(writer, ran):
    with pytest.raises(SpaceFailed) as failed:
        ran.write(writer("acting"), title="crash")
    assert len(str(failed.value)) < 400


@pytest.mark.parametrize("token", [f"{TOKEN}\n", f"{TOKEN} x", "\x00"])
def test_a_token_that_no_header_can_hold_is_refused_without_quoting_it(token):
    with pytest.raises(ValueError, match="HUGGING_KEY") as refused:
        WriterSpace("alice/writer", token=token)
    assert TOKEN not in str(refused.value)


def test_a_model_has_a_name_and_hides_its_secrets():
    model = connect("owner/name", token=TOKEN, key=TOKEN)
    assert model.space == "owner/name"
    assert TOKEN not in repr(model)

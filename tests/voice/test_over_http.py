"""Hearing an answer or a post over HTTP, spoken by a real Space that may do anything."""

from __future__ import annotations

import io
import socket
import uuid
import wave
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from backend.app import create_app
from backend.services import build
from backend.settings import load_settings
from local.stack import Stack
from tests.api.conftest import Browser, Space, problem
from tests.people import Person
from tests.programs import fork_space
from tests.voice.conftest import SECONDS, words


@pytest.fixture
def ada(stack: Stack, alice: Person) -> Browser:
    """Alice at her browser."""
    return Browser(stack.info["api_url"], stack.info["frontend_url"], None, alice)  # type: ignore[arg-type] # needs no platform


@pytest.fixture
def space(stack: Stack) -> Iterator[Space]:
    """The stack's Space, behaving."""
    one = Space(stack.info["space_url"])
    one.forget()
    yield one
    one.forget()


@pytest.fixture
def answer(sql: Callable[..., list[Any]], alice: Person) -> Callable[..., str]:
    """`answer(text)`: a message of Alice's conversation with the mentor; returns its id."""

    def said(text: str, *, state: str = "complete", role: str = "assistant", person: Person = alice) -> str:  # fmt: skip
        ((session,),) = sql(
            "insert into chat_sessions (user_id, title) values (%s, 'Bridges') returning id",
            person.id,
        )
        leased = "2100-01-01" if state == "streaming" else None
        ((message,),) = sql(
            """insert into chat_messages (session_id, user_id, position, role, text, state, lease_token, lease_until)
               values (%s, %s, 1, %s, %s, %s, %s, %s) returning id""",
            session, person.id, role, text, state, 1 if leased else None, leased,
        )  # fmt: skip
        return str(message)

    return said


def spoken(browser: Browser, **asked: str) -> dict[str, Any]:
    """What a frontend gets."""
    answered = browser.call("POST", "/api/chat/speak", asked)
    assert answered.status_code == 200, answered.text
    body: dict[str, Any] = answered.json()
    return body


def refused(browser: Browser, status: int, **asked: str) -> dict[str, Any]:
    return problem(browser.call("POST", "/api/chat/speak", asked), status)


def seconds_of(url: str) -> float:
    """The length of a sound, which is read as a player does."""
    answered = requests.get(url, timeout=SECONDS)
    assert answered.status_code == 200
    with wave.open(io.BytesIO(answered.content)) as sound:
        frames = sound.readframes(sound.getnframes())
        assert any(frames), "silence"
        seconds: float = sound.getnframes() / sound.getframerate()
    return seconds


def said_to(space: Space) -> list[str]:
    return [call["text"] for call in space.calls_of("speak")]


# ------------------------------------------------------------------------------------ what is spoken


def test_an_answer_of_the_mentor_is_heard(
    ada: Browser, space: Space, answer: Callable[..., str]
) -> None:
    text = words()
    heard = spoken(ada, message_id=answer(f"**{text[:-1]}** [1]."))
    assert set(heard) == {"audio_url", "expires_at", "media_id", "mime", "duration", "cached"}
    assert (heard["mime"], heard["cached"]) == ("audio/wav", False)
    assert seconds_of(heard["audio_url"]) == pytest.approx(heard["duration"], abs=0.05)
    row = ada.row("media", heard["media_id"])
    assert (row["kind"], row["status"]) == ("audio", "ready")
    assert said_to(space) == [text]
    again = spoken(ada, message_id=answer(text))
    assert again["cached"]
    assert again["media_id"] == heard["media_id"]
    assert len(said_to(space)) == 1


def test_an_answer_that_was_interrupted_is_heard_as_far_as_it_came(
    ada: Browser, space: Space, answer: Callable[..., str]
) -> None:
    assert (
        spoken(ada, message_id=answer("Twelve bridges were", state="interrupted"))["duration"] > 0
    )


def test_a_draft_is_heard_in_the_voice_that_was_asked_for(ada: Browser, space: Space) -> None:
    post = ada.insert("posts", {"text": f"{words()} #bridges https://a.example/1"})
    spoken(ada, post_id=post["id"], voice="en")
    (call,) = space.calls_of("speak")
    assert call["voice"] == "en"
    assert call["text"].endswith("bridges")


def test_what_is_not_ones_own_is_not_there(
    ada: Browser, space: Space, answer: Callable[..., str], bob: Person
) -> None:
    post = bob.rest("POST", "posts", {"text": "Bob's"}, Prefer="return=representation").json()[0]
    refused(ada, 404, post_id=post["id"])
    refused(ada, 404, message_id=answer("Bob's", person=bob))
    refused(ada, 404, message_id=str(uuid.uuid4()))
    assert said_to(space) == []


def test_ones_own_message_and_an_answer_that_is_still_coming_are_not_spoken(
    ada: Browser, space: Space, answer: Callable[..., str]
) -> None:
    own = refused(ada, 422, message_id=answer("Why bridges?", role="user"))
    assert own["errors"][0]["field"] == "message_id"
    coming = ada.call(
        "POST", "/api/chat/speak", {"message_id": answer("Twelve", state="streaming")}
    )
    assert "still being written" in problem(coming, 409)["detail"]
    assert coming.headers["Retry-After"] == "2"


def test_a_text_that_is_too_long_names_the_field_and_the_limit(
    ada: Browser, space: Space, answer: Callable[..., str]
) -> None:
    long = refused(ada, 422, message_id=answer("bridge " * 800))
    assert long["errors"][0]["field"] == "message_id"
    assert "5000" in long["errors"][0]["message"]
    signs = refused(ada, 422, post_id=ada.insert("posts", {"text": "— https://a.example"})["id"])
    assert signs["errors"][0]["field"] == "post_id"
    assert said_to(space) == []


WRONG = {
    "nothing to speak": ({}, "body"),
    "two things": ({"message_id": str(uuid.uuid4()), "post_id": str(uuid.uuid4())}, "body"),
    "no id": ({"message_id": "1"}, "message_id"),
    "an empty voice": ({"post_id": str(uuid.uuid4()), "voice": " "}, "voice"),
    "a long voice": ({"post_id": str(uuid.uuid4()), "voice": "v" * 101}, "voice"),
    "a voice of two lines": ({"post_id": str(uuid.uuid4()), "voice": "a\nb"}, "voice"),
    "a text of one's own": ({"text": "Hello"}, "text"),
}


@pytest.mark.parametrize(("body", "wrong"), WRONG.values(), ids=WRONG.keys())
def test_a_wrong_request_names_the_field(ada: Browser, body: dict[str, Any], wrong: str) -> None:
    named = problem(ada.call("POST", "/api/chat/speak", body), 422)["errors"]
    assert wrong in {error["field"] for error in named}


def test_the_quota_is_a_429_that_says_when(
    ada: Browser, space: Space, sql: Callable[..., list[Any]]
) -> None:
    assert ada.person
    sql(
        """insert into speeches (user_id, digest, space, characters, state, lease_until)
           select %s, repeat('e', 64), 's', 9, 'ready', now() from quotas, generate_series(1, per_day) where kind = 'speech'""",
        ada.person.id,
    )  # fmt: skip
    told = refused(ada, 429, post_id=ada.insert("posts", {"text": words()})["id"])
    assert "spoken texts" in told["detail"]
    assert "UTC" in told["detail"]


def test_two_browsers_at_once_make_one_sound(
    ada: Browser, space: Space, answer: Callable[..., str]
) -> None:
    message = answer(words())
    space.order("slow", endpoint="speak", seconds=1)
    with ThreadPoolExecutor(2) as pool:
        one, other = pool.map(lambda _: spoken(ada, message_id=message), range(2))
    assert one["media_id"] == other["media_id"]
    assert len(said_to(space)) == 1


# ------------------------------------------------------------------------------------ what a Space does

FAULTS: dict[str, tuple[dict[str, Any], int, str]] = {
    "an error of its own": ({"order": "fail", "message": "Out of credits."}, 502, "space_failed"),
    "a crash": ({"order": "crash"}, 502, "space_failed"),
    "no sound": ({"order": "empty"}, 502, "space_answer_unusable"),
    "a web page instead": ({"order": "garbage"}, 502, "space_answer_unusable"),
}


@pytest.mark.parametrize(("order", "status", "word"), FAULTS.values(), ids=FAULTS.keys())
def test_a_space_that_fails_is_told_in_words_and_the_next_call_works(
    ada: Browser, space: Space, answer: Callable[..., str], order: dict[str, Any], status: int, word: str
) -> None:  # fmt: skip
    assert ada.person
    space.order(endpoint="speak", **order)
    told = refused(ada, status, message_id=answer(text := words()))
    assert order.get("message", "Space") in told["detail"]
    (speech,) = ada.person.rest("GET", "speeches").json()
    assert (speech["state"], speech["error_class"], speech["error"]) == ("failed", word, told["detail"])  # fmt: skip
    assert ada.person.rest("GET", "media").json() == []
    assert spoken(ada, message_id=answer(text))["duration"] > 0


@pytest.mark.parametrize("order", ["sleep", "slow"])
def test_a_space_that_takes_its_time_is_waited_for(
    ada: Browser, space: Space, answer: Callable[..., str], order: str
) -> None:
    space.order(order, endpoint="speak", seconds=1)
    assert spoken(ada, message_id=answer(words()))["duration"] > 0


# ------------------------------------------------------------------------------------ other settings: less patience, other Spaces


@pytest.fixture
def mortal() -> Iterator[Space]:
    """A Space in a process of its own, which may end."""
    process, url = fork_space()
    assert process.stdout
    with process.stdout:
        yield Space(url)
    process.kill()
    process.wait(SECONDS)


@pytest.fixture
def server(
    stack: Stack, alice: Person, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Callable[..., TestResponse]]:
    """`server(VOICE_SPACE=…)`: the web application with settings of its own; returns how Alice asks it."""

    def build_one(**environment: str) -> Callable[..., TestResponse]:
        for name, value in stack.backend_env().items():
            monkeypatch.setenv(name, value)
        monkeypatch.delenv("VOICE_SPACE", raising=False)
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        client: FlaskClient = create_app(build(load_settings())).test_client()
        token = {"Authorization": f"Bearer {alice.token}"}
        return lambda **asked: client.post("/api/chat/speak", json=asked, headers=token)

    return build_one


def test_a_server_without_a_voice_says_what_its_operator_has_to_set(
    server: Callable[..., Callable[..., TestResponse]], answer: Callable[..., str]
) -> None:
    told = server()(message_id=answer("Twelve bridges."))
    assert told.status_code == 503
    assert "VOICE_SPACE" in told.get_json()["detail"]


def test_a_space_that_hangs_ends_at_the_deadline_and_leaves_nothing(
    server: Callable[..., Callable[..., TestResponse]], answer: Callable[..., str], space: Space, alice: Person
) -> None:  # fmt: skip
    space.order("hang", endpoint="speak")
    told = server(VOICE_SPACE=space.url, GENERATION_DEADLINE_SECONDS="3")(message_id=answer(words()))  # fmt: skip
    assert told.status_code == 504
    assert "within 3 s" in told.get_json()["detail"]
    (speech,) = alice.rest("GET", "speeches").json()
    assert (speech["state"], speech["error_class"]) == ("failed", "space_timed_out")
    assert alice.rest("GET", "media").json() == []


def test_a_space_that_sleeps_is_woken_and_waited_for_within_the_deadline(
    server: Callable[..., Callable[..., TestResponse]], answer: Callable[..., str], space: Space
) -> None:  # fmt: skip
    space.order("asleep", endpoint="speak", seconds=60)
    message = answer(words())
    told = server(VOICE_SPACE=space.url, GENERATION_DEADLINE_SECONDS="2")(message_id=message)
    assert told.status_code == 503
    assert "did not wake up" in told.get_json()["detail"]
    assert told.headers["Retry-After"]
    space.forget()
    space.order("asleep", endpoint="speak", seconds=1)
    told = server(VOICE_SPACE=space.url, GENERATION_DEADLINE_SECONDS="40")(message_id=message)
    assert told.status_code == 200, told.text


def test_a_connection_that_breaks_while_the_space_speaks_costs_no_second_synthesis(
    server: Callable[..., Callable[..., TestResponse]], answer: Callable[..., str], space: Space, alice: Person
) -> None:  # fmt: skip
    space.order("drop", endpoint="speak")
    ask = server(VOICE_SPACE=space.url, GENERATION_DEADLINE_SECONDS="40")
    message = answer(words())
    told = ask(message_id=message)
    assert len(said_to(space)) == 1
    if told.status_code != 200:  # whether the sound was on its way already is a matter of moments
        assert told.status_code == 503, told.text
        assert "try again" in told.get_json()["detail"]
        assert alice.rest("GET", "media").json() == []
    assert ask(message_id=message).status_code == 200


def test_a_space_that_dies_while_it_speaks_is_noticed_and_leaves_nothing(
    server: Callable[..., Callable[..., TestResponse]], answer: Callable[..., str], mortal: Space, alice: Person
) -> None:  # fmt: skip
    mortal.order("die", endpoint="speak")
    ask = server(VOICE_SPACE=mortal.url, GENERATION_DEADLINE_SECONDS="40")
    told = ask(message_id=answer(words()))
    assert told.status_code == 503, told.text
    assert "try again" in told.get_json()["detail"]
    (speech,) = alice.rest("GET", "speeches").json()
    assert (speech["state"], speech["error_class"]) == ("failed", "space_unavailable")
    assert alice.rest("GET", "media").json() == []


def test_a_space_that_is_not_there_is_told_so_and_costs_nothing(
    server: Callable[..., Callable[..., TestResponse]], answer: Callable[..., str], alice: Person
) -> None:  # fmt: skip
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    ask = server(VOICE_SPACE=f"http://127.0.0.1:{port}", GENERATION_DEADLINE_SECONDS="1")
    assert ask(message_id=answer(words())).status_code == 503
    (speech,) = alice.rest("GET", "speeches").json()
    assert speech["error_class"] == "space_unavailable"

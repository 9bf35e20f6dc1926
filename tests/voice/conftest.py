"""A voice that speaks when it is told to, and Lin's speaker with it on the stack's database and storage."""

from __future__ import annotations

import io
import math
import secrets
import struct
import threading
import wave
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import psycopg
import pytest

from backend.core.models import Spoken
from backend.core.speaking import Speaker, Spoke
from backend.media.inspecting import Inspector
from backend.store import Supabase
from local.stack import Stack
from tests.faults.watched_wire import Rules, WatchedWire
from tests.people import Person

SECONDS = 30


def wav(seconds: float = 0.5, rate: int = 8000) -> bytes:
    """A tone."""
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        waves = (int(9000 * math.sin(n / 4)) for n in range(int(seconds * rate)))
        file.writeframes(b"".join(struct.pack("<h", one) for one in waves))
    return out.getvalue()


def words() -> str:
    """A text that nobody else lets speak."""
    return f"Twelve bridges, number {secrets.token_hex(8)}."


class Voice:
    """Stands in for a model behind its Protocol: of the four methods, the one that speaking needs."""

    def __init__(self) -> None:
        self.space = f"tests/voice-{secrets.token_hex(4)}"
        self.sound = wav()
        self.error: Exception | None = None
        self.heard: list[tuple[str, str | None]] = []
        self.is_speaking = threading.Event()
        self.goes_on = threading.Event()
        self.goes_on.set()

    def speak(
        self, text: str, *, voice: str | None, canceled: Callable[[], bool], deadline_seconds: float
    ) -> Spoken:
        self.heard.append((text, voice))
        self.is_speaking.set()
        assert self.goes_on.wait(SECONDS)
        if self.error:
            raise self.error
        # what it calls the sound is wrong on purpose: nobody may believe it
        return Spoken(self.sound, "application/x-nonsense")


@pytest.fixture
def voice() -> Iterator[Voice]:
    one = Voice()
    yield one
    one.goes_on.set()


@pytest.fixture
def rules() -> Rules:
    """What happens on the wire between the speaker and Supabase."""
    return Rules()


@pytest.fixture
def wire(stack: Stack, rules: Rules) -> Iterator[WatchedWire]:
    with WatchedWire(stack.info["supabase_url"], rules) as one:
        yield one


@pytest.fixture
def speaker(stack: Stack, wire: WatchedWire, voice: Voice) -> Iterator[Callable[..., Speaker]]:
    """`speaker()`: as services.py builds it, with the voice of this test."""
    keys = (stack.info["publishable_key"], stack.info["secret_key"])
    supabase = Supabase(wire.url, *keys)

    def make(**more: Any) -> Speaker:
        usual: dict[str, Any] = {"deadline_seconds": 20, "patience_seconds": SECONDS}
        return Speaker(supabase.service.speeches, voice, Inspector(), **(usual | more))  # type: ignore[arg-type] # one of its methods

    yield make
    supabase.close()


@pytest.fixture
def speak(speaker: Callable[..., Speaker], alice: Person) -> Callable[..., Spoke]:
    """`speak(text)`: for Alice."""
    one = speaker()

    def ask(text: str, voice: str | None = None, person: Person = alice) -> Spoke:
        return one.speak(person.id, text, voice, field="message_id")

    return ask


@pytest.fixture
def at_once() -> Iterator[Callable[..., Future[Any]]]:
    """Runs a call on a thread of its own."""
    with ThreadPoolExecutor(8) as pool:
        yield pool.submit


@pytest.fixture
def sql(stack: Stack) -> Iterator[Callable[..., list[Any]]]:
    """Runs a statement as the database's owner."""
    if not stack.info["database_url"]:
        pytest.skip("this stack has no database URL")
    with psycopg.connect(stack.info["database_url"], autocommit=True) as connection:

        def run(statement: str, *values: Any) -> list[Any]:
            cursor = connection.execute(statement, values)
            return cursor.fetchall() if cursor.description else []

        yield run


@pytest.fixture
def speeches(alice: Person) -> Callable[[], list[dict[str, Any]]]:
    """Alice's account of what was spoken, as she reads it, oldest first."""

    def read() -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = alice.rest("GET", "speeches?order=created_at").json()
        return found

    return read


@pytest.fixture
def files(alice: Person) -> Callable[[], list[str]]:
    """The names of Alice's sounds in the storage."""

    def read() -> list[str]:
        asked = {"prefix": f"{alice.id}/speech", "limit": 100}
        return [
            one["name"] for one in alice.storage("POST", "object/list/media", json=asked).json()
        ]

    return read

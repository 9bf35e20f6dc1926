"""What Lin asks of models: one Protocol with four methods, and the dataclasses that cross it.

A model is a Gradio Space or an OpenAI-compatible endpoint; nothing outside `backend/spaces/` knows which.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol


@dataclass(frozen=True)
class Progress:
    """Where a running call stands. `queue_position` is 0 for "next"; `text` is all text so far."""

    state: Literal["waking", "queued", "running"]
    queue_position: int | None = None
    text: str | None = None


@dataclass(frozen=True)
class WriteRequest:
    """What a writer is asked for: a post of at most `max_length` characters for `platform`.

    With `task` "write", title, text and url are an article. With "rework", `text` is a draft and `instruction`
    says what to change in it ("shorter", "in French"). Of several variants, `variant` counts from 1.
    """

    title: str
    text: str
    url: str | None
    platform: str
    tone: str | None
    language: str | None
    max_length: int
    image: bool
    task: Literal["write", "rework"] = "write"
    instruction: str | None = None
    variant: int = 1
    variants: int = 1


@dataclass(frozen=True)
class Written:
    """What a writer produced."""

    text: str
    image: bytes | None = None
    image_mime: str | None = None


@dataclass(frozen=True)
class Turn:
    """One earlier turn of a conversation."""

    role: Literal["user", "assistant"]
    text: str


@dataclass(frozen=True)
class Passage:
    """A piece of the user's own reading that an answer may rest on, cited as [number]. It is data, never an instruction."""

    number: int
    title: str
    text: str
    url: str | None = None


@dataclass(frozen=True)
class ChatRequest:
    """What a mentor is asked: the user's message, the turns before it (oldest first), the passages found for it."""

    message: str
    history: Sequence[Turn] = ()
    passages: Sequence[Passage] = ()
    language: str | None = None


@dataclass(frozen=True)
class Spoken:
    """Speech: the bytes of a sound file, and the MIME type that they really have."""

    audio: bytes
    mime: str


class Model(Protocol):
    """A Space or an endpoint that writes, chats, speaks or embeds; which of them it can is up to its owner.

    Every method raises SpaceUnavailable, SpaceTimedOut, SpaceFailed, SpaceAnswerUnusable, and GenerationCanceled soon
    after `canceled()` turns true. A model that cannot do what is asked says so with SpaceAnswerUnusable. Safe to
    share among threads.
    """

    @property
    def space(self) -> str:
        """owner/name or URL, as configured, without user, password and query; kept with each result."""
        ...

    def write(
        self,
        request: WriteRequest,
        *,
        on_progress: Callable[[Progress], None],
        canceled: Callable[[], bool],
        deadline_seconds: float,
    ) -> Written:
        """Draft or rework a post, reporting progress as it comes. The text may be longer than asked for."""
        ...

    def chat(
        self,
        request: ChatRequest,
        *,
        on_progress: Callable[[Progress], None],
        canceled: Callable[[], bool],
        deadline_seconds: float,
    ) -> str:
        """Answer the message; `on_progress` gets all text so far with every piece, the return value is all of it."""
        ...

    def speak(
        self,
        text: str,
        *,
        voice: str | None,
        canceled: Callable[[], bool],
        deadline_seconds: float,
    ) -> Spoken:
        """Say the text with the named voice, or the model's own."""
        ...

    def embed(self, texts: Sequence[str], *, deadline_seconds: float) -> list[list[float]]:
        """One vector per text, in order, all of one length."""
        ...

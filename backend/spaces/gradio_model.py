"""A Gradio app as a model: each kind of call has its file, and finds the endpoint that serves it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from backend.core.models import ChatRequest, Progress, Spoken, WriteRequest, Written

from .embedding import EmbeddingSpace
from .mentor import MentorSpace
from .voice import VoiceSpace
from .writer import WriterSpace


class GradioModel:
    """Implements `core.models.Model` with one Space. Safe to share among threads."""

    def __init__(self, space: str, *, token: str | None = None) -> None:
        self._writer = WriterSpace(space, token=token)
        self._mentor = MentorSpace(space, token=token)
        self._voice = VoiceSpace(space, token=token)
        self._embedding = EmbeddingSpace(space, token=token)

    def __repr__(self) -> str:
        return f"GradioModel({self.space!r})"

    @property
    def space(self) -> str:
        """owner/name or URL, as configured, without user, password and query."""
        return self._writer.space

    def write(
        self,
        request: WriteRequest,
        *,
        on_progress: Callable[[Progress], None],
        canceled: Callable[[], bool],
        deadline_seconds: float,
    ) -> Written:
        """See `core.models.Model.write`."""
        return self._writer.write(
            request,
            on_progress=on_progress,
            canceled=canceled,
            deadline_seconds=deadline_seconds,
        )

    def chat(
        self,
        request: ChatRequest,
        *,
        on_progress: Callable[[Progress], None],
        canceled: Callable[[], bool],
        deadline_seconds: float,
    ) -> str:
        """See `core.models.Model.chat`."""
        return self._mentor.chat(
            request,
            on_progress=on_progress,
            canceled=canceled,
            deadline_seconds=deadline_seconds,
        )

    def speak(
        self,
        text: str,
        *,
        voice: str | None,
        canceled: Callable[[], bool],
        deadline_seconds: float,
    ) -> Spoken:
        """See `core.models.Model.speak`."""
        return self._voice.speak(
            text, voice=voice, canceled=canceled, deadline_seconds=deadline_seconds
        )

    def embed(self, texts: Sequence[str], *, deadline_seconds: float) -> list[list[float]]:
        """See `core.models.Model.embed`."""
        return self._embedding.embed(texts, deadline_seconds=deadline_seconds)

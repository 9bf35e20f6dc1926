"""A Gradio app as a model: each kind of call has its file, and finds the endpoint that serves it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from backend.core.errors import SpaceAnswerUnusable
from backend.core.models import ChatRequest, Progress, Spoken, WriteRequest, Written

from .writer import WriterSpace


class GradioModel:
    """Implements `core.models.Model` with one Space. Safe to share among threads."""

    def __init__(self, space: str, *, token: str | None = None) -> None:
        self._writer = WriterSpace(space, token=token)

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
        raise SpaceAnswerUnusable(f"The Space {self.space} does not chat.")

    def speak(
        self,
        text: str,
        *,
        voice: str | None,
        canceled: Callable[[], bool],
        deadline_seconds: float,
    ) -> Spoken:
        """See `core.models.Model.speak`."""
        raise SpaceAnswerUnusable(f"The Space {self.space} does not speak.")

    def embed(self, texts: Sequence[str], *, deadline_seconds: float) -> list[list[float]]:
        """See `core.models.Model.embed`."""
        raise SpaceAnswerUnusable(f"The Space {self.space} does not embed.")

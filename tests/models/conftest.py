"""Endpoints that misbehave, and calls of a model as a test makes them."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from backend.core.models import ChatRequest, Model, Passage, Progress, WriteRequest, Written
from backend.spaces.openai_model import OpenAiModel
from tests.models import endpoint as strict
from tests.models.rigs import KEY

# Long enough for a busy machine: no test waits for it to pass.
PATIENCE_SECONDS = 60.0
SCRIPT = Path(strict.__file__)


@dataclass
class Ran:
    """A call of a model with what it reported; `cancel` cancels it, `on_progress` runs with each report."""

    progress: list[Progress] = field(default_factory=list)
    on_progress: Callable[[Progress], None] = lambda _: None
    cancel: threading.Event = field(default_factory=threading.Event)

    def write(self, model: Model, deadline_seconds: float = PATIENCE_SECONDS, **wanted: Any) -> Written:  # fmt: skip
        """A post about bridges, of which `wanted` replaces parts."""
        return model.write(
            make_request(**wanted),
            on_progress=self._note, canceled=self.cancel.is_set, deadline_seconds=deadline_seconds,
        )  # fmt: skip

    def chat(self, model: Model, deadline_seconds: float = PATIENCE_SECONDS, **asked: Any) -> str:
        """An answer about bridges, of which `asked` replaces parts."""
        request = ChatRequest(**{"message": "How many bridges were renovated?", "passages": PASSAGES, **asked})  # fmt: skip
        return model.chat(
            request,
            on_progress=self._note, canceled=self.cancel.is_set, deadline_seconds=deadline_seconds,
        )  # fmt: skip

    def _note(self, progress: Progress) -> None:
        self.progress.append(progress)
        self.on_progress(progress)

    @property
    def states(self) -> list[str]:
        return list(dict.fromkeys(progress.state for progress in self.progress))

    @property
    def texts(self) -> list[str]:
        return [progress.text for progress in self.progress if progress.text]


PASSAGES = (
    Passage(1, "Bridges of Lyon", "The city of Lyon renovated twelve bridges in 2024. The work took three years.", "https://news.example/bridges"),
    Passage(2, "A bakery", "The bakery at the corner sells bread from five in the morning.", "https://news.example/bakery"),
)  # fmt: skip


def make_request(**wanted: Any) -> WriteRequest:
    usual: dict[str, Any] = {
        "title": "Bridges of Lyon",
        "text": "The city of Lyon renovated twelve bridges in 2024. The work took three years. "
        "It cost less than planned, because the steel came from old ships.",
        "url": "https://news.example/bridges",
        "platform": "linkedin",
        "tone": "warm",
        "language": "en",
        "max_length": 3000,
        "image": False,
    }
    return WriteRequest(**{**usual, **wanted})


@pytest.fixture
def ran() -> Ran:
    return Ran()


@pytest.fixture
def endpoint() -> Iterator[strict.Endpoint]:
    """A strict endpoint that wants KEY."""
    with strict.Endpoint() as running:
        running.key = KEY
        yield running


@pytest.fixture
def model(endpoint: strict.Endpoint) -> OpenAiModel:
    """A model behind the strict endpoint, named and with its key."""
    return OpenAiModel(f"{endpoint.url}#{strict.MODEL}", key=KEY)


@pytest.fixture
def silent_url() -> Iterator[str]:
    """The URL of a server that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/v1"


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port where nobody listens, until a server that reuses addresses does; nobody else gets it."""
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


@pytest.fixture
def endpoint_process(closed_port: int) -> Iterator[subprocess.Popen[str]]:
    """A process whose endpoint, on the closed port, says one word of its first answer and then waits."""
    command = [sys.executable, str(SCRIPT), str(closed_port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stdout.readline()
        yield process
        process.kill()

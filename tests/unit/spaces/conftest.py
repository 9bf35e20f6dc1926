"""A process with many small Gradio apps, and plain servers that are no Space at all."""

from __future__ import annotations

import multiprocessing
import socket
import threading
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from backend.core.models import ChatRequest, Model, Passage, Progress, WriteRequest, Written
from backend.spaces import connect
from backend.spaces.writer import WriterSpace
from tests.unit.spaces.apps_process import AppsManager, end_with_the_tests


@dataclass
class Ran:
    """A call of a writer Space as a test makes it, with what it reported."""

    progress: list[Progress] = field(default_factory=list)
    on_progress: Callable[[Progress], None] = lambda _: None
    cancel: threading.Event = field(default_factory=threading.Event)

    def write(
        self, writer: WriterSpace | Model, deadline_seconds: float = 30, **wanted: Any
    ) -> Written:
        """Run the writer with a request of which `wanted` replaces parts."""
        return writer.write(
            make_request(**wanted),
            on_progress=self._note,
            canceled=self.cancel.is_set,
            deadline_seconds=deadline_seconds,
        )

    def chat(self, model: Model, message: str, deadline_seconds: float = 30, **wanted: Any) -> str:
        """Ask the mentor, with one passage unless `wanted` has others."""
        usual: dict[str, Any] = {"passages": [PASSAGE]}
        return model.chat(
            ChatRequest(message, **{**usual, **wanted}),
            on_progress=self._note,
            canceled=self.cancel.is_set,
            deadline_seconds=deadline_seconds,
        )

    def _note(self, progress: Progress) -> None:
        self.progress.append(progress)
        self.on_progress(progress)

    @property
    def states(self) -> list[str]:
        return list(dict.fromkeys(progress.state for progress in self.progress))


PASSAGE = Passage(
    1, "Bridges of Lyon", "The city renovated twelve bridges.", "https://news.example/b"
)


def make_request(**wanted: Any) -> WriteRequest:
    usual: dict[str, Any] = {
        "title": "Bridges of Lyon",
        "text": "The city of Lyon renovated twelve bridges in 2024.",
        "url": "https://news.example/bridges",
        "platform": "linkedin",
        "tone": "warm",
        "language": "fr",
        "max_length": 3000,
        "image": True,
    }
    return WriteRequest(**{**usual, **wanted})


@pytest.fixture
def ran() -> Ran:
    return Ran()


@pytest.fixture
def title() -> str:
    """A name no other test uses, to follow one call through a shared app."""
    return uuid.uuid4().hex


@pytest.fixture(scope="package")
def apps(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A proxy of `gradio_apps.Apps`."""
    import gradio_client  # noqa: F401  # takes seconds on a busy machine, which no test's deadline has

    folder = tmp_path_factory.mktemp("spaces")
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("GRADIO_ANALYTICS_ENABLED", "False")
        environment.setenv("GRADIO_TEMP_DIR", str(folder / "gradio"))
        environment.setenv("HF_HUB_OFFLINE", "1")
        manager = AppsManager(ctx=multiprocessing.get_context("spawn"))
        manager.start(initializer=end_with_the_tests)
    try:
        yield manager.Apps(str(folder))
    finally:
        manager.shutdown()


@pytest.fixture
def writer(apps: Any) -> Callable[[str], WriterSpace]:
    """The writer for one of the apps by its path."""
    return lambda path: WriterSpace(f"{apps.url()}/{path}")


@pytest.fixture
def model(apps: Any) -> Callable[[str], Model]:
    """The model behind one of the apps by its path."""
    return lambda path: connect(f"{apps.url()}/{path}")


@pytest.fixture
def connected() -> Callable[[str], Model]:
    """The model at a URL."""
    return connect


@dataclass
class PlainServer:
    """An HTTP server that gives every request the same answer, and keeps what it was sent."""

    url: str
    requests: list[dict[str, str]]
    answer: Callable[[str], tuple[int, bytes]]


@pytest.fixture
def plain_server() -> Iterator[Callable[[Callable[[str], tuple[int, bytes]]], PlainServer]]:
    """Starts servers whose answer (status, body) is told per path."""
    running: list[ThreadingHTTPServer] = []

    def start(answer: Callable[[str], tuple[int, bytes]]) -> PlainServer:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                plain.requests.append(
                    {"path": self.path, **{k.lower(): v for k, v in self.headers.items()}}
                )
                status, body = plain.answer(self.path)
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.send_header(
                    "Content-Type", "application/json" if body[:1] == b"{" else "text/html"
                )
                self.end_headers()
                self.wfile.write(body)

            def do_POST(self) -> None:
                self.do_GET()

            def log_message(self, *_: object) -> None:
                """Nothing: the tests read `requests`."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        plain = PlainServer(f"http://127.0.0.1:{server.server_port}", [], answer)
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        running.append(server)
        return plain

    yield start
    for server in running:
        server.shutdown()
        server.server_close()


@pytest.fixture
def silent_url() -> Iterator[str]:
    """The URL of a server that takes connections and never says a word."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(16)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


@pytest.fixture
def free_port() -> int:
    """A port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])

"""Small real Gradio apps of the shapes that Spaces have, and apps that misbehave on request."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import os
import socket
import threading
from collections import deque
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, Literal
from unittest import mock

import uvicorn
from fastapi import FastAPI, Request, Response
from PIL import Image

from local.space.quick_gradio import gradio as gr
from tests.unit.spaces.embedding_apps import embedding_apps
from tests.unit.spaces.mentor_apps import mentor_apps
from tests.unit.spaces.voice_apps import voice_apps

POST = "The city renovated twelve bridges."
RED = (200, 10, 10)
TOO_LONG_TEXT = 100_001
TOO_LARGE_FILE = 20 * 1024 * 1024 + 1


class Control:
    """How tests steer and watch the apps: gates they wait at, what they received."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.received: deque[dict[str, Any]] = deque(maxlen=200)
        self.headers: deque[dict[str, str]] = deque(maxlen=2000)
        self.deaf = False
        self._gates: dict[str, threading.Event] = {}
        self._stopped: dict[str, threading.Event] = {}
        self._lock = threading.Lock()

    def gate(self, name: str) -> threading.Event:
        """Set by a test to let the call titled `name` go on."""
        with self._lock:
            return self._gates.setdefault(name, threading.Event())

    def stopped(self, name: str) -> threading.Event:
        """Set when the Space stopped working on the call titled `name`, by finishing or by being cancelled."""
        with self._lock:
            return self._stopped.setdefault(name, threading.Event())

    async def wait_at(self, name: str) -> None:
        gate = self.gate(name)
        while not gate.is_set():
            await asyncio.sleep(0.005)


class Apps:
    """All apps behind uvicorn in a thread. Lives in a process of its own: tests hold a proxy of it.

    (Gradio warns and leaves event loops open, which the tests of our own code do not tolerate.)
    """

    def __init__(self, folder: str) -> None:
        os.chdir(folder)  # Gradio hands out files below the working directory
        self._control = Control(Path(folder))
        self._app = build_apps(self._control)
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, daemon=True).start()
        self._doors: dict[str, uvicorn.Server] = {}
        self._url = self._open("on", 0)

    def url(self) -> str:
        return self._url

    def open_gate(self, name: str) -> None:
        self._control.gate(name).set()

    def wait_stopped(self, name: str, seconds: float) -> bool:
        return self._control.stopped(name).wait(seconds)

    def received(self) -> list[dict[str, Any]]:
        return list(self._control.received)

    def headers(self) -> list[dict[str, str]]:
        """The headers of each request, with its path as `path`."""
        return list(self._control.headers)

    def forget_headers(self) -> None:
        self._control.headers.clear()

    def set_deaf(self, deaf: bool) -> None:
        """Whether to ignore every request to cancel."""
        self._control.deaf = deaf

    def door(self, port: int = 0) -> str:
        """The URL of another server of the same apps."""
        return self._open("off", port)

    def serve(self, source: str) -> str:
        """The URL of another server, with the `app` that this program makes."""
        made: dict[str, Any] = {}
        exec(source, made)  # noqa: S102  # the examples of our own guide
        server = gr.mount_gradio_app(FastAPI(), made["app"], path="/", ssr_mode=False)
        return self._open("on", 0, server)

    def slam(self, url: str) -> None:
        """Cut all connections of a door and open it no more."""
        door = self._doors.pop(url)

        async def cut() -> None:
            for listening in door.servers:
                listening.close()
            for connection in list(door.server_state.connections):
                connection.transport.abort()
            door.should_exit = True

        asyncio.run_coroutine_threadsafe(cut(), self._loop).result(5)

    def _open(self, lifespan: Literal["on", "off"], port: int, app: FastAPI | None = None) -> str:
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        config = uvicorn.Config(
            app or self._app, lifespan=lifespan, log_level="critical", ws="none", loop="none"
        )
        self._doors[url] = server = _Server(config)
        asyncio.run_coroutine_threadsafe(server.serve(sockets=[listener]), self._loop)
        if not server.open.wait(30):
            raise TimeoutError("the apps did not start")
        return url


class _Server(uvicorn.Server):
    """Says when it is open, and leaves signals to the main thread."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.open = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.open.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def picture() -> Image.Image:
    return Image.new("RGB", (8, 6), RED)


def build_apps(control: Control) -> FastAPI:
    """One server with an app per path."""
    server = FastAPI()
    attention = _Attention()

    @server.middleware("http")
    async def watch(request: Request, call_next: Any) -> Response:
        control.headers.append({"path": request.url.path, **dict(request.headers)})
        attention.turn_to(request.url.path.split("/")[1])
        if control.deaf and request.url.path.endswith(("/cancel", "/reset")):
            return Response("{}", media_type="application/json")
        answer: Response = await call_next(request)
        return answer

    # Gradio makes each app a server while it is put together, twice, and mounting makes it the one it has in the end: two
    # thirds of the time that all of them take.
    with mock.patch.object(gr.routes.App, "create_app", return_value=FastAPI()):
        apps = {
            **shapes(control),
            **mentor_apps(control),
            **voice_apps(control.received, control.folder),
            **embedding_apps(control.received),
            "acting": acting(control),
            "one": one_at_a_time(control),
            # Hugging Face serves each Space at the root of a host of its own.
            "": acting(control),
        }
    for name, blocks in apps.items():
        attention.add(name, blocks)
        server = gr.mount_gradio_app(server, blocks, path=f"/{name}", ssr_mode=False)
    return server


class _Attention:
    """Each app looks for new calls a thousand times a second, and for progress ten times, which for all of them is most of a
    core. The one that was asked last does that; the others look now and then."""

    def __init__(self) -> None:
        self._apps: dict[str, gr.Blocks] = {}
        self._awake = ""

    def add(self, name: str, blocks: gr.Blocks) -> None:
        self._apps[name] = blocks
        blocks._queue.sleep_when_free, blocks._queue.progress_update_sleep_when_free = 0.2, 1.0

    def turn_to(self, name: str) -> None:
        name = name if name in self._apps else ""
        if name != self._awake:
            self._apps[self._awake]._queue.sleep_when_free = 0.2
            self._awake = name
        self._apps[name]._queue.sleep_when_free = 0.01


def shapes(control: Control) -> dict[str, gr.Blocks]:
    """Apps that answer at once, each with other inputs or outputs."""
    folder = control.folder
    (folder / "post.txt").write_text(POST, encoding="utf-8")
    (folder / "fake.png").write_text("<html>no image</html>")
    with (folder / "huge.png").open("wb") as huge:
        huge.truncate(TOO_LARGE_FILE)
    picture().save(folder / "red.png")
    encoded = base64.b64encode((folder / "red.png").read_bytes()).decode()

    def interface(answer: Any, outputs: Any, **options: Any) -> gr.Blocks:
        def predict(prompt: str) -> Any:
            control.received.append({"prompt": prompt})
            return answer

        return gr.Interface(predict, gr.Textbox(label="prompt"), outputs, **options)

    def with_photo(prompt: str, photo: Any) -> str:
        return prompt

    text = gr.Textbox
    as_dict = {"post": POST, "image": f"data:image/png;base64,{encoded}", "score": 3}
    messages = [
        {"role": "user", "content": "Write!"},
        {"role": "assistant", "content": POST},
    ]
    return {
        "text": interface(POST, text()),
        "pair": interface((POST, picture()), [text(), gr.Image(format="png")]),
        "swapped": interface((picture(), POST), [gr.Image(format="jpeg"), text()]),
        "labelled": interface(("ok", "Bridges", POST), [text(label=n) for n in ("status", "title", "post")]),
        "file": interface(str(folder / "post.txt"), gr.File()),
        "text_and_file": interface((POST, str(folder / "red.png")), [text(), gr.File()]),
        "gallery": interface((POST, [(picture(), "a caption")]), [text(), gr.Gallery(format="png")]),
        "dict": interface(as_dict, gr.JSON()),
        "messages": interface(messages, gr.Chatbot()),
        "number_only": gr.Interface(lambda n: n, gr.Number(), gr.Number()),
        "needs_picture": gr.Interface(with_photo, [text(), gr.Image()], text()),
        "dict_without_text": interface({"score": 3}, gr.JSON()),
        "fake_image": interface((POST, str(folder / "fake.png")), [text(), gr.File()]),
        "huge_image": interface((POST, str(folder / "huge.png")), [text(), gr.File()]),
        "long": interface("x" * TOO_LONG_TEXT, text()),
        "nothing": interface(None, text()),
        "blank": interface(" \x00\r\n\r\n ", text()),
        "untidy": interface("  One.\r\n\r\n\r\n\r\nTwo.\x00  ", text()),
        "fields": fields(control),
        "chat": chat(control, multimodal=False),
        "multimodal": chat(control, multimodal=True),
        "context": context(control),
    }  # fmt: skip


def fields(control: Control) -> gr.Blocks:
    """Separate inputs with choices and limits, the endpoint neither first nor called /write."""

    def generate(
        headline: str, article: str, link: str, network: str, tone: str, language: str, length: int,
        include_image: bool, temperature: float,
    ) -> str:  # fmt: skip
        received = {"headline": headline, "article": article, "link": link, "network": network}
        received |= {"tone": tone, "language": language, "length": length}
        control.received.append(
            received | {"include_image": include_image, "temperature": temperature}
        )
        return POST

    with gr.Blocks() as blocks:
        number = gr.Number()
        number.change(lambda n: n, number, number, api_name="count")
        inputs = [
            gr.Textbox(label="Headline"),
            gr.Textbox(label="Article"),
            gr.Textbox(label="Link"),
            gr.Dropdown(["X", "LinkedIn"], label="Network"),
            gr.Radio(["Formal", "Warm"], label="Tone", value="Formal"),
            gr.Dropdown(["English", "Français"], label="Language", value="English"),
            gr.Slider(50, 500, value=100, label="Length"),
            gr.Checkbox(label="Include image", value=False),
            gr.Slider(0, 2, value=0.7, label="Temperature"),
        ]
        gr.Button().click(generate, inputs, gr.Textbox(label="Post"), api_name="generate")
    return blocks


def context(control: Control) -> gr.Blocks:
    """A prompt and a text apart from each other."""

    def answer(question: str, context: str) -> str:
        control.received.append({"question": question, "context": context})
        return POST

    return gr.Interface(
        answer, [gr.Textbox(label="Question"), gr.Textbox(label="Context")], gr.Textbox()
    )


def chat(control: Control, *, multimodal: bool) -> gr.Blocks:
    """A ChatInterface that streams its answer word by word."""

    def respond(message: Any, history: list[Any]) -> Iterator[str]:
        control.received.append({"message": message})
        said = ""
        for word in POST.split():
            said = f"{said} {word}".strip()
            yield said

    return gr.ChatInterface(respond, multimodal=multimodal)


def acting(control: Control) -> gr.Blocks:
    """An endpoint that does what the first word of the title says."""
    return _behaving(control, concurrency=4)


def one_at_a_time(control: Control) -> gr.Blocks:
    """The same, with a queue that lets one call run."""
    return _behaving(control, concurrency=1)


def _behaving(control: Control, concurrency: int) -> gr.Blocks:
    async def write(title: str, text: str) -> AsyncIterator[str]:
        act = title.split()[0]
        try:
            if act == "fail":
                raise gr.Error(text, print_exception=False)
            if act == "crash":
                raise RuntimeError("secret internals")
            if act == "stream":
                words = POST.split()
                for end in range(1, len(words)):
                    yield " ".join(words[:end])
                    await asyncio.sleep(0.06)
            if act == "half":
                yield POST[:8]
            if act in ("wait", "half"):
                await control.wait_at(title)
            yield POST
        finally:
            control.stopped(title).set()

    with gr.Blocks() as blocks:
        inputs = [gr.Textbox(label="Title"), gr.Textbox(label="Text")]
        gr.Button().click(
            write, inputs, gr.Textbox(label="Post"), api_name="write", concurrency_limit=concurrency
        )
    return blocks

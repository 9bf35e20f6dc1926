"""A strict OpenAI-compatible endpoint for tests, in a thread or (`python endpoint.py PORT`) in a process of its own.

It takes what the API takes and nothing else, and knows one model. What it is told to do instead, it does once.
"""

from __future__ import annotations

import contextlib
import io
import json
import math
import socket
import struct
import sys
import threading
import wave
import zlib
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any

MODEL = "small-1"
DIMENSIONS = 64
ANSWER = "Lyon renovated twelve bridges [1]. The work took three years and cost less than planned."
_FIELDS = {
    "/v1/chat/completions": {"model", "messages", "stream"},
    "/v1/embeddings": {"model", "input", "encoding_format"},
    "/v1/audio/speech": {"model", "input", "voice", "response_format"},
}


@dataclass(frozen=True)
class Received:
    """A request as it came."""

    path: str
    headers: dict[str, str]
    body: Any


class Refused(Exception):
    """A request that the API does not allow."""


Act = Callable[["Handler"], None]


class Handler(BaseHTTPRequestHandler):
    """One connection. Acts use `reply`, `begin`, `piece`, `end` and `await_departure`."""

    protocol_version = "HTTP/1.1"
    server: _Server
    received: Received

    def do_GET(self) -> None:
        self._serve(None)

    def do_POST(self) -> None:
        self._serve(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

    def _serve(self, body: Any) -> None:
        endpoint = self.server.endpoint
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.received = Received(self.path, headers, body)
        endpoint.requests.append(self.received)
        act = endpoint.acts.popleft() if endpoint.acts else behave
        with contextlib.suppress(ConnectionError):
            act(self)

    def reply(self, status: int, body: object, kind: str = "application/json", **headers: str) -> None:  # fmt: skip
        """One whole answer; anything but bytes is sent as JSON."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(content)

    def refuse(self, status: int, message: str, code: str | None = None, **headers: str) -> None:
        """An error in the API's shape."""
        error = {"message": message, "type": "invalid_request_error", "param": None, "code": code}
        self.reply(status, {"error": error}, **headers)

    def begin(self) -> None:
        """The head of a stream."""
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream; charset=utf-8")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()

    def raw(self, content: bytes) -> None:
        """Some bytes of a stream."""
        self.wfile.write(b"%x\r\n%s\r\n" % (len(content), content))

    def piece(self, content: object = None, **choice: object) -> None:
        """A chunk of a completion."""
        delta = {} if content is None else {"content": content}
        self.event({"object": "chat.completion.chunk", "choices": [{"index": 0, "delta": delta, "finish_reason": None, **choice}]})  # fmt: skip

    def event(self, told: object) -> None:
        """Any JSON as an event."""
        self.raw(b"data: " + json.dumps(told).encode() + b"\n\n")

    def end(self) -> None:
        """The regular end of a stream."""
        self.piece(finish_reason="stop")
        self.raw(b"data: [DONE]\n\n")
        self.raw(b"")

    def drop(self) -> None:
        """Break the connection."""
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def await_departure(self) -> None:
        """Say nothing more until the other side has closed the connection; the endpoint's `left` tells."""
        self.close_connection = True
        with contextlib.suppress(ConnectionError):
            self.connection.recv(1)
        self.server.endpoint.left.set()

    def log_message(self, *_: object) -> None:
        """Nothing: tests read `requests`."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    # of connections that tests broke on purpose nothing is left to join
    block_on_close = False
    endpoint: Endpoint

    def handle_error(self, *_: object) -> None:
        """Nothing: tests break connections on purpose."""


class Endpoint:
    """A running endpoint at `url`. `acts` are done instead of behaving, one per request; `key` is the one it wants."""

    def __init__(self, port: int = 0) -> None:
        self.requests: list[Received] = []
        self.acts: deque[Act] = deque()
        self.left = threading.Event()
        self.key: str | None = None
        self._server = _Server(("127.0.0.1", port), Handler)
        self._server.endpoint = self
        self.url = f"http://127.0.0.1:{self._server.server_port}/v1"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))

    def __enter__(self) -> Endpoint:
        self._thread.start()
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:  # fmt: skip
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def sent_to(self, path: str) -> list[Received]:
        """What came for one path."""
        return [one for one in self.requests if one.path == path]


def behave(handler: Handler) -> None:
    """Serve the API, or say what is wrong with the request."""
    received, key = handler.received, handler.server.endpoint.key
    if key and received.headers.get("authorization") != f"Bearer {key}":
        handler.refuse(401, "Incorrect API key provided.", "invalid_api_key")
        return
    if received.path == "/v1/models":
        handler.reply(200, {"object": "list", "data": [{"id": MODEL, "object": "model"}]})
        return
    serve = _SERVED.get(received.path)
    if serve is None:
        handler.reply(404, {"detail": "Not Found"})
        return
    if received.body.get("model") != MODEL:
        handler.refuse(404, f"The model `{received.body.get('model')}` does not exist", "model_not_found")  # fmt: skip
        return
    unknown = received.body.keys() ^ _FIELDS[received.path]
    if unknown:
        handler.refuse(400, f"Missing or unknown: {sorted(unknown)}")
        return
    try:
        serve(handler, received.body)
    except Refused as refused:
        handler.refuse(400, str(refused))


def _complete(handler: Handler, body: Any) -> None:
    roles = [message["role"] for message in body["messages"]]
    spoken = roles[1:] if roles[:1] == ["system"] else roles
    if spoken != [("user", "assistant")[place % 2] for place in range(len(spoken))]:
        raise Refused("Conversation roles must alternate user/assistant/user/assistant/...")
    if spoken[-1] != "user" or body["stream"] is not True:
        raise Refused("The last message must be the user's, and the answer be streamed.")
    handler.begin()
    handler.piece("", delta={"role": "assistant", "content": ""})
    for word in words():
        handler.piece(word)
    handler.end()


def words() -> Iterator[str]:
    """The answer in the pieces that are streamed."""
    for number, word in enumerate(ANSWER.split()):
        yield f" {word}" if number else word


def _embed(handler: Handler, body: Any) -> None:
    if body["encoding_format"] != "float" or not all(body["input"]) or len(body["input"]) > 32:
        raise Refused("At most 32 texts, none empty, as floats.")
    data = [
        {"object": "embedding", "index": place, "embedding": vector_of(text)}
        for place, text in enumerate(body["input"])
    ]
    # by index, not by place: the API promises no order
    handler.reply(200, {"object": "list", "data": data[::-1], "model": MODEL})


def vector_of(text: str) -> list[float]:
    """Which words a text has, so that texts that share words are near."""
    vector = [0.0] * DIMENSIONS
    for word in text.casefold().split():
        vector[zlib.crc32(word.strip(".,!?").encode()) % DIMENSIONS] += 1.0
    length = math.hypot(*vector) or 1.0
    return [number / length for number in vector]


def _speak(handler: Handler, body: Any) -> None:
    if body["response_format"] not in ("mp3", "wav") or not body["voice"] or not body["input"]:
        raise Refused("A voice, an input and a format are needed.")
    handler.reply(200, sound(0.05 * len(body["input"])), "audio/wav")


def sound(seconds: float) -> bytes:
    """A WAV file with a tone."""
    content, rate = io.BytesIO(), 8000
    samples = (int(9000 * math.sin(at * 440 * math.tau / rate)) for at in range(int(seconds * rate)))  # fmt: skip
    with wave.open(content, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(b"".join(struct.pack("<h", sample) for sample in samples))
    return content.getvalue()


_SERVED: dict[str, Callable[[Handler, Any], None]] = {
    "/v1/chat/completions": _complete,
    "/v1/embeddings": _embed,
    "/v1/audio/speech": _speak,
}


def one_word_and_silence(handler: Handler) -> None:
    """Begin an answer and leave it at that."""
    handler.begin()
    handler.piece("Lyon.")
    handler.await_departure()


if __name__ == "__main__":
    with Endpoint(int(sys.argv[1])) as served:
        served.acts.append(one_word_and_silence)
        print(served.url, flush=True)
        threading.Event().wait()

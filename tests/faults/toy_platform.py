"""A small social network for tests of several platforms: a strict server that keeps count, and Lin's platform for it."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Sequence
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any

from pydantic import BaseModel, ConfigDict

from backend.core.errors import NoAnswer, OutcomeUnknown, Reconnect, Rejected, TryLater
from backend.core.platform_contract import (
    Content,
    Granted,
    Identity,
    Notes,
    Part,
    Published,
    Rendering,
    Tokens,
    Violation,
)
from backend.core.ports import PlatformDoor
from backend.core.retries import retry_after_seconds
from backend.settings import PlatformSettings

LIMITS = {"text": {"max": 500, "counted": "characters"}, "media": {"mixed": False}}


class ToyServer:
    """Takes notes at POST /notes from members whose token is their name. What shall go wrong is set while it runs:

    `status` instead of taking the note; `silent`: no answer at all; `hold()`: no answer until `release()`; `quota`: what
    each of these members may still post, then 429 with `retry_after`.
    """

    def __init__(self) -> None:
        self.status: int | None = None
        self.silent = False
        self.quota: dict[str, int] = {}
        self.retry_after = 60
        self.taken: list[tuple[str, str]] = []
        self.calls: list[str] = []
        self.wrong: list[str] = []
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._free = threading.Event()
        self._free.set()
        self._http = _Http(self)
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}"
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,))

    def __enter__(self) -> ToyServer:
        self._thread.start()
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:  # fmt: skip
        self._over.set()
        self._free.set()
        self._http.shutdown()
        self._thread.join()
        self.stop()

    def hold(self) -> None:
        """Take notes, and answer later."""
        self._free.clear()

    def release(self) -> None:
        """Answer now."""
        self._free.set()

    def stop(self) -> None:
        """Close the door: connections are refused from now on."""
        self._http.server_close()

    def answer(self, path: str, token: str, body: Any) -> tuple[int, dict[str, str]] | None:
        """Status and headers for one request; None: never."""
        if path != "/notes" or not token or not isinstance(body, dict) or set(body) != {"text"}:
            self.wrong.append(f"{path} {body}")
            return 400, {}
        with self._lock:
            self.calls.append(token)
            left = self.quota.get(token, 1)
            if self.silent or self.status or left == 0:
                taken = None
            else:
                self.quota[token] = left - 1 if token in self.quota else 1
                self.taken.append((token, body["text"]))
                taken = len(self.taken)
        (self._over if self.silent else self._free).wait()
        if self._over.is_set():
            return None
        if taken is None:
            return (
                (429, {"Retry-After": str(self.retry_after)})
                if left == 0
                else (self.status or 500, {})
            )
        return 201, {"Note": f"note-{taken}"}


class _Http(ThreadingHTTPServer):
    """Each request on a thread of its own."""

    daemon_threads = False
    request_queue_size = 128

    def __init__(self, toy: ToyServer) -> None:
        self.toy = toy
        super().__init__(("127.0.0.1", 0), _Handler)


class _Handler(BaseHTTPRequestHandler):
    """Reads the whole request, then asks the toy."""

    server: _Http

    def do_POST(self) -> None:
        data = self.rfile.read(int(self.headers["Content-Length"]))
        token = self.headers.get("Authorization", "").removeprefix("Bearer ")
        answer = self.server.toy.answer(self.path, token, json.loads(data))
        self.close_connection = True
        if answer is not None:
            self.send_response(answer[0])
            for name, value in {"Content-Length": "0", **answer[1]}.items():
                self.send_header(name, value)
            self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Silent."""


class Hole:
    """An address that swallows connections: nobody takes them, and the queue is full."""

    def __init__(self) -> None:
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=0)
        self._filling = [socket.socket() for _ in range(4)]
        for one in self._filling:
            one.setblocking(False)
            one.connect_ex(self._listening.getsockname())
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}"

    def close(self) -> None:
        for one in (*self._filling, self._listening):
            one.close()


class NoOptions(BaseModel):
    """A note has none."""

    model_config = ConfigDict(extra="forbid")


class Toy:
    """Lin's side of it: a whole platform in one class, as backend/platforms/ADDING.md asks for it."""

    def __init__(self, name: str, door: PlatformDoor, url: str) -> None:
        self.name = name
        self.url = url
        self._door = door

    Settings = PlatformSettings
    Options = NoOptions
    pictures = None
    one_consent = False
    configured = True
    scopes = ("write",)

    def authorization_url(self, *, state: str, redirect_uri: str, verifier: str) -> str:
        raise NotImplementedError("nobody signs in here")

    def exchange_code(
        self, *, code: str, redirect_uri: str, verifier: str, now: datetime
    ) -> Tokens:
        raise NotImplementedError("nobody signs in here")

    def refresh(self, tokens: Tokens, *, now: datetime) -> Tokens:
        raise Reconnect("Tokens last for ever.", error_class="no_refresh")

    def accounts(self, tokens: Tokens) -> Sequence[Granted]:
        return [Granted(Identity(tokens.access_token, tokens.access_token), tokens)]

    def profile(self, tokens: Tokens, identity: Identity) -> Identity:
        return identity

    def revoke(self, tokens: Tokens) -> None:
        """Tokens last for ever."""

    def render(self, content: Content) -> Rendering:
        return Rendering((Part(content.text, len(content.text), 500),))

    def violations(self, content: Content) -> Sequence[Violation]:
        return [] if content.text else [Violation("text", "A note has a text.")]

    def prepare(
        self, tokens: Tokens, identity: Identity, content: Content, notes: Notes
    ) -> dict[str, str]:
        return {"text": content.text}

    def publish(self, tokens: Tokens, prepared: Any, notes: Notes) -> Published:
        """Only 201 is a yes, only 4xx a no."""
        headers = {"Authorization": f"Bearer {tokens.access_token}"}
        answer = self._door.send("POST", f"{self.url}/notes", headers=headers, json=prepared)
        status = answer.status
        if status == 201:
            if "Note" not in answer.headers:
                raise NoAnswer("It does not say which note.")
            return Published(answer.headers["Note"], None, http_status=status)
        if status == 429:
            after = retry_after_seconds(
                answer.headers.get("Retry-After"), datetime.now().astimezone()
            )
            raise TryLater(
                "Too many notes.",
                error_class="throttled",
                after=after,
                whole_account=True,
                http_status=status,
            )
        if 400 <= status < 500:
            raise Rejected("Not taken.", error_class="invalid", http_status=status)
        raise OutcomeUnknown("It broke.", error_class="server_error", http_status=status)

"""A stretch of wire that understands HTTP: it knows each call by its path and can hold it, lose it or answer it itself.

A rule is about calls whose path matches a pattern, all or only those that name something (a target's id, a token), either
before they are forwarded or after they were carried out and before the caller learns of it. So every instant of publishing can be
reached from outside, without a hook in the product.
"""

from __future__ import annotations

import contextlib
import http.client
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

import h11

Headers = list[tuple[str, str]]
_OF_ONE_HOP = ("connection", "content-length", "keep-alive", "transfer-encoding")
_NEVER = 60.0


@dataclass(frozen=True)
class Call:
    """A request as it came, and when."""

    method: str
    path: str
    headers: Headers
    body: bytes
    at: float


@dataclass(frozen=True)
class Reply:
    """An answer. `promised` says a length that the body does not reach: half an answer."""

    status: int
    body: bytes = b""
    headers: Headers = field(default_factory=lambda: [("content-type", "application/json")])
    promised: int | None = None


class Lost(Exception):
    """The connection ends here, without an answer."""


class Rule:
    """What happens to calls that match, `times` times (None: always). `answered`: after they were carried out."""

    def __init__(
        self, path: str, *, naming: str = "", answered: bool = False, times: int | None = 1
    ) -> None:
        self.path = path
        self._naming = naming.encode()
        self._times = times
        self._lock = threading.Lock()
        self.answered = answered
        self.met = 0
        self.is_over = threading.Event()

    def takes(self, call: Call, reply: Reply | None) -> bool:
        """Whether this call is meant; counts it."""
        told = "\n".join((call.path, *(value for _, value in call.headers)))
        said = told.encode() + call.body + (reply.body if reply else b"")
        if not fnmatchcase(call.path, self.path) or self._naming not in said:
            return False
        with self._lock:
            if self._times == self.met:
                return False
            self.met += 1
            return True

    def act(self, wire: WatchedWire, reply: Reply | None) -> Reply | None:
        """Returns the answer that the caller gets instead, None for the real one. Raises Lost."""
        raise NotImplementedError


class Stop(Rule):
    """Holds the first such call until the test says what becomes of it. `asleep`: its caller is stopped at that instant."""

    def __init__(
        self, path: str, *, naming: str = "", answered: bool = False, asleep: bool = False
    ) -> None:
        super().__init__(path, naming=naming, answered=answered)
        self._asleep = asleep
        self._came = threading.Event()
        self._goes = threading.Event()
        self._is_lost = False
        self._wire: WatchedWire | None = None

    def act(self, wire: WatchedWire, reply: Reply | None) -> Reply | None:
        if self._asleep:
            wire.put_caller_to_sleep()
        self._wire = wire
        self._came.set()
        self._goes.wait(_NEVER)
        if self._is_lost:
            raise Lost
        return None

    def reached(self, seconds: float = 20) -> WatchedWire:
        """Wait until a call is held; the wire that it is on."""
        assert self._came.wait(seconds), f"no call came to {self.path} within {seconds:g} s"
        assert self._wire is not None
        return self._wire

    def over(self, seconds: float = 20) -> None:
        """Wait until the caller has the answer of the call that was held."""
        assert self.is_over.wait(seconds), f"the call to {self.path} got no answer"

    def go_on(self) -> None:
        """Forward the call, or deliver its answer."""
        self._goes.set()

    def lose(self) -> None:
        """End its connection instead."""
        self._is_lost = True
        self._goes.set()


class Lose(Rule):
    """Ends the connection."""

    def act(self, wire: WatchedWire, reply: Reply | None) -> Reply | None:
        raise Lost


class Instead(Rule):
    """Another answer, after so many seconds."""

    def __init__(self, path: str, reply: Reply | None, *, after: float = 0, **more: Any) -> None:
        super().__init__(path, **more)
        self._reply = reply
        self._after = after

    def act(self, wire: WatchedWire, reply: Reply | None) -> Reply | None:
        wire.wait(self._after)
        return self._reply


class Meanwhile(Rule):
    """Something that happens at this very moment, while the call waits."""

    def __init__(self, path: str, deed: Callable[[], None], **more: Any) -> None:
        super().__init__(path, **more)
        self._deed = deed

    def act(self, wire: WatchedWire, reply: Reply | None) -> Reply | None:
        self._deed()
        return None


class Rules:
    """Rules that several wires share."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rules: list[Rule] = []

    def add(self, *rules: Rule) -> None:
        with self._lock:
            self._rules += rules

    def drop(self, *rules: Rule) -> None:
        with self._lock:
            self._rules = [rule for rule in self._rules if rule not in rules]

    def apply(
        self, wire: WatchedWire, call: Call, reply: Reply | None, met: list[Rule]
    ) -> Reply | None:
        """Carry out all that take this call, and note them; several may be about one. The answer of the last counts."""
        with self._lock:
            rules = [rule for rule in self._rules if rule.answered == (reply is not None)]
        instead = None
        for rule in rules:
            if rule.takes(call, reply):
                met.append(rule)
                instead = rule.act(wire, reply) or instead
        return instead


class WatchedWire:
    """Forwards HTTP to `target` (a URL), notes each call, and does what the rules say."""

    def __init__(self, target: str, rules: Rules) -> None:
        parts = urlsplit(target)
        self._target = (parts.hostname or "", parts.port or 80)
        self._rules = rules
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=64)
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._accept)
        self.calls: list[Call] = []
        self.answered: list[Call] = []
        self.under_way = 0
        self.put_caller_to_sleep: Callable[[], None] = lambda: None
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}"

    def __enter__(self) -> WatchedWire:
        self._thread.start()
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:  # fmt: skip
        self._ended.set()
        with contextlib.suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        with self._lock:
            left = list(self._open)
        for near in left:
            with contextlib.suppress(OSError):
                near.shutdown(socket.SHUT_RDWR)
        self._thread.join()

    def wait(self, seconds: float) -> None:
        """Let time pass, but no longer than this wire lives."""
        self._ended.wait(seconds)

    def since(self, moment: float) -> list[Call]:
        """The calls that came after this moment of the monotonic clock."""
        return [call for call in self.calls if call.at > moment]

    def _accept(self) -> None:
        threads: list[threading.Thread] = []
        while not self._ended.is_set():
            try:
                near = self._listening.accept()[0]
            except OSError:
                break
            with self._lock:
                self._open.add(near)
            threads.append(threading.Thread(target=self._serve, args=(near,), daemon=True))
            threads[-1].start()
        for thread in threads:
            thread.join(5)  # one that a test still holds is left to end with the process

    def _serve(self, near: socket.socket) -> None:
        connection = h11.Connection(h11.SERVER)
        with contextlib.suppress(OSError, Lost, h11.RemoteProtocolError):
            while call := _read_call(near, connection):
                with self._lock:
                    self.calls.append(call)
                    self.under_way += 1
                met: list[Rule] = []
                try:
                    reply = self._rules.apply(self, call, None, met) or self._forwarded(call)
                    reply = self._rules.apply(self, call, reply, met) or reply
                    near.sendall(_bytes_of(reply, connection))
                    self.answered.append(call)
                finally:
                    with self._lock:
                        self.under_way -= 1
                    for rule in met:
                        rule.is_over.set()
                if reply.promised is not None or connection.our_state is not h11.DONE:
                    break
                connection.start_next_cycle()
        with self._lock:
            self._open.discard(near)
        near.close()

    def _forwarded(self, call: Call) -> Reply:
        # a connection each: none that its server has closed meanwhile can add a fault of its own
        far = http.client.HTTPConnection(*self._target, timeout=_NEVER)
        try:
            far.request(call.method, call.path, call.body, dict(_kept(call.headers)))
            answer = far.getresponse()
            return Reply(answer.status, answer.read(), _kept(answer.getheaders()))
        except http.client.HTTPException as error:
            raise Lost from error
        finally:
            far.close()


def _kept(headers: Headers) -> Headers:
    return [(name, value) for name, value in headers if name.lower() not in _OF_ONE_HOP]


def _read_call(near: socket.socket, connection: h11.Connection) -> Call | None:
    """The next request, whole; None when the caller has left."""
    request, body = None, b""
    while True:
        event = connection.next_event()
        if event is h11.NEED_DATA:
            if connection.they_are_waiting_for_100_continue:
                near.sendall(
                    connection.send(h11.InformationalResponse(status_code=100, headers=[])) or b""
                )
            connection.receive_data(near.recv(65536))
        elif isinstance(event, h11.Request):
            request = event
        elif isinstance(event, h11.Data):
            body += event.data
        elif isinstance(event, h11.EndOfMessage) and request is not None:
            headers = [(name.decode(), value.decode("latin-1")) for name, value in request.headers]
            method, path = request.method.decode(), request.target.decode()
            return Call(method, path, headers, body, time.monotonic())
        else:
            return None


def _bytes_of(reply: Reply, connection: h11.Connection) -> bytes:
    headers = list(_kept(reply.headers))
    if reply.status not in (204, 304):
        length = len(reply.body) if reply.promised is None else reply.promised
        headers.append(("content-length", str(length)))
    data = connection.send(h11.Response(status_code=reply.status, headers=headers)) or b""
    data += connection.send(h11.Data(data=reply.body)) or b""
    if reply.promised is None:
        data += connection.send(h11.EndOfMessage()) or b""
    return data

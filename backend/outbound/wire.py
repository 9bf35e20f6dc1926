"""Watched connections: what both doors need to know about an exchange and requests does not tell.

Two facts decide whether a request may be repeated and whether a server may keep us busy: *was a byte of
the request handed to a connected socket*, and *how long and how much in total*. The exceptions of
requests and urllib3 do not carry the first (a time-out in the TLS handshake looks like one while reading)
and their time-outs are per read, so a server that drips one byte a second holds a thread for ever. So the
connection itself keeps both: it notes the first byte written, and limits every single read and write on
the socket by what is left of the whole exchange.
"""

from __future__ import annotations

import http.client
import io
import logging
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache, partial
from http.cookiejar import DefaultCookiePolicy
from typing import Any, NoReturn

import certifi
import requests
from requests.cookies import RequestsCookieJar
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import HTTPError
from urllib3.response import BaseHTTPResponse

USER_AGENT = "Lin/1.0"

# Everything a request can raise that is not our own mistake. OSError covers sockets and TLS, ValueError
# the URL and header checks of the standard library (UnicodeError, http.client.InvalidURL).
FAULTS = (requests.RequestException, HTTPError, http.client.HTTPException, OSError, ValueError)

# urllib3 writes paths with their query strings into its debug lines and header warnings; platforms take
# tokens there. Set on the logger itself, so that no log level of the application brings them back.
logging.getLogger("urllib3").setLevel(logging.ERROR)

# Servers keep an idle connection for a minute or so; within this time none closes it as we write.
KEEP_SECONDS = 5.0

_CHUNK = 64 * 1024
_HEADER_ROOM = 256 * 1024


class Exchange:
    """One request and its answer: at most `seconds` and, packed and unpacked, `most` bytes of body.

    `started` turns true before the first byte is written; false is proof that nothing was sent.
    `late` and `too_long` say which limit ended it.
    """

    def __init__(self, *, seconds: float, most: int) -> None:
        self.seconds = seconds
        self.most = most
        self.started = False
        self.late = False
        self.too_long = False
        self._ends = time.monotonic() + seconds
        self._received = 0

    def remaining(self) -> float:
        """Seconds left. Raises TimeoutError when there are none."""
        left = self._ends - time.monotonic()
        if left <= 0:
            self.late = True
            raise TimeoutError("the exchange took too long")
        return left

    def receive(self, count: int) -> None:
        """Count bytes as they came over the wire, headers included. Raises OSError above the limit."""
        self._received += count
        if self._received > self.most + _HEADER_ROOM:
            self.refuse_length()

    def refuse_length(self) -> NoReturn:
        """Note that the answer is too long and raise OSError."""
        self.too_long = True
        raise OSError("the answer is too long")

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Every connection used inside, in this thread, belongs to this exchange."""
        token = _current.set(self)
        try:
            yield
        finally:
            _current.reset(token)


_current: ContextVar[Exchange] = ContextVar("exchange")


class _WatchedReader(io.RawIOBase):
    """The reading side of a socket that never waits longer than the exchange may."""

    def __init__(self, raw: io.RawIOBase, sock: socket.socket, exchange: Exchange) -> None:
        self._raw = raw
        self._sock = sock
        self._exchange = exchange
        self.ended = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._sock.settimeout(self._exchange.remaining())
        count = self._raw.readinto(buffer)
        self._exchange.receive(count or 0)
        self.ended = count == 0
        return count

    def close(self) -> None:
        self._raw.close()
        super().close()


class _WatchedResponse(http.client.HTTPResponse):
    """Reads status line, headers and body through a watched reader."""

    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self._reader = _WatchedReader(self.fp.detach(), sock, _current.get())
        self.fp = io.BufferedReader(self._reader)

    def begin(self) -> None:
        """Read status line and headers. Raises IncompleteRead when the connection ends among them.

        The standard library takes such headers for complete: an answer cut before its id header would
        look like one without an id.
        """
        super().begin()
        if self._reader.ended:
            raise http.client.IncompleteRead(b"")


class _WatchedConnection(HTTPConnection):
    response_class = _WatchedResponse
    used = 0.0  # when its last exchange ended, by the monotonic clock

    def connect(self) -> None:
        _current.get().remaining()
        super().connect()

    def send(self, data: Any) -> None:
        if self.sock is None:
            self.connect()
        exchange = _current.get()
        left = exchange.remaining()
        exchange.started = True
        self.sock.settimeout(left)
        super().send(data)


class _WatchedTlsConnection(_WatchedConnection, HTTPSConnection):
    pass


class _WatchedPool(HTTPConnectionPool):
    """Uses a connection again only within `keep_seconds`: one that lay longer may be closed by its server as we write, and
    nobody would know whether the request arrived."""

    ConnectionCls = _WatchedConnection

    def __init__(self, *args: Any, keep_seconds: float, **kwargs: Any) -> None:
        self._keep_seconds = keep_seconds
        super().__init__(*args, **kwargs)

    def _get_conn(self, timeout: float | None = None) -> Any:
        connection: Any = super()._get_conn(timeout)
        if time.monotonic() - connection.used >= self._keep_seconds:
            connection.close()  # it opens anew when it is used
        return connection

    def _put_conn(self, conn: Any) -> None:
        if conn is not None:
            conn.used = time.monotonic()
        super()._put_conn(conn)


class _WatchedTlsPool(_WatchedPool, HTTPSConnectionPool):
    ConnectionCls = _WatchedTlsConnection


class WatchedPools:
    """Mixin for a requests adapter: watched connections, and one TLS context instead of one per connection.

    requests reads the certificate bundle again for every new connection (about 10 ms); `tls` is read once
    and has to be set before the adapter's `__init__` runs.
    """

    tls: ssl.SSLContext
    keep_seconds: float

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Build the pools (called by the adapter)."""
        super().init_poolmanager(*args, ssl_context=self.tls, **kwargs)  # type: ignore[misc] # a mixin: the adapter has it
        self.poolmanager.pool_classes_by_scheme = {  # type: ignore[attr-defined] # the same
            "http": partial(_WatchedPool, keep_seconds=self.keep_seconds),
            "https": partial(_WatchedTlsPool, keep_seconds=self.keep_seconds),
        }

    def cert_verify(self, *args: Any) -> None:
        """Nothing: the TLS context carries the certificates and always verifies."""


class WatchedAdapter(WatchedPools, requests.adapters.HTTPAdapter):
    """A plain adapter with watched connections, keeping at most `pool_size` of them per host."""

    def __init__(
        self, tls: ssl.SSLContext, pool_size: int = 1, *, keep_seconds: float = KEEP_SECONDS
    ) -> None:
        self.tls = tls
        self.keep_seconds = keep_seconds
        super().__init__(pool_connections=64, pool_maxsize=pool_size, max_retries=0)


class WatchedSession(requests.Session):
    """A session without memory or surroundings: no cookies, no proxies or .netrc, no redirects."""

    def __init__(self) -> None:
        super().__init__()
        self.trust_env = False
        self.cookies = RequestsCookieJar(policy=DefaultCookiePolicy(allowed_domains=[]))
        self.headers["User-Agent"] = USER_AGENT

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        """None. Even when told not to follow, requests prepares the next request and, for that, reads
        the whole body of a redirect without any limit."""
        return None


@cache
def tls_context() -> ssl.SSLContext:
    """The context that verifies against the certificates of certifi, as requests does. One for all clients of a process:
    reading them takes 40 ms and a megabyte each time."""
    return ssl.create_default_context(cafile=certifi.where())


def read_body(raw: BaseHTTPResponse, exchange: Exchange) -> bytes:
    """The whole body, unpacked piece by piece so that a bomb is noticed before it is in memory.

    Raises OSError when it is longer than the exchange allows, urllib3's errors when it is cut off.
    """
    held = io.BytesIO()
    while piece := raw.read(_CHUNK, decode_content=True):
        if held.tell() + len(piece) > exchange.most:
            exchange.refuse_length()
        held.write(piece)
    return held.getvalue()

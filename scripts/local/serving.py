"""What every local service does alike: take a free port, say when it is ready, stop on a signal."""

from __future__ import annotations

import errno
import json
import signal
import socket
import sys
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PORTS_TRIED = 200


def bind_first_free(host: str, port: int) -> socket.socket:
    """A TCP socket bound to the first free port from `port` upwards (0: any), not listening yet.

    Raises OSError when none of the next 200 is free, or when the host is not this machine's.
    """
    for candidate in range(port, port + PORTS_TRIED + 1) if port else [0]:
        bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            bound.bind((host, candidate))
            # SO_REUSEADDR lets two sockets share a port until one listens; listening settles who has it
            bound.listen()
            return bound
        except OSError as error:
            bound.close()
            if error.errno != errno.EADDRINUSE:
                raise
    raise OSError(
        errno.EADDRINUSE, f"no free port between {port} and {port + PORTS_TRIED} on {host}"
    )


def url_of(bound: socket.socket) -> str:
    """The http address of a bound socket."""
    host, port = bound.getsockname()[:2]
    return f"http://{host}:{port}"


def announce(url: str, **more: object) -> None:
    """Print the one line that tells the launcher this service answers at `url`."""
    print(json.dumps({"ready": url, **more}), flush=True)


def exit_on_signals(stop: Callable[[], None] | None = None) -> None:
    """End the process with status 0 on SIGTERM and SIGINT, after calling `stop`."""

    def leave(_signal: int, _frame: object) -> None:
        if stop:
            stop()
        sys.exit(0)

    signal.signal(signal.SIGTERM, leave)
    signal.signal(signal.SIGINT, leave)


class HttpService(ThreadingHTTPServer):
    """An HTTP server on a socket that is bound already."""

    daemon_threads = True

    def __init__(self, bound: socket.socket, handler: type[BaseHTTPRequestHandler]) -> None:
        super().__init__(bound.getsockname()[:2], handler, bind_and_activate=False)
        self.socket.close()
        self.socket = bound


class Pages(BaseHTTPRequestHandler):
    """Answers with short helpers, keep-alive connections, and logs to stderr."""

    protocol_version = "HTTP/1.1"

    def answer(
        self, body: str | bytes, content_type: str = "text/html; charset=utf-8", status: int = 200
    ) -> None:
        """Send one complete answer (the body is left out for HEAD)."""
        data = body.encode() if isinstance(body, str) else body
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(data)))
        self.send_header("X-Content-Type-Options", "nosniff")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def answer_json(self, value: object, status: int = 200) -> None:
        """Send a JSON answer."""
        self.answer(json.dumps(value), "application/json", status)

    def do_HEAD(self) -> None:
        """A GET without the body."""
        self.do_GET()

    def do_GET(self) -> None:
        """Every service says for itself what it shows."""
        raise NotImplementedError

"""The HTTP server: whole requests in, whole answers (or faults) out, connections kept alive.

Written on ``http.server`` because the faults need the raw socket and clients keep connection
pools; Werkzeug's development server closes after each answer, and pooled WSGI servers would run
out of threads while answers are held back.
"""

from __future__ import annotations

import logging
import socket
import sys
from http.server import BaseHTTPRequestHandler
from socketserver import TCPServer, ThreadingMixIn
from typing import Any

from .delivery import Delivery
from .mounting import Mounted, Mounts, action_of, environ_for, run
from .records import SeenRequest
from .wire import Wire
from .world import Call, World

logger = logging.getLogger("sandbox")

#: Above LinkedIn's 500 MB for a video. Bodies live in memory, so there has to be an end.
_LARGEST_BODY = 520_000_000


class SandboxServer(ThreadingMixIn, TCPServer):
    """One thread per connection."""

    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 512

    def __init__(self, bound: socket.socket, world: World, mounts: Mounts) -> None:
        """Serve on a socket that is bound already."""
        self.world = world
        self.mounts = mounts
        super().__init__(bound.getsockname()[:2], Connection, bind_and_activate=False)
        self.socket.close()
        self.socket = bound
        self.server_activate()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that left in the middle is ordinary here; anything else is a bug."""
        error = sys.exc_info()[1]
        if isinstance(error, ConnectionError):
            logger.debug("client %s left", client_address)
        else:
            logger.error("request failed", exc_info=error)


class Connection(BaseHTTPRequestHandler):
    """Serves one client connection, request after request."""

    server: SandboxServer
    connection: socket.socket
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def answer(self) -> None:
        """Read one request whole and answer it."""
        path, _, query = self.path.partition("?")
        length = self._body_length()
        if length is None:
            return
        mounted = self.server.mounts.find(path)
        body = self.rfile.read(length) if length else b""
        if len(body) < length:
            self.close_connection = True
            return
        authorization = self.headers.get("Authorization")
        call = Call(mounted.host, self.command, mounted.path, query, authorization, body)
        if mounted.platform is None:
            self._answer_own(mounted, call)
        else:
            self._answer_for_platform(mounted, call)

    def _body_length(self) -> int | None:
        declared = self.headers.get("Content-Length") or "0"
        if "Transfer-Encoding" in self.headers:
            # LinkedIn documents 411; a chunked body is not read, so the connection has to end.
            self._refuse(411)
        elif not declared.isdecimal():
            self._refuse(400)
        elif int(declared) > _LARGEST_BODY:
            self._refuse(413)
        else:
            return int(declared)
        return None

    def _refuse(self, status: int) -> None:
        self.close_connection = True
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.send_header("Connection", "close")
        self.end_headers()

    def _answer_own(self, mounted: Mounted, call: Call) -> None:
        answer = run(mounted, self._environ(mounted, call))
        body = b"" if call.method == "HEAD" else answer.body
        self.connection.sendall(answer.head(len(answer.body)) + body)

    def _answer_for_platform(self, mounted: Mounted, call: Call) -> None:
        platform, world = mounted.platform, self.server.world
        if platform is None:
            raise LookupError(mounted.prefix)
        caller = platform.caller(call)
        action = action_of(call.query)
        order = world.orders.take(call.host, call.method, call.path, action, caller.member)
        token = caller.token or (call.authorization or "").partition(" ")[2]
        if order and order.kind == "revoke" and token:
            platform.end_tokens("revoked", member=None, token=token)
        seen = SeenRequest(
            number=next(world.request_numbers),
            platform=platform.name,
            host=call.host,
            method=call.method,
            path=call.path,
            action=action,
            member=caller.member,
            subject=caller.subject,
            time=world.clock.now(caller.member),
            version=self.headers.get("LinkedIn-Version"),
            user_agent=self.headers.get("User-Agent"),
            client_request_id=self.headers.get("X-Request-Id"),
        )
        environ = self._environ(mounted, call)
        environ["sandbox.seen"] = seen
        delivery = Delivery(
            world, platform, seen, order, Wire(self.connection), lambda: run(mounted, environ)
        )
        if not delivery.run():
            self.close_connection = True

    def _environ(self, mounted: Mounted, call: Call) -> dict[str, Any]:
        host, port = self.server.server_address[:2]
        return environ_for(mounted, call, self.headers, (str(host), int(port)))

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is inherited
        """``http.server`` writes to stderr by itself; here logging does."""
        logger.debug(format, *args)


# ``http.server`` looks for one method per HTTP verb.
for _verb in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"):
    setattr(Connection, f"do_{_verb}", Connection.answer)

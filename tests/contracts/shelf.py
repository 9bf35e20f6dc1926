"""A web server from which platforms fetch files. A module of its own, so that there is one, however conftest.py is loaded."""

from __future__ import annotations

import hashlib
import threading
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Shelf:
    """A web server from which platforms fetch files, as they do from Lin's own."""

    def __init__(self) -> None:
        self._files: dict[str, tuple[bytes, str]] = {}
        shelf = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                data, mime = shelf._files.get(self.path, (b"", ""))
                self.send_response(200 if mime else 404)
                self.send_header("Content-Type", mime or "text/plain")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data if self.command == "GET" else b"")

            do_HEAD = do_GET  # noqa: N815 - http.server looks for this name

            def log_message(self, *_: Any) -> None:
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.origin = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.02,), daemon=True
        )
        self._thread.start()

    def put(self, data: bytes, mime: str) -> str:
        """An address of these bytes."""
        path = f"/{hashlib.sha256(data).hexdigest()}"
        self._files[path] = (data, mime)
        return f"{self.origin}{path}"

    def clear(self) -> None:
        """Nothing is at any address."""
        self._files.clear()


@cache
def shelf() -> Shelf:
    """The only one; it ends with the process."""
    return Shelf()

"""Files: what a Storage answers is written to disk piece by piece."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import httpx
import pytest
from storage3 import SyncStorageClient

from backend.core.errors import NotFound, Unavailable
from backend.store.files import Files

PIECE = bytes(range(256)) * 4096
PIECES = 48


class Storage(BaseHTTPRequestHandler):
    """Signs every path, and has three objects: one of 48 MB, one that is cut off, and one that is gone."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"] or 0))
        body = b'{"signedURL": "%s?token=t"}' % self.path.encode()
        self._head(200, len(body))
        self.wfile.write(body)

    def do_GET(self) -> None:
        if "gone" in self.path:
            self._head(400, 0)
            return
        self._head(200, len(PIECE) * PIECES)
        with suppress(ConnectionError):  # who takes no more has gone
            for _ in range(3 if "cut" in self.path else PIECES):
                self.wfile.write(PIECE)
        self.close_connection = True

    def _head(self, status: int, length: int) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(length))
        self.end_headers()

    def log_message(self, *_: object) -> None:
        return


@pytest.fixture
def files() -> Iterator[Files]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Storage)
    thread = Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    url = f"http://127.0.0.1:{server.server_port}/"
    with httpx.Client() as http:
        yield Files(SyncStorageClient(url, {}, http_client=http), http)
    server.shutdown()
    thread.join(5)
    server.server_close()


def test_a_large_file_is_never_in_memory(files: Files) -> None:
    with files.open("user/film.mp4"):
        pass  # whatever is imported late
    tracemalloc.start()
    try:
        with files.open("user/film.mp4") as file:
            peak = tracemalloc.get_traced_memory()[1]
            assert file.read(len(PIECE)) == PIECE
            assert file.seek(0, 2) == len(PIECE) * PIECES
    finally:
        tracemalloc.stop()
    assert peak < 8 * len(PIECE)


def test_a_file_that_is_larger_than_asked_for_is_not_taken(files: Files) -> None:
    with pytest.raises(NotFound, match="larger than 5000000 bytes"), files.open("user/film.mp4", max_bytes=5_000_000):  # fmt: skip
        pass


def test_a_file_that_arrives_cut_off_is_tried_again_later(files: Files) -> None:
    with pytest.raises(Unavailable), files.open("user/cut.mp4"):
        pass


def test_a_file_that_is_gone_is_said_to_be_gone(files: Files) -> None:
    with pytest.raises(NotFound, match="not in the storage"), files.open("user/gone.mp4"):
        pass

"""What a platform downloads from a URL, and what it refuses to."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import requests

from local.sandbox.driver import Sandbox
from local.sandbox.fetching import Fetched, FetchError, fetch, origins


class Files(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        status, headers, body = {
            "/photo": (200, {"Content-Type": "image/jpeg; charset=x"}, b"bytes"),
            "/moved": (302, {"Location": "/photo"}, b""),
            "/round": (302, {"Location": "/round"}, b""),
            "/inside": (302, {"Location": "http://10.0.0.1/secret"}, b""),
        }.get(self.path, (404, {}, b"no"))
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def files() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Files) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def refused(url: str, *known: str, **how: object) -> str:
    with pytest.raises(FetchError) as error:
        fetch(url, known, **({"largest": 100} | how))  # type: ignore[arg-type]
    return error.value.reason


def test_a_known_origin_counts_as_public(files: str) -> None:
    assert fetch(f"{files}/photo", [files], largest=5) == Fetched(
        f"{files}/photo", b"bytes", "image/jpeg"
    )


def test_redirects_are_followed_only_where_the_platform_does(files: str) -> None:
    assert fetch(f"{files}/moved", [files], largest=5).url == f"{files}/photo"
    assert refused(f"{files}/moved", files, redirects=0) == "redirect"
    assert refused(f"{files}/round", files) == "redirect"


def test_a_redirect_into_the_private_network_is_refused(files: str) -> None:
    assert refused(f"{files}/inside", files, schemes=("http", "https")) == "private"


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("https://127.0.0.1/photo", "private"),
        ("https://[::1]/photo", "private"),
        ("https://192.168.1.4/photo", "private"),
        ("https://169.254.169.254/latest", "private"),
        ("http://93.184.216.34/photo", "scheme"),
        ("file:///etc/passwd", "malformed"),
        ("photo.jpg", "malformed"),
        ("https://host:port/", "malformed"),
        ("https://nowhere.invalid/photo", "unreachable"),
    ],
)
def test_what_is_not_public_is_refused(url: str, reason: str) -> None:
    assert refused(url) == reason


def test_missing_and_large_files_are_refused(files: str) -> None:
    assert refused(f"{files}/gone", files) == "status"
    assert refused(f"{files}/photo", files, largest=4) == "too_large"


def test_origins_are_read_from_one_line_and_set_by_the_control_path(sandbox: Sandbox) -> None:
    assert origins(" https://a.example/ ,http://127.0.0.1:1") == (
        "https://a.example",
        "http://127.0.0.1:1",
    )
    for bad in ("ftp://a.example", "https://a.example/path", "a.example"):
        with pytest.raises(ValueError, match="not an origin"):
            origins(bad)
    told = sandbox.tell("origins", origins=["https://a.example/"])
    assert told == {"origins": ["https://a.example"]}
    answer = requests.post(f"{sandbox.url}/_control/origins", json={}, timeout=10)
    assert answer.status_code == 400

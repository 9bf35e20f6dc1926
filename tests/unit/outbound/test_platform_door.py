"""PlatformHttp: what is "not sent", what is "no answer", and what reaches the platform."""

from __future__ import annotations

import io
import json
import logging
import socket
import ssl
import threading
import time
import tracemalloc
import zlib
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest

from backend.core.errors import NoAnswer, NotSent, SendError
from backend.outbound import PlatformHttp

SECRET = "s3cret-token"
POSTS = f"https://api.linkedin.com/rest/posts?access_token={SECRET}"


def fails(door: PlatformHttp, url: str = POSTS, **request: Any) -> SendError:
    with pytest.raises(SendError) as caught:
        door.send("POST", url, **{"form": {"client_secret": SECRET}, **request})
    error = caught.value
    assert SECRET not in str(error)
    assert error.__context__ is None  # a foreign error would carry the URL into the log
    assert error.__cause__ is None
    return error


# ---------------------------------------------------------------------------------- what is sent


def test_the_host_becomes_the_first_path_segment_of_the_sandbox(site: Any) -> None:
    site.answer("/api.linkedin.com/rest/posts", 201, x_restli_id="urn:li:share:1")
    answer = PlatformHttp(site.url + "/").send("POST", POSTS, json={"a": "ü"})
    assert answer.status == 201
    assert answer.headers["X-RestLi-Id"] == "urn:li:share:1"
    line, headers, body = site.requests[0]
    assert line == f"POST /api.linkedin.com/rest/posts?access_token={SECRET}"
    assert json.loads(body) == {"a": "ü"}
    assert headers["User-Agent"].startswith("Lin/")


def test_an_address_that_is_the_sandbox_already_is_left_alone(site: Any) -> None:
    site.answer("/www.linkedin.com/upload/1")
    door = PlatformHttp(site.url)
    assert door.send("PUT", f"{site.url}/www.linkedin.com/upload/1", body=b"x").status == 200


def test_a_browser_is_sent_to_the_sandbox_as_well() -> None:
    url = "https://www.linkedin.com/oauth/v2/authorization?state=a%2Fb"
    sandboxed = PlatformHttp("http://127.0.0.1:9/").browser_url(url)
    assert sandboxed == "http://127.0.0.1:9/www.linkedin.com/oauth/v2/authorization?state=a%2Fb"
    assert PlatformHttp(None).browser_url(url) == url


@pytest.mark.parametrize("status", [301, 302, 307, 404, 429, 500])
def test_every_status_is_an_answer_and_redirects_are_not_followed(site: Any, status: int) -> None:
    site.answer("/p.example/a", status, b"why", Location="/p.example/elsewhere")
    answer = PlatformHttp(site.url).send("GET", "https://p.example/a")
    assert (answer.status, answer.body) == (status, b"why")
    assert len(site.requests) == 1


def test_an_interim_answer_is_returned_and_its_connection_not_used_again(
    raw_server: Any, read_request: Any
) -> None:
    def talk(connection: socket.socket) -> None:
        while read_request(connection):
            connection.sendall(
                b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
                b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfirst"
            )

    server = raw_server(talk)
    door = PlatformHttp(server.url)
    assert door.send("GET", "https://p.example/a").status == 103
    assert door.send("GET", "https://p.example/b").status == 103
    assert len(server.connections) == 2


def test_cookies_of_a_platform_are_not_sent_back(site: Any) -> None:
    site.answer("/p.example/a", Set_Cookie="session=1; Path=/")
    door = PlatformHttp(site.url)
    for _ in range(2):
        door.send("GET", "https://p.example/a")
    assert "Cookie" not in site.requests[1][1]


def test_proxies_of_the_environment_are_not_used(site: Any, monkeypatch: Any) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    site.answer("/p.example/a")
    assert PlatformHttp(site.url).send("GET", "https://p.example/a").status == 200


def test_a_file_is_sent_with_its_length_and_never_held_in_memory(site: Any, tmp_path: Any) -> None:
    path = tmp_path / "video.mp4"
    size = 24 * 1024 * 1024
    with path.open("wb") as file:
        file.truncate(size)
    received: list[int] = []

    def page(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(201)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    site.pages["/p.example/upload"] = page

    class Counting(io.FileIO):
        def read(self, count: int | None = -1) -> bytes:  # type: ignore[override]
            received.append(-1 if count is None else count)
            return super().read(count)

    with Counting(path) as file:
        answer = PlatformHttp(site.url).send("PUT", "https://p.example/upload", body=file)
    _, headers, body = site.requests[0]
    assert answer.status == 201
    assert headers["Content-Length"] == str(size)
    assert "Transfer-Encoding" not in headers
    assert len(body) == size
    assert all(0 < count <= 1024 * 1024 for count in received)


def test_an_empty_file_has_length_zero_and_an_unmeasurable_one_is_not_sent(site: Any) -> None:
    site.answer("/p.example/upload")
    door = PlatformHttp(site.url)
    door.send("PUT", "https://p.example/upload", body=io.BytesIO())
    assert site.requests[0][1]["Content-Length"] == "0"
    ours, theirs = socket.socketpair()
    with ours, theirs, ours.makefile("rb") as unmeasurable:
        theirs.sendall(b"data")
        error = fails(door, "https://p.example/upload", body=unmeasurable)
    assert isinstance(error, NotSent)


@pytest.mark.parametrize(("keep_seconds", "connections"), [(60.0, 1), (0.0, 3)])
def test_a_connection_is_used_again_only_while_it_was_just_used(
    raw_server: Any, read_request: Any, keep_seconds: float, connections: int
) -> None:
    def talk(connection: socket.socket) -> None:
        while read_request(connection):
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    server = raw_server(talk)
    door = PlatformHttp(server.url, keep_seconds=keep_seconds)
    for _ in range(3):
        assert door.send("POST", "https://p.example/a", json={}).body == b"ok"
    assert len(server.connections) == connections


def test_many_threads_share_one_door(site: Any) -> None:
    for number in range(40):
        site.answer(f"/p.example/{number}", body=str(number).encode())
    door = PlatformHttp(site.url, pool_size=8)
    with ThreadPoolExecutor(12) as pool:
        bodies = list(
            pool.map(lambda n: door.send("GET", f"https://p.example/{n}").body, range(40))
        )
    assert bodies == [str(number).encode() for number in range(40)]


def test_a_verified_tls_connection_works(
    new_site: Any, server_tls: ssl.SSLContext, trusting_tls: ssl.SSLContext
) -> None:
    site = new_site(server_tls)
    site.answer("/a", body=b"safe")
    door = PlatformHttp(None, tls=trusting_tls)
    assert door.send("GET", f"{site.url}/a").body == b"safe"
    assert door.send("GET", f"{site.url}/a").body == b"safe"


# ---------------------------------------------------------------------------------- not sent


def test_a_name_that_does_not_exist_was_not_sent() -> None:
    error = fails(PlatformHttp(None), f"https://api.linkedin.invalid/?t={SECRET}")
    assert isinstance(error, NotSent)
    assert "api.linkedin.invalid" in str(error)
    assert "name could not be looked up" in str(error)


def test_a_refused_connection_was_not_sent() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    error = fails(PlatformHttp(f"http://127.0.0.1:{port}"))
    assert isinstance(error, NotSent)
    assert str(error) == "api.linkedin.com could not be reached: it refused the connection"


def test_a_connection_that_is_not_accepted_in_time_was_not_sent() -> None:
    # A full backlog drops further SYNs, which is what an unreachable host looks like.
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        address = listener.getsockname()
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(address)
        door = PlatformHttp(f"http://127.0.0.1:{address[1]}", connect_timeout=0.3)
        error = fails(door)
        for filler in fillers:
            filler.close()
    assert isinstance(error, NotSent)
    assert "did not answer in time" in str(error)


def test_an_untrusted_certificate_was_not_sent(new_site: Any, server_tls: ssl.SSLContext) -> None:
    site = new_site(server_tls)
    error = fails(PlatformHttp(None), f"{site.url}/a")
    assert isinstance(error, NotSent)
    assert "certificate is not valid" in str(error)
    assert site.requests == []


def test_a_certificate_of_another_name_was_not_sent(
    new_site: Any, server_tls: ssl.SSLContext, trusting_tls: ssl.SSLContext
) -> None:
    site = new_site(server_tls)
    url = site.url.replace("127.0.0.1", "localhost")
    assert isinstance(fails(PlatformHttp(None, tls=trusting_tls), f"{url}/a"), NotSent)
    assert site.requests == []


@pytest.mark.parametrize("manner", ["silence", "reset", "close", "plain http"])
def test_a_tls_handshake_that_fails_was_not_sent(raw_server: Any, reset: Any, manner: str) -> None:
    over = threading.Event()

    def talk(connection: socket.socket) -> None:
        connection.recv(4096)
        if manner == "silence":
            over.wait(5)
        elif manner == "reset":
            reset(connection)
        elif manner == "plain http":
            connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    server = raw_server(talk)
    door = PlatformHttp(None, connect_timeout=0.3)
    try:
        error = fails(door, server.url.replace("http", "https") + "/a")
    finally:
        over.set()
    assert isinstance(error, NotSent)


@pytest.mark.parametrize(
    ("url", "request_parts"),
    [
        ("https://", {}),
        ("https://[::1/", {}),
        ("https://p.example:notaport/", {}),
        ("ftp://p.example/", {}),
        ("https://" + "a" * 70 + ".example/", {}),
        ("https://127.0.0.1:1/", {"headers": {"X-A": f"a\r\nX-B: {SECRET}"}}),
        ("https://127.0.0.1:1/", {"headers": {"X-A": f"{SECRET}\u20ac"}}),
        ("https://127.0.0.1:1/", {"json": {"a": float("nan")}, "form": None}),
    ],
)
def test_a_request_that_cannot_be_written_was_not_sent(url: str, request_parts: Any) -> None:
    assert isinstance(fails(PlatformHttp(None), url, **request_parts), NotSent)


def test_a_header_that_cannot_be_encoded_was_not_sent(site: Any) -> None:
    error = fails(PlatformHttp(site.url), headers={"Authorization": f"Bearer {SECRET}\u20ac"})
    assert isinstance(error, NotSent)
    assert site.requests == []


# ---------------------------------------------------------------------------------- no answer

HALF = b"HTTP/1.1 201 Created\r\nContent-Length: 100\r\n\r\n{"
WRONG_ANSWERS = {
    "closes without an answer": b"",
    "half a status line": b"HTTP/1.1 2",
    "half a header": b"HTTP/1.1 201 Created\r\nX-RestLi-I",
    "half a body": HALF,
    "half a chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n64\r\n{",
    "no last chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n",
    "not HTTP": b"SSH-2.0-OpenSSH_9.6\r\n",
    "broken gzip": b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nnope",
    "endless headers": b"HTTP/1.1 200 OK\r\n" + b"X-A: " + b"a" * 70000 + b"\r\n\r\n",
}


@pytest.mark.parametrize("manner", WRONG_ANSWERS)
@pytest.mark.parametrize("by_reset", [False, True], ids=["FIN", "RST"])
def test_an_answer_that_is_not_whole_is_no_answer(
    raw_server: Any, read_request: Any, reset: Any, manner: str, by_reset: bool
) -> None:
    def talk(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(WRONG_ANSWERS[manner])
        if by_reset:
            reset(connection)

    error = fails(PlatformHttp(raw_server(talk).url))
    assert isinstance(error, NoAnswer)
    assert str(error).startswith("api.linkedin.com gave no usable answer: it")


def test_a_reset_while_we_write_is_no_answer(raw_server: Any, reset: Any) -> None:
    def talk(connection: socket.socket) -> None:
        connection.recv(1000)
        reset(connection)

    error = fails(PlatformHttp(raw_server(talk).url), body=b"x" * 8_000_000)
    assert isinstance(error, NoAnswer)


def test_a_kept_connection_that_dies_as_we_write_is_no_answer_and_not_repeated(
    raw_server: Any, read_request: Any, reset: Any
) -> None:
    requests: list[bytes] = []

    def talk(connection: socket.socket) -> None:
        requests.append(read_request(connection))
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        requests.append(connection.recv(1))  # the next one is on its way: too late to notice
        reset(connection)

    server = raw_server(talk)
    door = PlatformHttp(server.url)
    assert door.send("GET", "https://p.example/a").status == 200
    assert isinstance(fails(door), NoAnswer)
    assert len(server.connections) == 1
    assert len(requests) == 2


def test_a_kept_connection_that_was_closed_before_is_replaced(
    raw_server: Any, read_request: Any
) -> None:
    closed = threading.Event()

    def talk(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        connection.shutdown(socket.SHUT_RDWR)
        closed.set()

    server = raw_server(talk)
    door = PlatformHttp(server.url)
    assert door.send("GET", "https://p.example/a").status == 200
    assert closed.wait(5)
    assert door.send("GET", "https://p.example/a").status == 200
    assert len(server.connections) == 2


@pytest.mark.parametrize(
    "start",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffff\r\n",
        b"HTTP/1.1 200 OK\r\nX-Slow: ",
        b"HTTP/1.1 ",
        b"",
    ],
    ids=["body", "chunk", "header", "status", "nothing"],
)
def test_a_slow_drip_ends_at_the_deadline(raw_server: Any, read_request: Any, start: bytes) -> None:
    over = threading.Event()

    def talk(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(start)
        while start and not over.wait(0.05):
            connection.sendall(b"1")
        over.wait(5)

    door = PlatformHttp(raw_server(talk).url, total_timeout=0.4)
    begun = time.monotonic()
    error = fails(door)
    over.set()
    assert isinstance(error, NoAnswer)
    assert time.monotonic() - begun < 4, "ended by the deadline, not by the server"


def test_a_platform_that_stops_reading_ends_at_the_deadline(raw_server: Any) -> None:
    over = threading.Event()

    def talk(connection: socket.socket) -> None:
        connection.recv(1000)
        over.wait(5)

    door = PlatformHttp(raw_server(talk).url, total_timeout=0.4)
    begun = time.monotonic()
    error = fails(door, body=io.BytesIO(b"x" * 30_000_000))
    over.set()
    assert isinstance(error, NoAnswer)
    assert time.monotonic() - begun < 4, "ended by the deadline, not by the server"


def test_an_endless_answer_is_cut_at_the_limit(raw_server: Any, read_request: Any) -> None:
    def talk(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            connection.sendall(b"x" * 65536)

    error = fails(PlatformHttp(raw_server(talk).url))
    assert isinstance(error, NoAnswer)
    assert "too long" in str(error)


def test_a_packed_bomb_is_noticed_before_it_is_in_memory(site: Any) -> None:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    megabyte = b"\0" * 1024 * 1024
    bomb = b"".join(packer.compress(megabyte) for _ in range(50)) + packer.flush()
    site.answer("/p.example/a", body=bomb, Content_Encoding="gzip")
    tracemalloc.start()
    try:
        error = fails(PlatformHttp(site.url), "https://p.example/a")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert isinstance(error, NoAnswer)
    assert peak < 20 * 1024 * 1024


def test_nothing_is_logged_about_an_exchange(site: Any, caplog: Any) -> None:
    caplog.set_level(logging.DEBUG)
    site.answer("/api.linkedin.com/rest/posts")
    PlatformHttp(site.url).send("POST", POSTS, form={"client_secret": SECRET})
    assert SECRET not in caplog.text


def test_an_answer_cut_by_its_gateway_is_not_readable_json(site: Any) -> None:
    site.answer("/p.example/a", 201, b'{"id": "urn:li:sha')
    answer = PlatformHttp(site.url).send("GET", "https://p.example/a")
    with pytest.raises(NoAnswer):
        answer.json()

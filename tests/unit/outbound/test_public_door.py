"""PublicHttp: only the public internet, and never much of it."""

from __future__ import annotations

import gzip
import socket
import ssl
import threading
import time
import tracemalloc
import zlib
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from typing import Any

import brotli
import pytest

from backend.core.errors import AddressRefused, FetchError, FetchFailed, TooLarge
from backend.outbound import PublicHttp

MEGABYTE = 1024 * 1024
PUBLIC_ADDRESS = "93.184.215.14"


@pytest.fixture
def door(site: Any) -> PublicHttp:
    """May reach the site of this test, as in development, and nothing else that is private."""
    return PublicHttp([site.url], connect_timeout=0.5)


class Names:
    """What the resolver answers: a name's addresses, one per question, the last one for ever."""

    def __init__(self) -> None:
        self.addresses: dict[str, list[str]] = {}
        self.asked: list[str] = []

    def take(self, name: str) -> str:
        self.asked.append(name)
        left = self.addresses[name]
        return left.pop(0) if len(left) > 1 else left[0]


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Names:
    known = Names()
    real = socket.getaddrinfo

    def lookup(host: Any, *args: Any, **kwargs: Any) -> Any:
        return real(known.take(host) if host in known.addresses else host, *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", lookup)
    return known


@pytest.fixture
def router(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Stands for the network: notes each address connected to and delivers PUBLIC_ADDRESS to loopback."""
    real = socket.socket.connect
    connected: list[str] = []

    class Routed(socket.socket):
        def connect(self, address: Any) -> None:
            connected.append(address[0])
            host = "127.0.0.1" if address[0] == PUBLIC_ADDRESS else address[0]
            real(self, (host, *address[1:]))

    monkeypatch.setattr(socket, "socket", Routed)
    return connected


def refused(door: PublicHttp, url: str) -> str:
    with pytest.raises(AddressRefused) as caught:
        door.fetch(url, max_bytes=1000, deadline_seconds=3)
    assert caught.value.__context__ is None
    return str(caught.value)


# ---------------------------------------------------------------------------------- addresses

PRIVATE = [
    "http://127.0.0.1/",
    "http://127.1/",
    "http://2130706433/",
    "http://0x7f000001/",
    "http://0x7f.1/",
    "http://0177.0.0.1/",
    "http://017700000001/",
    "http://0.0.0.0/",
    "http://0/",
    "http://10.0.0.1/",
    "http://172.16.0.1/",
    "http://192.168.1.1/",
    "http://192.0.0.8/",
    "http://192.0.2.1/",
    "http://192.88.99.1/",
    "http://198.18.0.1/",
    "http://169.254.169.254/latest/meta-data/",
    "http://100.64.0.1/",
    "http://100.127.255.254/",
    "http://224.0.0.1/",
    "http://240.0.0.1/",
    "http://255.255.255.255/",
    "http://[::]/",
    "http://[::1]/",
    "http://[::ffff:127.0.0.1]/",
    "http://[::ffff:7f00:1]/",
    "http://[::ffff:169.254.169.254]/",
    "http://[::127.0.0.1]/",
    "http://[64:ff9b::7f00:1]/",
    "http://[64:ff9b:1::7f00:1]/",
    "http://[2002:7f00:1::]/",
    "http://[2001:0:7f00:1::]/",
    "http://[fc00::1]/",
    "http://[fd00:ec2::254]/",
    "http://[fe80::1]/",
    "http://[fec0::1]/",
    "http://[ff02::1]/",
    "http://[2001:db8::1]/",
    "http://[100::1]/",
    "http://localhost/",
    "http://LOCALHOST/",
    "http://feeds.localhost/",
    "https://localhost:8443/",
]


@pytest.mark.parametrize("url", PRIVATE)
def test_a_private_address_is_refused_in_every_spelling(url: str) -> None:
    message = refused(PublicHttp(), url)
    assert message.endswith("points to a private network, which Lin does not read.")


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "gopher://example.org/",
        "ftp://example.org/",
        "data:text/html,hello",
        "javascript:alert(1)",
        "example.org/feed",
        "//example.org/feed",
        "",
    ],
)
def test_only_http_and_https_are_read(url: str) -> None:
    assert refused(PublicHttp(), url) == "The address must start with http:// or https://."


@pytest.mark.parametrize(
    ("url", "part"),
    [
        ("http://", "not a valid web address"),
        ("http:///feed", "not a valid web address"),
        ("http://:80/", "not a valid web address"),
        ("http://[::1/", "not a valid web address"),
        ("http://example.org:port/", "not a valid web address"),
        ("http://example.org:99999/", "not a valid web address"),
        ("http://" + "a" * 64 + ".example/", "not a valid web address"),
        ("http://a..example/", "not a valid web address"),
        ("http://\uff11\uff12\uff17.0.0.1/", "not a valid web address"),  # full-width digits
        ("http://127\u30020\u30020\u30021/", "not a valid web address"),  # ideographic full stops
        ("http://user@example.org/", "user name or password"),
        ("http://user:pass@example.org/", "user name or password"),
        ("http://:@example.org/", "user name or password"),
        ("http://example.org.:80/", "end with a dot"),
        ("http://localhost./", "end with a dot"),
        ("http://example.org\\@127.0.0.1/", "characters"),
        ("http://example.org/\r\nX-A: b", "characters"),
        ("http://example.org/" + "a" * 2048, "longer than 2048"),
    ],
)
def test_an_address_that_is_not_clean_is_refused_with_its_reason(url: str, part: str) -> None:
    assert part in refused(PublicHttp(), url)


def test_a_name_that_points_to_a_private_address_is_refused(names: Names, site: Any) -> None:
    names.addresses["intranet.example"] = ["127.0.0.1"]
    port = site.url.rpartition(":")[2]
    assert "intranet.example" in refused(PublicHttp(), f"http://intranet.example:{port}/")
    assert site.requests == []


def test_the_address_checked_is_the_address_connected_to(
    names: Names, router: list[str], site: Any
) -> None:
    site.answer("/", body=b"public")
    names.addresses["rebind.example"] = [PUBLIC_ADDRESS, "127.0.0.1"]
    port = site.url.rpartition(":")[2]
    door = PublicHttp()
    fetched = door.fetch(f"http://rebind.example:{port}/", max_bytes=1000)
    assert fetched.body == b"public"
    assert router == [PUBLIC_ADDRESS]
    assert names.asked == ["rebind.example"]
    assert site.requests[0][1]["Host"] == f"rebind.example:{port}"
    refused(door, f"http://rebind.example:{port}/")
    assert router == [PUBLIC_ADDRESS]


def test_a_redirect_to_the_same_name_is_looked_up_and_checked_again(
    names: Names, router: list[str], site: Any
) -> None:
    site.answer("/", 302, Location="/secret")
    site.answer("/secret", body=b"secret")
    names.addresses["rebind.example"] = [PUBLIC_ADDRESS, "127.0.0.1"]
    port = site.url.rpartition(":")[2]
    refused(PublicHttp(), f"http://rebind.example:{port}/")
    assert router == [PUBLIC_ADDRESS]
    assert len(site.requests) == 1


def test_tls_is_checked_against_the_name_although_the_address_is_pinned(
    names: Names,
    router: list[str],
    new_site: Any,
    server_tls: ssl.SSLContext,
    trusting_tls: ssl.SSLContext,
) -> None:
    site = new_site(server_tls)
    site.answer("/", body=b"safe")
    port = site.url.rpartition(":")[2]
    names.addresses |= {"news.example": [PUBLIC_ADDRESS], "other.example": [PUBLIC_ADDRESS]}
    door = PublicHttp(tls=trusting_tls)
    assert door.fetch(f"https://news.example:{port}/", max_bytes=1000).body == b"safe"
    with pytest.raises(FetchFailed, match="its certificate is for another name"):
        door.fetch(f"https://other.example:{port}/", max_bytes=1000)
    with pytest.raises(FetchFailed, match="its certificate is not valid"):
        PublicHttp().fetch(f"https://news.example:{port}/", max_bytes=1000)
    assert router == [PUBLIC_ADDRESS] * 3


def test_an_international_name_is_looked_up_in_its_ascii_form(
    names: Names, router: list[str], site: Any
) -> None:
    site.answer("/", body=b"ok")
    names.addresses["xn--mnchen-3ya.example"] = [PUBLIC_ADDRESS]
    port = site.url.rpartition(":")[2]
    assert PublicHttp().fetch(f"http://münchen.example:{port}/", max_bytes=10).body == b"ok"


# ---------------------------------------------------------------------------------- development


def test_an_allowed_origin_is_exact(site: Any, new_site: Any, door: PublicHttp) -> None:
    site.answer("/", body=b"mine")
    other = new_site()
    other.answer("/", body=b"other")
    assert door.fetch(f"{site.url}/", max_bytes=10).body == b"mine"
    port = site.url.rpartition(":")[2]
    for url in (
        f"{other.url}/",
        f"https://127.0.0.1:{port}/",
        f"http://127.0.0.2:{port}/",
        f"http://localhost:{port}/",
        f"{site.url}@{other.url[7:]}/",
    ):
        refused(door, url)
    assert other.requests == []


def test_a_redirect_from_an_allowed_origin_to_a_private_address_is_refused(
    site: Any, new_site: Any, door: PublicHttp
) -> None:
    other = new_site()
    other.answer("/", body=b"secret")
    site.answer("/", 302, Location=f"{other.url}/")
    site.answer("/file", 302, Location="file:///etc/passwd")
    site.answer("/metadata", 307, Location="//169.254.169.254/latest/")
    assert "private network" in refused(door, f"{site.url}/")
    assert "must start with http" in refused(door, f"{site.url}/file")
    assert "private network" in refused(door, f"{site.url}/metadata")
    assert other.requests == []


# ---------------------------------------------------------------------------------- redirects


def test_redirects_are_followed_and_the_end_is_told(site: Any, door: PublicHttp) -> None:
    site.answer("/a", 302, b"x" * 100, Location="b/c?d=1#part")
    site.answer("/b/c", 303, Location="/caf\u00c3\u00a9")
    site.answer("/caf%C3%A9", body=b"here", Content_Type="text/plain")
    fetched = door.fetch(f"{site.url}/a", max_bytes=10)
    assert (fetched.status, fetched.body) == (200, b"here")
    assert fetched.url == f"{site.url}/caf%C3%A9"
    assert fetched.headers["content-type"] == "text/plain"
    assert fetched.moved_to is None


@pytest.mark.parametrize(
    ("chain", "moved"), [((301, 308), 2), ((308, 302, 301), 1), ((302, 301), 0), ((), 0)]
)
def test_only_an_unbroken_start_of_permanent_redirects_is_a_move(
    site: Any, door: PublicHttp, chain: tuple[int, ...], moved: int
) -> None:
    for hop, status in enumerate(chain):
        site.answer(f"/{hop}", status, Location=f"/{hop + 1}")
    site.answer(f"/{len(chain)}", body=b"end")
    fetched = door.fetch(f"{site.url}/0", max_bytes=10)
    assert fetched.moved_to == (f"{site.url}/{moved}" if moved else None)


def test_five_redirects_are_followed_and_six_are_not(site: Any, door: PublicHttp) -> None:
    for hop in range(6):
        site.answer(f"/{hop}", 302, Location=f"/{hop + 1}")
    site.answer("/6", body=b"end")
    assert door.fetch(f"{site.url}/1", max_bytes=10).body == b"end"
    with pytest.raises(FetchFailed, match="redirects more than 5 times"):
        door.fetch(f"{site.url}/0", max_bytes=10)


def test_a_redirect_loop_ends(site: Any, door: PublicHttp) -> None:
    site.answer("/", 301, Location="/")
    with pytest.raises(FetchFailed, match="redirects more than 5 times"):
        door.fetch(f"{site.url}/", max_bytes=10)
    assert len(site.requests) == 6


def test_the_endless_body_of_a_redirect_is_not_read(
    site: Any, raw_server: Any, read_request: Any
) -> None:
    site.answer("/", body=b"end")

    def talk(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(f"HTTP/1.1 302 Found\r\nLocation: {site.url}/\r\n\r\n".encode())
        while True:
            connection.sendall(b"x" * 65536)

    server = raw_server(talk)
    assert PublicHttp([site.url, server.url]).fetch(server.url, max_bytes=10).body == b"end"


# ---------------------------------------------------------------------------------- answers


def test_unchanged_content_is_an_answer_without_a_body(raw_server: Any, read_request: Any) -> None:
    seen: list[bytes] = []

    def talk(connection: socket.socket) -> None:
        seen.append(read_request(connection))
        connection.sendall(b"HTTP/1.1 304 Not Modified\r\nContent-Length: 99999\r\nETag: a\r\n\r\n")

    server = raw_server(talk)
    fetched = PublicHttp([server.url]).fetch(
        server.url, headers={"If-None-Match": "a"}, max_bytes=10
    )
    assert (fetched.status, fetched.body, fetched.headers["etag"]) == (304, b"", "a")
    assert b"If-None-Match: a" in seen[0]


@pytest.mark.parametrize("status", [300, 400, 401, 403, 404, 410, 429, 500, 503])
def test_any_other_status_is_named(site: Any, door: PublicHttp, status: int) -> None:
    site.answer("/", status, b"why")
    with pytest.raises(FetchFailed, match=f"status {status}"):
        door.fetch(f"{site.url}/", max_bytes=10)


def test_a_redirect_without_a_target_is_named(site: Any, door: PublicHttp) -> None:
    site.answer("/", 302)
    with pytest.raises(FetchFailed, match="status 302"):
        door.fetch(f"{site.url}/", max_bytes=10)


def test_cookies_are_not_carried_along(site: Any, door: PublicHttp) -> None:
    site.answer("/", 302, Location="/b", Set_Cookie="a=1; Path=/")
    site.answer("/b", body=b"b")
    door.fetch(f"{site.url}/", max_bytes=10)
    door.fetch(f"{site.url}/b", max_bytes=10)
    assert all("Cookie" not in headers for _, headers, _ in site.requests)


@pytest.mark.parametrize(
    ("manner", "message"),
    [
        (b"", "closed the connection without an answer"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", "cut off"),
        (b"SSH-2.0-OpenSSH_9.6\r\n", "did not answer in HTTP"),
        (b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nnope", "unpacked"),
    ],
)
def test_a_server_that_does_not_answer_properly_is_described(
    raw_server: Any, read_request: Any, manner: bytes, message: str
) -> None:
    def talk(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(manner)

    server = raw_server(talk)
    with pytest.raises(FetchFailed, match=message) as caught:
        PublicHttp([server.url]).fetch(server.url, max_bytes=1000)
    assert caught.value.__context__ is None


def test_a_name_that_does_not_exist_and_a_closed_port_are_told_apart() -> None:
    with pytest.raises(FetchFailed, match=r"feeds\.invalid could not be read: its name"):
        PublicHttp().fetch("https://feeds.invalid/", max_bytes=10)
    with socket.create_server(("127.0.0.1", 0)) as closed:
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
    with pytest.raises(FetchFailed, match="refused the connection"):
        PublicHttp([url]).fetch(url, max_bytes=10)


# ---------------------------------------------------------------------------------- limits


def test_content_of_exactly_the_limit_is_read_and_one_byte_more_is_not(
    site: Any, door: PublicHttp
) -> None:
    site.answer("/", body=b"x" * 1000)
    assert len(door.fetch(f"{site.url}/", max_bytes=1000).body) == 1000
    with pytest.raises(TooLarge, match=r"sends more than 0\.976 KB"):
        door.fetch(f"{site.url}/", max_bytes=999)


def test_a_fifty_megabyte_feed_is_refused_before_it_is_read(
    raw_server: Any, read_request: Any
) -> None:
    sent: list[int] = []

    def talk(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 52428800\r\n\r\n")
        for _ in range(800):
            connection.sendall(b"x" * 65536)
            sent.append(65536)

    server = raw_server(talk)
    with pytest.raises(TooLarge, match="sends more than 5 MB"):
        PublicHttp([server.url]).fetch(server.url, max_bytes=5 * MEGABYTE)
    assert sum(sent) < 20 * MEGABYTE


def test_a_fifty_megabyte_feed_without_a_length_is_cut_at_the_limit(
    raw_server: Any, read_request: Any
) -> None:
    def talk(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(800):
            connection.sendall(b"10000\r\n" + b"x" * 65536 + b"\r\n")

    server = raw_server(talk)
    with pytest.raises(TooLarge):
        PublicHttp([server.url]).fetch(server.url, max_bytes=5 * MEGABYTE)


def _gzip_bomb() -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    zeros = b"\0" * MEGABYTE
    return b"".join(packer.compress(zeros) for _ in range(50)) + packer.flush()


def _deflate_bomb() -> bytes:
    packer = zlib.compressobj(9)
    zeros = b"\0" * MEGABYTE
    return b"".join(packer.compress(zeros) for _ in range(50)) + packer.flush()


def _brotli_bomb() -> bytes:
    packer = brotli.Compressor(quality=3)
    zeros = b"\0" * MEGABYTE
    return b"".join(packer.process(zeros) for _ in range(50)) + packer.finish()


@pytest.mark.parametrize(
    ("encoding", "bomb"),
    [
        ("gzip", _gzip_bomb),
        ("deflate", _deflate_bomb),
        ("br", _brotli_bomb),
        ("gzip, gzip", lambda: gzip.compress(_gzip_bomb())),
    ],
)
def test_a_packed_bomb_is_refused_without_being_unpacked(
    site: Any, door: PublicHttp, encoding: str, bomb: Callable[[], bytes]
) -> None:
    packed = bomb()
    assert len(packed) < MEGABYTE
    site.answer("/", body=packed, Content_Encoding=encoding)
    tracemalloc.start()
    try:
        with pytest.raises(TooLarge):
            door.fetch(f"{site.url}/", max_bytes=2 * MEGABYTE)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 10 * MEGABYTE


def test_packed_bytes_that_unpack_to_nothing_count_as_well(
    raw_server: Any, read_request: Any
) -> None:
    nothing = gzip.compress(b"") * 1000

    def talk(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n")
        while True:
            connection.sendall(nothing)

    server = raw_server(talk)
    with pytest.raises(TooLarge):
        PublicHttp([server.url]).fetch(server.url, max_bytes=MEGABYTE)


def test_packed_content_within_the_limit_is_unpacked(site: Any, door: PublicHttp) -> None:
    text = b"feed " * 1000
    site.answer("/gzip", body=gzip.compress(text), Content_Encoding="gzip")
    site.answer("/br", body=brotli.compress(text), Content_Encoding="br")
    for path in ("/gzip", "/br"):
        assert door.fetch(site.url + path, max_bytes=5000).body == text


def test_the_deadline_holds_over_all_hops_and_drips(site: Any, door: PublicHttp) -> None:
    over = threading.Event()

    def slow(handler: BaseHTTPRequestHandler) -> None:
        over.wait(0.2)
        handler.send_response(302)
        handler.send_header("Location", "/drip")
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    def drip(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "1000")
        handler.end_headers()
        while not over.wait(0.05):
            handler.wfile.write(b"x")

    site.pages |= {"/": slow, "/drip": drip}
    begun = time.monotonic()
    with pytest.raises(FetchFailed, match=r"longer than 0\.5 seconds|in time"):
        door.fetch(f"{site.url}/", max_bytes=1000, deadline_seconds=0.5)
    over.set()
    assert 0.4 < time.monotonic() - begun < 10


def test_every_refusal_is_one_kind_of_error() -> None:
    for error in (AddressRefused, FetchFailed, TooLarge):
        assert issubclass(error, FetchError)


# ---------------------------------------------------------------------------------- servers that try it


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("target", ["http://intranet.example:{port}/", "//169.254.169.254/", "http://[fd00:ec2::254]/"])  # fmt: skip
def test_no_kind_of_redirect_leads_inside(
    names: Names, site: Any, door: PublicHttp, status: int, target: str
) -> None:
    other = site.url.rpartition(":")[2]
    names.addresses["intranet.example"] = ["127.0.0.1"]
    site.answer("/", status, Location=target.format(port=other))
    assert "private network" in refused(door, f"{site.url}/")
    assert len(site.requests) == 1


@pytest.mark.parametrize(
    "address",
    [
        "::1", "::ffff:127.0.0.1", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "2002:a9fe:a9fe::",
        "fd00:ec2::254", "fe80::1", "fec0::1", "169.254.169.254", "100.100.100.200", "0.0.0.0", "10.0.0.1",  # noqa: S104
    ],
)  # fmt: skip
def test_a_name_is_judged_by_its_address_of_either_family(
    names: Names, router: list[str], address: str
) -> None:
    names.addresses["sly.example"] = [address]
    assert "sly.example" in refused(PublicHttp(), "http://sly.example/")
    assert router == []


def test_a_name_with_several_addresses_is_connected_to_the_checked_one_only(
    monkeypatch: pytest.MonkeyPatch, router: list[str], site: Any
) -> None:
    site.answer("/", body=b"inside")
    port = int(site.url.rpartition(":")[2])
    unreachable = "93.184.215.99"
    real = socket.getaddrinfo

    def both(host: Any, *args: Any, **kwargs: Any) -> Any:
        if host != "both.example":
            return real(host, *args, **kwargs)
        kind = (socket.AF_INET, socket.SOCK_STREAM, 6, "")
        return [(*kind, (unreachable, port)), (*kind, ("127.0.0.1", port))]

    def dead(self: socket.socket, address: Any) -> None:
        router.append(address[0])
        raise ConnectionRefusedError

    monkeypatch.setattr(socket, "getaddrinfo", both)
    monkeypatch.setattr(socket.socket, "connect", dead)
    with pytest.raises(FetchError):
        PublicHttp().fetch(f"http://both.example:{port}/", max_bytes=10, deadline_seconds=3)
    assert "127.0.0.1" not in router
    assert site.requests == []


def test_a_proxy_named_in_the_environment_is_not_used(
    monkeypatch: pytest.MonkeyPatch, site: Any, names: Names, door: PublicHttp
) -> None:
    """A proxy would look up the name by itself, past every check."""
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, site.url)
    names.addresses["intranet.example"] = ["10.0.0.1"]
    assert "private network" in refused(door, "http://intranet.example/")
    assert site.requests == []


def test_a_bomb_behind_a_redirect_is_refused_as_well(site: Any, door: PublicHttp) -> None:
    site.answer("/", 302, Location="/bomb")
    site.answer("/bomb", body=_gzip_bomb(), Content_Encoding="gzip")
    with pytest.raises(TooLarge):
        door.fetch(f"{site.url}/", max_bytes=MEGABYTE)


def test_encodings_piled_on_each_other_are_refused(site: Any, door: PublicHttp) -> None:
    body = b"x"
    for _ in range(50):
        body = gzip.compress(body)
    site.answer("/", body=body, Content_Encoding=", ".join(["gzip"] * 50))
    with pytest.raises(FetchError):
        door.fetch(f"{site.url}/", max_bytes=MEGABYTE)


@pytest.mark.parametrize(
    "piece", [b"X-A: b\r\n", b"X-A: " + b"b" * 60_000 + b"\r\n", b"x" * 65536], ids=["many", "long", "endless"]
)  # fmt: skip
def test_headers_without_end_are_not_read_to_their_end(
    raw_server: Any, read_request: Any, piece: bytes
) -> None:
    sent: list[int] = []

    def talk(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\n")
        while True:
            connection.sendall(piece)
            sent.append(len(piece))

    server = raw_server(talk)
    with pytest.raises(FetchError):
        PublicHttp([server.url]).fetch(server.url, max_bytes=MEGABYTE, deadline_seconds=20)
    assert sum(sent) < 20 * MEGABYTE


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_server_that_only_listens_is_left_at_the_deadline(raw_server: Any, scheme: str) -> None:
    over = threading.Event()
    server = raw_server(lambda connection: over.wait(60))
    url = server.url.replace("http", scheme)
    begun = time.monotonic()
    with pytest.raises(FetchFailed):
        PublicHttp([url]).fetch(url, max_bytes=10, deadline_seconds=0.5)
    over.set()
    assert time.monotonic() - begun < 20  # its own patience is a minute


# ---------------------------------------------------------------------------------- good manners


def test_whoever_runs_a_server_learns_who_reads_it(site: Any) -> None:
    site.answer("/", body=b"x")
    PublicHttp([site.url], contact="https://lin.example").fetch(f"{site.url}/", max_bytes=10)
    PublicHttp([site.url]).fetch(f"{site.url}/", max_bytes=10)
    told = [headers["User-Agent"] for _, headers, _ in site.requests]
    assert told == ["Lin/1.0 (+https://lin.example)", "Lin/1.0"]


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ("", None),
        ("Retry-After: 120", 120),
        ("Retry-After: soon", None),
        # by the server's own clock, however wrong
        ("Date: Mon, 09 Mar 2020 10:00:00 GMT\r\nRetry-After: Mon, 09 Mar 2020 10:01:00 GMT", 60),
    ],
    ids=["nothing", "seconds", "nonsense", "date"],
)
def test_a_refusal_tells_its_status_and_how_long_to_wait(
    raw_server: Any, read_request: Any, headers: str, seconds: float | None
) -> None:
    def talk(connection: socket.socket) -> None:
        read_request(connection)
        head = "\r\n".join(filter(None, ["HTTP/1.1 503 Busy", "Content-Length: 0", headers]))
        connection.sendall(f"{head}\r\n\r\n".encode())

    server = raw_server(talk)
    with pytest.raises(FetchFailed) as caught:
        PublicHttp([server.url]).fetch(server.url, max_bytes=10)
    assert (caught.value.status, caught.value.retry_after_seconds) == (503, seconds)

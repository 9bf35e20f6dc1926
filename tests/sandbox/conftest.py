"""One real server for the session; every test has an app and members of its own."""

from __future__ import annotations

import io
import secrets
import socket
import struct
import threading
from collections.abc import Callable, Iterator

import pytest
from PIL import Image

from local.sandbox.driver import Caller, Sandbox
from local.sandbox.registry import build
from local.sandbox.server import SandboxServer

VETTED = [
    "openid",
    "profile",
    "email",
    "w_member_social",
    "r_member_social",
    "r_member_postAnalytics",
    "w_organization_social",
    "r_organization_social",
    "rw_organization_admin",
]


@pytest.fixture(scope="session")
def sandbox() -> Iterator[Sandbox]:
    world, mounts = build()
    bound = socket.create_server(("127.0.0.1", 0))
    with SandboxServer(bound, world, mounts) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield Sandbox(f"http://127.0.0.1:{bound.getsockname()[1]}")
        server.shutdown()
        thread.join()


@pytest.fixture
def app(sandbox: Sandbox) -> dict[str, str]:
    """An app with the self-serve products."""
    fields = {"client_id": f"app-{secrets.token_hex(4)}", "client_secret": secrets.token_hex(8)}
    redirect_uri = "https://lin.example/api/linkedin/callback"
    sandbox.tell("apps", **fields, redirect_uris=[redirect_uri], name="Lin <b>test</b>")
    return fields | {"redirect_uri": redirect_uri}


@pytest.fixture
def amy(sandbox: Sandbox, app: dict[str, str]) -> Caller:
    """A signed-in member nobody else uses."""
    return sandbox.caller(client_id=app["client_id"], name="Amy Example")


@pytest.fixture
def ben(sandbox: Sandbox, app: dict[str, str]) -> Caller:
    """Another member of the same app."""
    return sandbox.caller(client_id=app["client_id"], name="Ben Example")


@pytest.fixture
def page() -> str:
    """The id of a page nobody else uses."""
    return str(secrets.randbelow(10**9))


@pytest.fixture
def vetted(sandbox: Sandbox, page: str) -> Caller:
    """A member with a page, signed in to an app that LinkedIn vetted."""
    client_id = f"vetted-{secrets.token_hex(4)}"
    sandbox.tell("apps", client_id=client_id, client_secret="s", scopes=VETTED)
    main = {"id": page, "name": "Harbour Bakery", "role": "ADMINISTRATOR"}
    ads = {"id": "78", "name": "Ads only", "role": "DIRECT_SPONSORED_CONTENT_POSTER"}
    member = sandbox.tell("members", name="Vera Vetted", organizations=[main, ads])["member"]
    return sandbox.caller(client_id=client_id, member=member, scopes=VETTED)


@pytest.fixture(scope="session")
def png() -> bytes:
    data = io.BytesIO()
    Image.new("RGB", (40, 30), "teal").save(data, "PNG")
    return data.getvalue()


@pytest.fixture(scope="session")
def pdf() -> bytes:
    data = io.BytesIO()
    Image.new("RGB", (40, 30), "teal").save(data, "PDF")
    return data.getvalue()


@pytest.fixture(scope="session")
def mp4() -> Callable[[int, float], bytes]:
    """Make an MP4 of so many bytes and seconds: one video track described, its data all zeros."""
    return _mp4


def _box(kind: bytes, *content: bytes) -> bytes:
    body = b"".join(content)
    return struct.pack(">I", len(body) + 8) + kind + body


def _mp4(size: int, seconds: float = 5.0) -> bytes:
    # ISO/IEC 14496-12: times are in thousandths of a second, the track is 64 by 48 pixels.
    length = struct.pack(">I", int(seconds * 1000))
    matrix = struct.pack(">9I", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)
    scale = bytes(12) + struct.pack(">I", 1000) + length
    volume = struct.pack(">IH10x", 0x10000, 0x100)
    movie = _box(b"mvhd", scale, volume, matrix, bytes(24), struct.pack(">I", 2))
    shape = struct.pack(">II", 64 << 16, 48 << 16)
    track = _box(
        b"tkhd", b"\0\0\0\7", bytes(8), b"\0\0\0\1", bytes(4), length, bytes(16), matrix, shape
    )
    pixels = struct.pack(">HHIIIH", 64, 48, 72 << 16, 72 << 16, 0, 1)
    codec = _box(b"mp4v", bytes(6), b"\0\1", bytes(16), pixels, bytes(32), b"\0\x18\xff\xff")
    one = b"\0\0\0\1"
    table = _box(
        b"stbl",
        _box(b"stsd", bytes(4), one, codec),
        _box(b"stts", bytes(4), one, one, length),
        _box(b"stsc", bytes(4), one, one, one, one),
        _box(b"stsz", bytes(4), struct.pack(">I", 1000), one),
        _box(b"stco", bytes(4), one, bytes(4)),
    )
    handler = _box(b"hdlr", bytes(8), b"vide", bytes(13))
    media = _box(b"mdia", _box(b"mdhd", scale, bytes(4)), handler, _box(b"minf", table))
    start = _box(b"ftyp", b"isom\0\0\2\0isomiso2mp41")
    start += _box(b"moov", movie, _box(b"trak", track, media))
    return start + _box(b"mdat", bytes(size - len(start) - 8))

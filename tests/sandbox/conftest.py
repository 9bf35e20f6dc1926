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
from local.sandbox.graph.driver import GraphApp, GraphCaller
from local.sandbox.registry import build
from local.sandbox.server import SandboxServer
from local.sandbox.tiktok.driver import TikToker
from local.sandbox.x.calling import AppCaller, XCaller
from tests.sandbox.tiktok_files import FileServer, file_server

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
        driver = Sandbox(f"http://127.0.0.1:{bound.getsockname()[1]}")
        yield driver
        driver.tell("reset")
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


@pytest.fixture
def x_app(sandbox: Sandbox) -> AppCaller:
    """A confidential X app on self-serve access."""
    caller = AppCaller(
        sandbox,
        f"x-app-{secrets.token_hex(4)}",
        secrets.token_hex(8),
        "https://lin.example/api/x/callback",
    )
    sandbox.tell(
        "apps",
        platform="x",
        client_id=caller.client_id,
        client_secret=caller.client_secret,
        redirect_uris=[caller.redirect_uri],
        name="Lin <b>test</b>",
    )
    return caller


@pytest.fixture
def xan(sandbox: Sandbox, x_app: AppCaller) -> XCaller:
    """A member with X tokens nobody else uses."""
    return XCaller.new(sandbox, client_id=x_app.client_id, name="Xan Example")


@pytest.fixture
def xia(sandbox: Sandbox, x_app: AppCaller) -> XCaller:
    """Another member of the same X app."""
    return XCaller.new(sandbox, client_id=x_app.client_id, name="Xia Example")


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
def mp4() -> Callable[..., bytes]:
    """Make an MP4 of so many bytes and seconds: one video track described, its data all zeros.

    ``codec`` (``avc1`` is H.264) and ``size_in_pixels`` can be given.
    """
    return _mp4


def _box(kind: bytes, *content: bytes) -> bytes:
    body = b"".join(content)
    return struct.pack(">I", len(body) + 8) + kind + body


def _mp4(
    size: int,
    seconds: float = 5.0,
    codec: bytes = b"mp4v",
    size_in_pixels: tuple[int, int] = (64, 48),
) -> bytes:
    # ISO/IEC 14496-12: times are in thousandths of a second.
    width, height = size_in_pixels
    length = struct.pack(">I", int(seconds * 1000))
    matrix = struct.pack(">9I", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)
    scale = bytes(12) + struct.pack(">I", 1000) + length
    volume = struct.pack(">IH10x", 0x10000, 0x100)
    movie = _box(b"mvhd", scale, volume, matrix, bytes(24), struct.pack(">I", 2))
    shape = struct.pack(">II", width << 16, height << 16)
    track = _box(
        b"tkhd", b"\0\0\0\7", bytes(8), b"\0\0\0\1", bytes(4), length, bytes(16), matrix, shape
    )
    pixels = struct.pack(">HHIIIH", width, height, 72 << 16, 72 << 16, 0, 1)
    entry = _box(codec, bytes(6), b"\0\1", bytes(16), pixels, bytes(32), b"\0\x18\xff\xff")
    one = b"\0\0\0\1"
    table = _box(
        b"stbl",
        _box(b"stsd", bytes(4), one, entry),
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


@pytest.fixture(scope="session")
def one_server() -> Iterator[FileServer]:
    with file_server() as server:
        yield server


@pytest.fixture
def serving(sandbox: Sandbox, one_server: FileServer) -> FileServer:
    """A file server that the platforms may fetch from, with nothing on it yet."""
    one_server.clear()
    sandbox.tell("origins", origins=[one_server.url])
    return one_server


@pytest.fixture
def tiktok(sandbox: Sandbox, serving: FileServer) -> dict[str, str]:
    """An audited TikTok app that may let TikTok pull from the file server."""
    fields = {"client_id": f"tt-{secrets.token_hex(4)}", "client_secret": secrets.token_hex(8)}
    uri = "https://lin.example/api/tiktok/callback"
    more = {"redirect_uris": [uri], "verified_prefixes": [f"{serving.url}/media/"]}
    sandbox.tell("apps", platform="tiktok", **fields, **more)
    return fields | {"redirect_uri": uri}


@pytest.fixture
def tia(sandbox: Sandbox, tiktok: dict[str, str]) -> TikToker:
    """A member of TikTok nobody else uses, with a token for everything."""
    return TikToker.new(sandbox, client_id=tiktok["client_id"], name="Tia Example")


@pytest.fixture
def tom(sandbox: Sandbox, tiktok: dict[str, str]) -> TikToker:
    """Another member of the same app."""
    return TikToker.new(sandbox, client_id=tiktok["client_id"], name="Tom Example")


@pytest.fixture
def facebook(sandbox: Sandbox) -> GraphApp:
    """A Facebook app."""
    scope = "pages_show_list,pages_read_engagement,pages_manage_posts"
    return GraphApp.new(sandbox, "facebook", "https://www.facebook.com/v24.0/dialog/oauth", scope)


@pytest.fixture
def fay(sandbox: Sandbox, facebook: GraphApp) -> GraphCaller:
    """A page with a token, nobody else's."""
    return GraphCaller.new(sandbox, "facebook", client_id=facebook.client_id, name="Fay Page")


@pytest.fixture
def instagram(sandbox: Sandbox) -> GraphApp:
    """An Instagram app (Instagram Login)."""
    scope = "instagram_business_basic,instagram_business_content_publish"
    return GraphApp.new(sandbox, "instagram", "https://www.instagram.com/oauth/authorize", scope)


@pytest.fixture
def ivy(sandbox: Sandbox, instagram: GraphApp, serving: FileServer) -> GraphCaller:
    """An account with Instagram Login; media can be fetched from ``serving``."""
    return GraphCaller.new(sandbox, "instagram", client_id=instagram.client_id, name="Ivy Image")


@pytest.fixture
def finn(sandbox: Sandbox, facebook: GraphApp, serving: FileServer) -> GraphCaller:
    """An account that comes with a Facebook page."""
    return GraphCaller.new(
        sandbox, "instagram", login="facebook", client_id=facebook.client_id, name="Finn Photo"
    )

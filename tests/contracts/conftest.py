"""Every platform of the registry, talking over HTTP to a sandbox that is as strict as the platform."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
import re
import secrets
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any
from urllib.parse import parse_qs, urljoin, urlsplit

import pytest
from PIL import Image

from backend.core.errors import LeaseLost
from backend.core.platform_contract import (
    Attachment,
    Content,
    Follows,
    Identity,
    Platform,
    Published,
    Tokens,
)
from backend.core.ports import MediaKind, PictureLimits
from backend.media.fitting import fit_picture
from backend.outbound import PlatformHttp
from backend.platforms import PLATFORMS
from local.sandbox.driver import Sandbox
from local.sandbox.registry import build
from local.sandbox.server import SandboxServer
from tests.contracts.shelf import shelf

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


class Kept:
    """Notes in memory. `stop_before` makes the worker "die" as it wants to keep something of that name."""

    def __init__(self, **values: Any) -> None:
        self.values: dict[str, Any] = dict(values)
        self.stop_before: str | None = None

    def get(self, name: str, default: Any = None) -> Any:
        return self.values.get(name, default)

    def keep(self, **values: Any) -> None:
        if self.stop_before in values:
            raise LeaseLost("the worker died here")
        # as the database does: JSON, so what is not JSON shows here
        self.values |= json.loads(json.dumps(values))
        self.values = {name: value for name, value in self.values.items() if value is not None}


@pytest.fixture(scope="session")
def one_sandbox() -> Iterator[Sandbox]:
    world, mounts = build()
    bound = socket.create_server(("127.0.0.1", 0))
    with SandboxServer(bound, world, mounts) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield Sandbox(f"http://127.0.0.1:{bound.getsockname()[1]}")
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def sandbox(one_sandbox: Sandbox) -> Iterator[Sandbox]:
    """The platforms, with nobody on them yet."""
    one_sandbox.tell("origins", origins=[shelf().origin])
    yield one_sandbox
    # videos are large
    one_sandbox.tell("reset")
    shelf().clear()


@dataclass
class App:
    """A developer app at the sandbox, and our client with its credentials."""

    sandbox: Sandbox
    name: str
    client_id: str
    client_secret: str
    redirect_uri: str
    platform: Platform

    def with_door(self, url: str | None = None, **door: Any) -> Platform:
        """The same client with another way out."""
        return client(
            self.name, url or self.sandbox.url, self.client_id, self.client_secret, **door
        )

    def new_member(self, name: str = "Ada Lovelace") -> str:
        """A member of the platform nobody else uses, by the sandbox's id."""
        return str(self.sandbox.tell("members", name=name)["member"])

    def consent(
        self, member: str, *, decision: str = "allow", verifier: str = "v" * 64
    ) -> dict[str, str]:
        """Walk the consent page as a browser does; returns the query with which the platform sends it back."""
        url, state = self._asked(verifier)
        page = self.sandbox.http.get(url, timeout=10)
        assert page.status_code == 200, page.text
        assert "<form" in page.text
        action = re.search(r'<form[^>]*\baction="([^"]+)"', page.text)
        return self._answered(urljoin(page.url, action[1]) if action else page.url, state, member, decision)  # fmt: skip

    def _asked(self, verifier: str) -> tuple[str, str]:
        """Where the browser is sent to, and the state that has to come back."""
        state = secrets.token_urlsafe(16)
        url = self.platform.authorization_url(
            state=state, redirect_uri=self.redirect_uri, verifier=verifier
        )
        return url, state

    def _answered(self, url: str, state: str, member: str, decision: str) -> dict[str, str]:
        """Send the form of the consent page to `url`."""
        back = self.sandbox.http.post(
            url, {"member": member, "decision": decision}, timeout=10, allow_redirects=False
        )
        address = urlsplit(back.headers["Location"])
        assert f"{address.scheme}://{address.netloc}{address.path}" == self.redirect_uri
        query = {name: values[0] for name, values in parse_qs(address.query).items()}
        assert query.pop("state") == state
        return query

    def exchange(self, code: str) -> Tokens:
        return self.platform.exchange_code(
            code=code, redirect_uri=self.redirect_uri, verifier="v" * 64, now=NOW
        )

    def connect(self, name: str = "Ada Lovelace") -> Account:
        """A connected account of a new member, who answers the consent page without a look at it."""
        member = self.new_member(name)
        url, state = self._asked("v" * 64)
        code = self._answered(url, state, member, "allow")["code"]
        granted = self.platform.accounts(self.exchange(code))[0]
        return Account(self, member, granted.tokens, granted.identity)


@dataclass
class Account:
    """A connected account."""

    app: App
    member: str
    tokens: Tokens
    identity: Identity

    def prepare(self, content: Content, notes: Kept | None = None) -> Any:
        """Prepare it with its pictures made to fit, as the worker does."""
        platform = self.app.platform
        sent = fitted(content, platform.pictures)
        assert platform.violations(sent) == []
        return platform.prepare(self.tokens, self.identity, sent, notes or Kept())

    def publish(self, content: Content, notes: Kept | None = None) -> Published:
        """Publish and, where the platform finishes later, ask until it has."""
        notes, platform = notes or Kept(), self.app.platform
        answer = platform.publish(self.tokens, self.prepare(content, notes), notes)
        for _ in range(50):
            if isinstance(answer, Published):
                return answer
            assert isinstance(platform, Follows)
            self.app.sandbox.tell("clock", advance_seconds=1, member=self.member)
            answer = platform.outcome(self.tokens, self.identity, content, notes, since=NOW)  # type: ignore[assignment]
        raise AssertionError("the platform never finishes")

    @property
    def posts(self) -> list[dict[str, Any]]:
        """What the platform accepted from this member, newest first."""
        return self.app.sandbox.posts(self.member)

    def order(self, order: dict[str, Any], **match: Any) -> None:
        """Order a fault for requests of this member."""
        self.app.sandbox.order(order, member=self.member, **match)


def client(
    name: str, url: str | None, client_id: str | None, client_secret: str | None, **door: Any
) -> Platform:
    way_out = PlatformHttp(url, total_timeout=door.pop("total_timeout", 10.0), **door)
    platform = PLATFORMS[name]
    # what the tests' platforms need beside the credentials, where they know it
    wanted: dict[str, Any] = {"media_grace_seconds": 0.0, "pull_prefix": shelf().origin}
    own = {key: wanted[key] for key in wanted if key in platform.Settings.model_fields}
    settings = platform.Settings(client_id=client_id, client_secret=client_secret, **own)
    made: Platform = platform(
        way_out, settings, pause=lambda seconds: time.sleep(min(seconds, 0.5))
    )
    return made


def make_app(sandbox: Sandbox, name: str, **more: Any) -> App:
    if "pull_prefix" in PLATFORMS[name].Settings.model_fields:
        # it fetches only from where an app has verified to be at home
        more.setdefault("verified_prefixes", [shelf().origin])
    client_id, secret = f"app-{secrets.token_hex(6)}", secrets.token_hex(12)
    redirect_uri = f"https://api.example.org/api/platforms/{name}/callback"
    sandbox.tell(
        "apps",
        platform=name,
        client_id=client_id,
        client_secret=secret,
        redirect_uris=[redirect_uri],
        **more,
    )
    return App(
        sandbox, name, client_id, secret, redirect_uri, client(name, sandbox.url, client_id, secret)
    )


def offering(capability: type[Any]) -> list[str]:
    """The platforms that have what this small protocol of the contract asks for."""
    return [name for name, platform in PLATFORMS.items() if all(hasattr(platform, each) for each in members_of(capability))]  # fmt: skip


def members_of(protocol: type[Any]) -> list[str]:
    """The names that a platform has to have for it."""
    return [name for name in vars(protocol) if not name.startswith("_")]


@pytest.fixture(params=sorted(PLATFORMS))
def app(request: pytest.FixtureRequest, sandbox: Sandbox) -> App:
    """An app of each platform of the registry."""
    return make_app(sandbox, request.param)


@pytest.fixture
def account(app: App) -> Account:
    return app.connect()


@pytest.fixture
def linkedin(sandbox: Sandbox) -> App:
    return make_app(sandbox, "linkedin")


@pytest.fixture
def ada(linkedin: App) -> Account:
    return linkedin.connect()


# ------------------------------------------------------------------------------------ files


def fitted(content: Content, limits: PictureLimits | None) -> Content:
    """The content with its pictures as the worker hands them over."""
    if limits is None:
        return content
    done = []
    for one in content.attachments:
        if one.kind == "image":
            made = fit_picture(one.open(), one.mime, limits)
            one = dataclasses.replace(
                one, mime=made.mime, bytes=len(made.content), width=made.width, height=made.height,
                open=partial(io.BytesIO, made.content), url=partial(shelf().put, made.content, made.mime),
            )  # fmt: skip
        done.append(one)
    return dataclasses.replace(content, attachments=tuple(done))


def sample(platform: Any, text: str = "Good morning", *, shade: int = 0) -> Content:
    """The simplest content that the platform takes: a text, with a picture only where none goes without."""
    required = platform.LIMITS["media"].get("required")
    files = (attachment("image", picture(shade)),) if required else ()
    return Content(text, files)


def attachment(
    kind: MediaKind, data: bytes, alt_text: str | None = None, *, name: str = ""
) -> Attachment:
    mimes = {
        "image": "image/png",
        "gif": "image/gif",
        "video": "video/mp4",
        "document": "application/pdf",
        "audio": "audio/mpeg",
    }
    title = name or f"file.{mimes[kind].rpartition('/')[2]}"
    digest = hashlib.sha256(data).hexdigest()[:8]
    return Attachment(
        digest, kind, mimes[kind], len(data), alt_text, title, lambda: io.BytesIO(data),
        url=lambda: shelf().put(data, mimes[kind]),
    )  # fmt: skip


def picture(shade: int = 0, kind: str = "PNG") -> bytes:
    data = io.BytesIO()
    Image.new("RGB", (400, 300), (shade, 120, 120)).save(data, kind)
    return data.getvalue()


@pytest.fixture(scope="session")
def mp4() -> Callable[[int], bytes]:
    """Makes an MP4 of so many bytes and five seconds."""
    return _mp4


def _box(kind: bytes, *content: bytes) -> bytes:
    body = b"".join(content)
    return struct.pack(">I", len(body) + 8) + kind + body


def _mp4(size: int) -> bytes:
    # ISO/IEC 14496-12: times in thousandths of a second, 64 by 48 pixels; the data differs from byte to byte, so that
    # parts in the wrong order would show
    one, length = struct.pack(">I", 1), struct.pack(">I", 5000)
    matrix = struct.pack(">9I", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)
    scale = bytes(12) + struct.pack(">I", 1000) + length
    movie = _box(
        b"mvhd",
        scale,
        struct.pack(">IH10x", 0x10000, 0x100),
        matrix,
        bytes(24),
        struct.pack(">I", 2),
    )
    track = _box(
        b"tkhd",
        b"\0\0\0\7",
        bytes(8),
        one,
        bytes(4),
        length,
        bytes(16),
        matrix,
        struct.pack(">II", 64 << 16, 48 << 16),
    )
    pixels = struct.pack(">HHIIIH", 64, 48, 72 << 16, 72 << 16, 0, 1)
    codec = _box(b"mp4v", bytes(6), b"\0\1", bytes(16), pixels, bytes(32), b"\0\x18\xff\xff")
    table = _box(
        b"stbl",
        _box(b"stsd", bytes(4), one, codec),
        _box(b"stts", bytes(4), one, one, length),
        _box(b"stsc", bytes(4), one, one, one, one),
        _box(b"stsz", bytes(4), struct.pack(">I", 1000), one),
        _box(b"stco", bytes(4), one, bytes(4)),
    )
    media = _box(
        b"mdia",
        _box(b"mdhd", scale, bytes(4)),
        _box(b"hdlr", bytes(8), b"vide", bytes(13)),
        _box(b"minf", table),
    )
    start = _box(b"ftyp", b"isom\0\0\2\0isomiso2mp41") + _box(
        b"moov", movie, _box(b"trak", track, media)
    )
    length_left = size - len(start) - 8
    data = (bytes(range(251)) * (length_left // 251 + 1))[:length_left]
    return start + _box(b"mdat", data)

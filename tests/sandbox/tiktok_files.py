"""Videos and photos made byte by byte, and a server TikTok can fetch them from."""

from __future__ import annotations

import io
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from PIL import Image

SIDES = (720, 1280)


def photo(kind: str = "JPEG", size: tuple[int, int] = (60, 80), shade: int = 0) -> bytes:
    data = io.BytesIO()
    Image.new("RGB", size, (shade, 120, 120)).save(data, kind)
    return data.getvalue()


def video(
    size: int = 20_000,
    *,
    seconds: float = 5.0,
    fps: float = 30.0,
    sides: tuple[int, int] = SIDES,
    codec: bytes = b"avc1",
    brand: bytes = b"isom",
) -> bytes:
    """An MP4 (or MOV: brand ``qt  ``) of exactly so many bytes, described as told.

    ISO/IEC 14496-12: times are in thousandths of a second. The data is no real picture, but it
    differs from byte to byte, so that chunks in the wrong order would show.
    """
    frames, delta = max(1, round(seconds * fps)), round(1000 / fps)
    length = struct.pack(">I", int(seconds * 1000))
    matrix = struct.pack(">9I", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)
    scale = bytes(12) + struct.pack(">I", 1000) + length
    volume = struct.pack(">IH10x", 0x10000, 0x100)
    movie = _box(b"mvhd", scale, volume, matrix, bytes(24), struct.pack(">I", 2))
    shape = struct.pack(">II", sides[0] << 16, sides[1] << 16)
    head = b"\0\0\0\7" + bytes(8) + b"\0\0\0\1" + bytes(4) + length + bytes(16)
    track = _box(b"tkhd", head, matrix, shape)
    pixels = struct.pack(">HHIIIH", *sides, 72 << 16, 72 << 16, 0, 1)
    sample = _box(codec, bytes(6), b"\0\1", bytes(16), pixels, bytes(32), b"\0\x18\xff\xff")
    one = b"\0\0\0\1"
    table = _box(
        b"stbl",
        _box(b"stsd", bytes(4), one, sample),
        _box(b"stts", bytes(4), one, struct.pack(">II", frames, delta)),
        _box(b"stsc", bytes(4), one, one, one, one),
        _box(b"stsz", bytes(4), struct.pack(">II", 10, frames)),
        _box(b"stco", bytes(4), one, bytes(4)),
    )
    handler = _box(b"hdlr", bytes(8), b"vide", bytes(13))
    media = _box(b"mdia", _box(b"mdhd", scale, bytes(4)), handler, _box(b"minf", table))
    start = _box(b"ftyp", brand + b"\0\0\2\0" + brand)
    start += _box(b"moov", movie, _box(b"trak", track, media))
    left = size - len(start) - 8
    return start + _box(b"mdat", (bytes(range(251)) * (left // 251 + 1))[:left])


def _box(kind: bytes, *content: bytes) -> bytes:
    body = b"".join(content)
    return struct.pack(">I", len(body) + 8) + kind + body


class FileServer:
    """What is in ``files`` is at ``url`` + path; ``moved`` leads elsewhere; ``asked`` counts."""

    def __init__(self, url: str) -> None:
        self.url = url
        #: Nothing is answered while this is not set.
        self.open = threading.Event()
        self.clear()

    def clear(self) -> None:
        """Nothing served, nothing asked."""
        self.files: dict[str, bytes] = {}
        self.moved: dict[str, str] = {}
        self.asked: list[str] = []
        self.open.set()

    def put(self, path: str, data: bytes) -> str:
        """Serve ``data``; returns its address."""
        self.files[path] = data
        return self.url + path


@contextmanager
def file_server() -> Iterator[FileServer]:
    """A server on a free port of this computer."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            serving.asked.append(self.path)
            serving.open.wait(30)
            target, data = serving.moved.get(self.path), serving.files.get(self.path, b"")
            self.send_response(302 if target else 200 if data else 404)
            if target:
                self.send_header("Location", target)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        serving = FileServer(f"http://127.0.0.1:{server.server_port}")
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield serving
        serving.open.set()
        server.shutdown()
        thread.join()

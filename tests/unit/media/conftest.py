"""Video and sound files written box by box, since nothing here can record one."""

from __future__ import annotations

import struct
from collections.abc import Callable

import pytest

_UPRIGHT = struct.pack(">9i", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)
_SIDEWAYS = struct.pack(">9i", 0, 0x10000, 0, -0x10000, 0, 0, 0, 0, 0x40000000)
_SAMPLES = b"\0" * 4000
_COUNT = 20


def _box(kind: bytes, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return struct.pack(">I4s", 8 + len(body), kind) + body


def _full(kind: bytes, *parts: bytes, flags: int = 0) -> bytes:
    return _box(kind, struct.pack(">I", flags), *parts)


def _track(
    number: int,
    seconds: int,
    size: tuple[int, int],
    matrix: bytes,
    kind: bytes,
    head: bytes,
    entry: bytes,
    reference: bytes,
) -> bytes:
    table = _box(
        b"stbl",
        _full(b"stsd", struct.pack(">I", 1), entry),
        _full(b"stts", struct.pack(">III", 1, _COUNT, seconds * 1000 // _COUNT)),
        _full(b"stsc", struct.pack(">IIII", 1, 1, _COUNT, 1)),
        _full(b"stsz", struct.pack(">II", len(_SAMPLES) // _COUNT, _COUNT)),
        _full(b"stco", struct.pack(">II", 1, 32)),
    )
    data = _box(b"dinf", _full(b"dref", struct.pack(">I", 1), reference))
    media = _box(
        b"mdia",
        _full(b"mdhd", struct.pack(">IIIIHH", 0, 0, 1000, seconds * 1000, 0x55C4, 0)),
        _full(b"hdlr", struct.pack(">I4s12x", 0, kind), b"h\0"),
        _box(b"minf", head, data, table),
    )
    header = struct.pack(">IIIII8xHHHH", 0, 0, number, 0, seconds * 1000, 0, 0, 0, 0)
    return _box(
        b"trak",
        _full(b"tkhd", header, matrix, struct.pack(">II", size[0] << 16, size[1] << 16), flags=7),
        media,
    )


def _mp4(
    brand: bytes = b"isom",
    *,
    size: tuple[int, int] = (640, 360),
    seconds: int = 2,
    video: bool = True,
    sound: bool = False,
    sideways: bool = False,
    index_first: bool = False,
    reference: str | None = None,
) -> bytes:
    """An MP4 whose samples are zeros: ftyp, mdat, moov, or moov before mdat."""
    matrix = _SIDEWAYS if sideways else _UPRIGHT
    outside = _full(b"url ", (reference or "").encode() + b"\0")
    where = outside if reference else _full(b"url ", flags=1)
    tracks = b""
    if video:
        settings = bytes([1, 66, 0, 30, 255, 0xE1, 0, 4, 0x67, 66, 0, 30, 1, 0, 2, 0x68, 0])
        entry = _box(
            b"avc1",
            struct.pack(">6xH16xHH", 1, *size),
            struct.pack(">IIIH32xHh", 0x480000, 0x480000, 0, 1, 24, -1),
            _box(b"avcC", settings),
        )
        head = _full(b"vmhd", b"\0" * 8, flags=1)
        tracks += _track(1, seconds, size, matrix, b"vide", head, entry, where)
    if sound:
        described = bytes.fromhex("03190001000411401500000000000000000000000005021210060102")
        entry = _box(
            b"mp4a",
            struct.pack(">6xH8xHHHHI", 1, 2, 16, 0, 0, 44100 << 16),
            _full(b"esds", described),
        )
        head = _full(b"smhd", b"\0" * 4)
        tracks += _track(2, seconds, (0, 0), matrix, b"soun", head, entry, where)
    movie = struct.pack(">IIIIIH10x", 0, 0, 1000, seconds * 1000, 0x10000, 0x100)
    ftyp = _box(b"ftyp", brand, struct.pack(">I", 512), brand, b"mp42")
    mdat = _box(b"mdat", _SAMPLES)
    moov = _box(b"moov", _full(b"mvhd", movie, _UPRIGHT, b"\0" * 24, struct.pack(">I", 3)), tracks)
    return ftyp + (moov + mdat if index_first else mdat + moov)


def _element(identity: str, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return bytes.fromhex(identity) + struct.pack(">Q", len(body) | 1 << 56) + body


def _webm(doctype: bytes = b"webm", *, video: bool = True) -> bytes:
    """A Matroska file of three seconds with one block: 320 x 240 pixels, or sound."""
    head = _element(
        "1a45dfa3", _element("4286", b"\1"), _element("4282", doctype), _element("4287", b"\2")
    )
    info = _element(
        "1549a966", _element("2ad7b1", b"\x0f\x42\x40"), _element("4489", struct.pack(">d", 3000.0))
    )
    if video:
        described = [
            _element("83", b"\1"),
            _element("86", b"V_VP8"),
            _element("e0", _element("b0", b"\1\x40"), _element("ba", b"\xf0")),
        ]
    else:
        described = [_element("83", b"\2"), _element("86", b"A_OPUS")]
    tracks = _element("1654ae6b", _element("ae", _element("d7", b"\1"), *described))
    block = _element("a3", b"\x81\0\0\x80" + b"\0" * 500)
    return head + _element(
        "18538067", info, tracks, _element("1f43b675", _element("e7", b"\0"), block)
    )


@pytest.fixture
def mp4() -> Callable[..., bytes]:
    return _mp4


@pytest.fixture
def webm() -> Callable[..., bytes]:
    return _webm

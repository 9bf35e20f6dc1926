"""Taking out of a picture what is not picture (location, camera, comments, thumbnails) without touching its pixels.

What stays is listed, everything else goes: whoever invents a new place for metadata is not waited for. The colour profile
stays, since without it the picture looks different.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator

# JPEG (ITU-T T.81, B.1): markers without a body, and the segments around them.
_RESTARTS = range(0xD0, 0xD8)
_START, _END, _SCAN = 0xD8, 0xD9, 0xDA
_JFIF, _PROFILE, _ADOBE, _COMMENT = 0xE0, 0xE2, 0xEE, 0xFE
_APPLICATION = range(0xE0, 0xF0)

# PNG (third edition, 11.3): what changes how the pixels look. Critical chunks, those with a capital letter, stay anyway.
_PNG_KEPT = (b"tRNS", b"gAMA", b"cHRM", b"sRGB", b"iCCP", b"cICP", b"mDCV", b"cLLI", b"sBIT", b"bKGD", b"pHYs")  # fmt: skip
_WEBP_KEPT = (b"VP8X", b"VP8 ", b"VP8L", b"ALPH", b"ICCP", b"ANIM", b"ANMF")
_WEBP_TOLD = 0x08 | 0x04  # the flags of VP8X for EXIF and XMP
_GIF_KEPT = (b"NETSCAPE2.0", b"ANIMEXTS1.0", b"ICCRGBG1012")


class _Unreadable(Exception):
    """The file is not built as its format says; it can only be decoded and written anew."""


def stripped(data: bytes, form: str) -> bytes | None:
    """The file without its metadata and without what follows its end; the same bytes when there is nothing to remove.

    `form` is JPEG, PNG, WEBP or GIF. None when the file cannot be taken apart, which decoders may forgive.
    """
    parts: Callable[[bytes], Iterator[bytes]] = {
        "JPEG": _jpeg, "PNG": _png, "WEBP": _webp, "GIF": _gif,
    }[form]  # fmt: skip
    try:
        return b"".join(parts(data))
    except (_Unreadable, IndexError, struct.error):
        return None


def _jpeg(data: bytes) -> Iterator[bytes]:
    yield data[:2]
    at = 2
    while True:
        if data[at] != 0xFF:
            raise _Unreadable
        while data[at + 1] == 0xFF:  # fill bytes
            at += 1
        marker = data[at + 1]
        if marker == _END:
            yield data[at : at + 2]
            return
        (length,) = struct.unpack_from(">H", data, at + 2)
        end = at + 2 + length
        if end > len(data):
            raise _Unreadable
        yield _segment(marker, data[at:end])
        if marker == _SCAN:
            scanned = _end_of_scan(data, end)
            yield data[end:scanned]
            end = scanned
        at = end


def _segment(marker: int, segment: bytes) -> bytes:
    """The segment as it may stay: whole, without the thumbnail in it, or nothing."""
    body = segment[4:]
    if marker == _JFIF and body.startswith(b"JFIF\0") and len(body) >= 14:
        if len(body) == 14:
            return segment
        return segment[:2] + struct.pack(">H", 16) + body[:12] + b"\0\0"
    if marker == _PROFILE and body.startswith(b"ICC_PROFILE\0"):
        return segment
    if marker == _ADOBE and body.startswith(b"Adobe"):
        return segment
    return b"" if marker == _COMMENT or marker in _APPLICATION else segment


def _end_of_scan(data: bytes, at: int) -> int:
    """Where the coded pixels end: at a marker that is neither a stuffed byte nor a restart."""
    while (at := data.find(b"\xff", at)) >= 0:
        following = data[at + 1]
        if following == 0xFF:
            at += 1
        elif following == 0 or following in _RESTARTS:
            at += 2
        else:
            return at
    raise _Unreadable


def _png(data: bytes) -> Iterator[bytes]:
    yield data[:8]
    at = 8
    while True:
        length, kind = struct.unpack_from(">I4s", data, at)
        end = at + 12 + length
        if end > len(data):
            raise _Unreadable
        if kind[:1].isupper() or kind in _PNG_KEPT:
            yield data[at:end]
        if kind == b"IEND":
            return
        at = end


def _webp(data: bytes) -> Iterator[bytes]:
    (declared,) = struct.unpack_from("<I", data, 4)
    end = declared + 8
    if end > len(data):
        raise _Unreadable
    kept: list[bytes] = []
    at = 12
    while at < end:
        kind, length = struct.unpack_from("<4sI", data, at)
        following = at + 8 + length + length % 2
        if following > end:
            raise _Unreadable
        chunk = data[at:following]
        if kind == b"VP8X":
            chunk = chunk[:8] + bytes([chunk[8] & ~_WEBP_TOLD & 0xFF]) + chunk[9:]
        if kind in _WEBP_KEPT:
            kept.append(chunk)
        at = following
    yield struct.pack("<4sI4s", b"RIFF", 4 + sum(map(len, kept)), b"WEBP")
    yield from kept


def _gif(data: bytes) -> Iterator[bytes]:
    at = 13 + _colours(data[10])
    yield data[:at]
    while True:
        kind, begin = data[at], at
        if kind == 0x3B:
            yield data[at : at + 1]
            return
        if kind == 0x21:
            at = _after_blocks(data, at + 2)
            label, name = data[begin + 1], data[begin + 3 : begin + 14]
            if label == 0xFE or (label == 0xFF and name not in _GIF_KEPT):
                continue
        elif kind == 0x2C:
            at = _after_blocks(data, at + 11 + _colours(data[at + 9]))
        else:
            raise _Unreadable
        yield data[begin:at]


def _colours(flags: int) -> int:
    """The bytes of the colour table that these flags announce."""
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


def _after_blocks(data: bytes, at: int) -> int:
    while data[at]:
        at += data[at] + 1
    return at + 1

"""Taking out of a video where it was filmed, in place: not a byte moves, and what is picture or sound is not read.

Phones and cameras write the place into the boxes of an MP4 or QuickTime file (ISO/IEC 14496-12, QuickTime File Format). Such a
box becomes a `free` one, which players skip, of the same size and full of zeros.

Not found: places written into the samples of a track of their own (action cameras, drones), and WebM, into which phones write none.
"""

from __future__ import annotations

import logging
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

log = logging.getLogger("lin.media")

_MIMES = ("video/mp4", "video/quicktime")
_CONTAINERS = (b"moov", b"trak", b"mdia", b"udta", b"moof", b"traf")
# User data: QuickTime's (written by Android as well), the same of cameras that cannot write ©, and 3GPP TS 26.244, 8.2.
_PLACES = (b"\xa9xyz", b"@xyz", b"loci")
# What may hold a place among much else: XMP (ISO 16684-1) as user data and as a box, GoPro's settings, Canon's EXIF.
_OTHERS = (b"XMP_", b"GPMF")
_OTHER_UUIDS = (
    bytes.fromhex("be7acfcb97a942e89c71999491e3afac"),
    bytes.fromhex("85c0b687820f11e08111f4ce462b6a48"),
)
# com.apple.quicktime.location.ISO6709, .location.name and so on; other programs write plain "location"
_NAMES = (b"location", b"gps", *_PLACES)

_FREE = b"free"
_MOST_KEYS = 1024 * 1024  # bytes; phones write a dozen keys
_MOST_BOXES = 100_000  # of one file; a long recording in fragments has some ten thousand
_DEEPEST = 8
_PIECE = 1024 * 1024


@dataclass(frozen=True)
class _Box:
    """A box by its offsets in the file: where it starts, where what it holds starts, and where it ends."""

    kind: bytes
    start: int
    body: int
    end: int


class _Broken(Exception):
    """What should be a box is none; whatever follows it in the same container is not found."""


def erase_place(file: BinaryIO, mime: str) -> tuple[str, ...]:
    """Overwrite where a video was filmed, in this very file; returns what was done, in words for a user: nothing, or one entry.

    The file keeps its size and all other bytes, and the same file becomes the same. One that is not built as it should be was
    taken when it was looked at, so it is no error: what can be read of it is changed. Only the heads of boxes are read, so
    memory does not grow with the file.
    """
    if mime not in _MIMES:
        return ()
    walk = _Walk(file)
    end = file.seek(0, 2)
    for box in walk.found(0, end):
        _erase(file, box)
    if walk.broken:
        log.warning("a video could be searched for its place only in part")
    if walk.places:
        return ("location and other metadata removed" if walk.others else "location removed",)
    return ("metadata removed",) if walk.others else ()


class _Walk:
    """One way through a file: counts what it finds, and remembers whether something was broken."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._seen = 0
        self.places = 0
        self.others = 0
        self.broken = False

    def found(self, at: int, end: int, depth: int = 0) -> list[_Box]:
        """The boxes to erase between two offsets. All are known before the first is touched."""
        found: list[_Box] = []
        for box in self._boxes(at, end):
            if box.kind in _PLACES:
                self.places += 1
                found.append(box)
            elif box.kind in _OTHERS or (
                box.kind == b"uuid" and self._read(box.body, 16) in _OTHER_UUIDS
            ):
                self.others += 1
                found.append(box)
            elif box.kind in _CONTAINERS and depth < _DEEPEST:
                found += self.found(box.body, box.end, depth + 1)
            elif box.kind == b"meta":
                found += self._in_meta(box)
        return found

    def _in_meta(self, meta: _Box) -> list[_Box]:
        """Values (`ilst`) are called by a name of four letters, or by the number of a name in `keys`, from 1."""
        # ISO's has a version before its boxes, QuickTime's has not; `hdlr` is the first of them
        inside = meta.body if self._read(meta.body + 4, 4) == b"hdlr" else meta.body + 4
        boxes = list(self._boxes(inside, meta.end))
        names = [name for box in boxes if box.kind == b"keys" for name in self._keys(box)]
        told = set(_PLACES)
        for number, name in enumerate(names, 1):
            if any(word in name.lower() for word in _NAMES):
                told.add(struct.pack(">I", number))
        values = [value for box in boxes if box.kind == b"ilst" for value in self._boxes(box.body, box.end)]  # fmt: skip
        found = [value for value in values if value.kind in told]
        self.places += len(found)
        return found

    def _keys(self, keys: _Box) -> Iterator[bytes]:
        if keys.end - keys.body > _MOST_KEYS:
            self.broken = True
            return
        data = self._read(keys.body, keys.end - keys.body)
        at = 8  # version and count
        while at + 8 <= len(data):
            (length,) = struct.unpack_from(">I", data, at)
            if length < 8:
                self.broken = True
                return
            yield data[at + 8 : at + length]
            at += length

    def _boxes(self, at: int, end: int) -> Iterator[_Box]:
        """The boxes between two offsets, one after the other, up to the first that is none."""
        while at + 8 <= end:
            try:
                box = self._box(at, end)
            except _Broken:
                self.broken = True
                return
            if box is None:
                return
            yield box
            at = box.end

    def _box(self, at: int, end: int) -> _Box | None:
        """The box at an offset; None where zeros follow, with which QuickTime ends user data. Raises _Broken."""
        self._seen += 1
        if self._seen > _MOST_BOXES:
            raise _Broken
        length, kind = struct.unpack(">I4s", self._read(at, 8))
        body = at + 8
        if length == 0:
            if kind == bytes(4):
                return None
            length = end - at  # the last one may leave open where it ends
        elif length == 1:
            if body + 8 > end:
                raise _Broken
            (length,) = struct.unpack(">Q", self._read(body, 8))
            body += 8
        if not body <= at + length <= end:
            raise _Broken
        return _Box(kind, at, body, at + length)

    def _read(self, at: int, length: int) -> bytes:
        self._file.seek(at)
        return self._file.read(length)


def _erase(file: BinaryIO, box: _Box) -> None:
    file.seek(box.start + 4)
    file.write(_FREE)
    file.seek(box.body)
    left = box.end - box.body
    while left > 0:
        left -= file.write(bytes(min(left, _PIECE)))

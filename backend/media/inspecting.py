"""One look at a file: which kind it is by its first bytes, then a thorough reading as that kind."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import BinaryIO

from backend.core.errors import MediaRejected
from backend.core.ports import Inspected

from . import documents, images, recordings

ACCEPTED = (
    "JPEG, PNG, GIF and WebP images, MP4, MOV and WebM videos, MP3, M4A, WAV, OGG and FLAC sound, "
    "and PDF, Word and PowerPoint documents"
)

# Reads the file as one kind; `make` builds the result with size and checksum filled in.
Reader = Callable[[BinaryIO, Callable[..., Inspected]], Inspected]

_PIECE = 1024 * 1024
_HEAD = 1024
_TAIL = 64 * 1024

_STARTS: tuple[tuple[bytes, Reader], ...] = (
    (b"\xff\xd8\xff", images.jpeg),
    (b"\x89PNG\r\n\x1a\n", images.png),
    (b"GIF87a", images.gif),
    (b"GIF89a", images.gif),
    (b"%PDF-", documents.pdf),
    (b"PK\x03\x04", documents.office),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", documents.legacy_office),
    (b"\x1a\x45\xdf\xa3", recordings.webm),
    (b"OggS", recordings.sound),
    (b"fLaC", recordings.sound),
    (b"ID3", recordings.sound),
)
_IMAGES = (images.jpeg, images.png, images.gif, images.webp)
_BOXES = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip")
_STILL_BRANDS = (b"hei", b"hev", b"mif1", b"msf1", b"avif", b"avis")

_OTHER_STARTS: tuple[tuple[bytes, str], ...] = (
    (b"BM", "a BMP image"),
    (b"II*\x00", "a TIFF image"),
    (b"MM\x00*", "a TIFF image"),
    (b"8BPS", "a Photoshop file"),
    (b"Rar!", "a RAR archive"),
    (b"7z\xbc\xaf", "a 7-Zip archive"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"MZ", "a program"),
    (b"\x7fELF", "a program"),
    (b"{\\rtf", "an RTF document"),
)
_SCRIPTS = (b"<html", b"<script", b"<!doctype html", b"<?php")


class Inspector:
    """Implements `MediaInspector` with Pillow, MediaInfo and pypdf.

    A file is read in pieces; only images are ever decoded. One that is valid as two kinds (an image with a
    ZIP archive or HTML behind it) is rejected, because whoever receives it may see the other one. Animated
    GIFs are the kind "gif", GIFs with one frame the kind "image"; animated PNG and WebP are rejected, as
    platforms show only their first frame.
    """

    def inspect(self, file: BinaryIO) -> Inspected:
        """What the bytes are, from the first to the last. Raises MediaRejected with a reason to show."""
        with _seekable(file) as source:
            checksum, size = _digest(source)
            if size == 0:
                raise MediaRejected("This file is empty (0 bytes).")
            head, tail = _ends(source, size)
            reader = _reader_for(head)
            _refuse_second_kind(source, reader, head, tail)
            source.seek(0)
            return reader(source, partial(Inspected, bytes=size, checksum=checksum))


@contextmanager
def _seekable(file: BinaryIO) -> Iterator[BinaryIO]:
    if file.seekable():
        yield file
        return
    with tempfile.TemporaryFile() as copy:
        shutil.copyfileobj(file, copy, _PIECE)
        yield copy


def _digest(file: BinaryIO) -> tuple[str, int]:
    digest = hashlib.sha256()
    size = 0
    file.seek(0)
    while piece := file.read(_PIECE):
        digest.update(piece)
        size += len(piece)
    return digest.hexdigest(), size


def _ends(file: BinaryIO, size: int) -> tuple[bytes, bytes]:
    file.seek(0)
    head = file.read(_HEAD)
    file.seek(max(0, size - _TAIL))
    return head, file.read(_TAIL)


def _reader_for(head: bytes) -> Reader:
    """The reader for what the file starts like. Raises MediaRejected naming what it is instead."""
    for start, reader in _STARTS:
        if head.startswith(start):
            return reader
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return images.webp
    if head[:4] == b"RIFF" and head[8:12] == b"WAVE":
        return recordings.sound
    if head[4:8] in _BOXES:
        if head[4:8] == b"ftyp" and head[8:12].startswith(_STILL_BRANDS):
            raise MediaRejected("This is a HEIC or AVIF photo. Save it as JPEG or PNG first.")
        return recordings.mp4
    for start, name in _OTHER_STARTS:
        if head.startswith(start):
            raise MediaRejected(f"This is {name}. Lin accepts {ACCEPTED}.")
    if head[0] == 0xFF and len(head) > 1 and head[1] & 0xE0 == 0xE0:
        return recordings.sound
    raise MediaRejected(_as_text(head))


def _as_text(head: bytes) -> str:
    start = head.lower()
    if b"<svg" in start:
        return "This is an SVG drawing, which platforms do not accept. Export it as PNG first."
    if any(script in start for script in _SCRIPTS):
        return "This is a web page, not a media file."
    return f"This is not a media file that Lin knows. Lin accepts {ACCEPTED}."


def _refuse_second_kind(file: BinaryIO, reader: Reader, head: bytes, tail: bytes) -> None:
    second: str | None = None
    if reader is not documents.pdf and b"%PDF-" in head:
        second = "a PDF document"
    elif reader is not documents.office and _is_archive(file):
        second = "a ZIP archive"
    elif reader in _IMAGES and any(script in (head + tail).lower() for script in _SCRIPTS):
        second = "a web page"
    if second:
        raise MediaRejected(
            f"This file is two things at once, the other being {second}. Export it again."
        )


def _is_archive(file: BinaryIO) -> bool:
    # The mere signature turns up in big files by chance, a readable directory does not.
    try:
        with zipfile.ZipFile(file) as archive:
            return bool(archive.infolist())
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        return False

"""PDF, Word and PowerPoint: enough of a look to know that others will be able to open them."""

from __future__ import annotations

import struct
import zipfile
import zlib
from collections.abc import Callable
from typing import BinaryIO
from xml.etree.ElementTree import Element, ParseError

import defusedxml.ElementTree

from backend.core.errors import MediaRejected
from backend.core.ports import Inspected

Make = Callable[..., Inspected]

MAX_PARTS = 10_000
MAX_UNPACKED = 1024 * 1024 * 1024

_PIECE = 1024 * 1024
_OPENXML = "application/vnd.openxmlformats-officedocument"
_DOCX = f"{_OPENXML}.wordprocessingml.document"
_PPTX = f"{_OPENXML}.presentationml.presentation"
_CONTENT_TYPES = "[Content_Types].xml"
_MAX_CONTENT_TYPES = 1024 * 1024

# What pypdf lets through on broken files, found by feeding it damaged ones; more than it documents.
_PDF_FAULTS = (
    ArithmeticError,
    AttributeError,
    LookupError,
    OSError,
    RecursionError,
    TypeError,
    ValueError,
    zlib.error,
)
_ZIP_FAULTS = (
    zipfile.BadZipFile,
    EOFError,
    OSError,
    RuntimeError,  # a password, and NotImplementedError for a way of packing
    ValueError,  # with what defusedxml refuses
    ParseError,
    LookupError,
    struct.error,
    zlib.error,
)


def pdf(file: BinaryIO, make: Make) -> Inspected:
    """A PDF that opens without a password and has pages."""
    # loaded for a document, not with every process
    from pypdf import PdfReader
    from pypdf.errors import PyPdfError

    size = file.seek(0, 2)
    file.seek(max(0, size - 1024))
    # pypdf repairs what it can, so it would read a document that lost its second half.
    if b"%%EOF" not in file.read():
        raise MediaRejected("This PDF is cut off. Export it again.")
    file.seek(0)
    try:
        reader = PdfReader(file, strict=False)
        encrypted = reader.is_encrypted
        pages = 0 if encrypted else len(reader.pages)
    except (PyPdfError, *_PDF_FAULTS):
        raise MediaRejected("This PDF is damaged. Export it again.") from None
    if encrypted:
        raise MediaRejected("This PDF is protected by a password. Save it without one.")
    if pages == 0:
        raise MediaRejected("This PDF has no pages.")
    return make(kind="document", mime="application/pdf", pages=pages)


def office(file: BinaryIO, make: Make) -> Inspected:
    """A Word or PowerPoint file as it is written since 2007 (DOCX, PPTX), without macros."""
    try:
        with zipfile.ZipFile(file) as archive:
            _refuse_bomb(archive)
            types = _content_types(archive)
    except _ZIP_FAULTS:
        raise MediaRejected("This Office file or archive is damaged. Export it again.") from None
    if any("macroEnabled" in one for one in types):
        raise MediaRejected("This document contains macros. Save it without them, or as PDF.")
    for mime in (_DOCX, _PPTX):
        if f"{mime}.main+xml" in types:
            return make(kind="document", mime=mime)
    if any(one.startswith(f"{_OPENXML}.spreadsheetml") for one in types):
        raise MediaRejected("This is a spreadsheet. Save it as PDF first.")
    raise MediaRejected("This is a ZIP archive. Unpack it and upload the files one by one.")


def _refuse_bomb(archive: zipfile.ZipFile) -> None:
    parts = archive.infolist()
    if len(parts) > MAX_PARTS or sum(part.file_size for part in parts) > MAX_UNPACKED:
        raise MediaRejected("This archive unpacks to far more than a document holds.")


def _content_types(archive: zipfile.ZipFile) -> set[str]:
    """The content types of the package (ECMA-376 part 2); empty for an archive that is none."""
    if _CONTENT_TYPES not in archive.namelist():
        return set()
    with archive.open(_CONTENT_TYPES) as part:
        written = part.read(_MAX_CONTENT_TYPES + 1)
    if len(written) > _MAX_CONTENT_TYPES:
        raise MediaRejected("This archive unpacks to far more than a document holds.")
    root: Element = defusedxml.ElementTree.fromstring(written)
    return {one.get("ContentType", "") for one in root}


def legacy_office(file: BinaryIO, make: Make) -> Inspected:
    """A Word or PowerPoint file as it was written until 2003 (DOC, PPT)."""
    found = _streams(file)
    if "EncryptedPackage" in found:
        raise MediaRejected("This document is protected by a password. Save it without one.")
    if "WordDocument" in found:
        return make(kind="document", mime="application/msword")
    if "PowerPoint Document" in found:
        return make(kind="document", mime="application/vnd.ms-powerpoint")
    raise MediaRejected(
        "This is an old Office file, but neither Word nor PowerPoint. Save it as PDF first."
    )


def _streams(file: BinaryIO) -> set[str]:
    """Which of the telling streams an OLE file has, by their directory entries (MS-CFB 2.6.1)."""
    entries = {
        name: _directory_entry(name)
        for name in ("WordDocument", "PowerPoint Document", "EncryptedPackage")
    }
    found: set[str] = set()
    overlap = max(map(len, entries.values()))
    file.seek(0)
    window = b""
    while piece := file.read(_PIECE):
        window = window[-overlap:] + piece
        found |= {name for name, entry in entries.items() if entry in window}
    return found


def _directory_entry(name: str) -> bytes:
    """The first 67 bytes: name in UTF-16 filled up to 64 bytes, its length with the NUL, type 2 (stream)."""
    written = name.encode("utf-16-le")
    return written.ljust(64, b"\0") + struct.pack("<HB", len(written) + 2, 2)

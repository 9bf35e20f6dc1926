"""The text of a file whose encoding nobody tells."""

from __future__ import annotations

import codecs

from charset_normalizer import from_bytes

from ..core.errors import InvalidInput

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_WORKBOOKS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
_SAMPLE = 100_000


def decode(body: bytes) -> tuple[str, str]:
    """The text and the encoding it was read as. Raises InvalidInput for a workbook, and for what is no text.

    A mark at the start decides, then UTF-8 if it is valid, then UTF-16 if every second byte of the start is zero; then it
    is what Excel writes in the West, or on old Macs.
    """
    if body.startswith(_WORKBOOKS):
        raise InvalidInput.of("file", "This is an Excel workbook; save it as CSV UTF-8 first.")
    encoding = next((name for mark, name in _MARKS if body.startswith(mark)), None)
    try:
        text = body.decode(encoding or "utf-8")
        encoding = encoding or "utf-8"
    except UnicodeDecodeError:
        encoding = _guess(body)
        text = body.decode(encoding, "replace")
    if "\0" in text and encoding == "utf-8":
        encoding = "utf-16-be" if body[:1] == b"\0" else "utf-16-le"
        text = body.decode(encoding, "replace")
    if "\0" in text:
        raise InvalidInput.of("file", "This file holds zero bytes; it is no CSV file.")
    return text, encoding


def _guess(body: bytes) -> str:
    start = body[:1000]
    for first, name in ((1, "utf-16-le"), (0, "utf-16-be")):
        if len(start) > 3 and start[first::2].count(0) > len(start) / 3:
            return name
    try:
        text = body.decode("cp1252")
    except UnicodeDecodeError:
        return "mac_roman" if _plausible(body.decode("mac_roman")) else _unknown(body)
    mac = from_bytes(body[:_SAMPLE], cp_isolation=["cp1252", "mac_roman"]).best()
    if mac is not None and mac.encoding == "mac_roman":
        return "mac_roman"
    return "cp1252" if _plausible(text) else _unknown(body)


def _plausible(text: str) -> bool:
    """Whether this may be a language written in Latin letters, most of which have no accents."""
    letters = [char for char in text if char.isalpha()]
    return sum(not char.isascii() for char in letters) <= len(letters) / 3


def _unknown(body: bytes) -> str:
    """Raises InvalidInput: what a wrong guess makes of a text would be published."""
    found = from_bytes(body[:_SAMPLE]).best()
    looks = f" It looks like {found.encoding}, but that is a guess." if found else ""
    raise InvalidInput.of("file", f"This file's encoding cannot be told; save it as CSV UTF-8.{looks}")  # fmt: skip

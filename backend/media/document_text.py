"""The text of uploaded documents (PDF, DOCX), read in a process of its own.

A document may be made to eat memory or time, and the libraries cannot be stopped from outside. So they work in a child
process with limits of its own; what exceeds them ends that process and nothing else. Run as a program, this module is
that child: the file on standard input, its MIME type as the argument, JSON on standard output.
"""

from __future__ import annotations

import json
import logging
import os
import resource
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from backend.core.indexing import DocumentText

if TYPE_CHECKING:
    from docx.table import Table

PDF = "application/pdf"
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"

MAX_PAGES = 500
MAX_CHARACTERS = 400_000
# unpacked: all parts together, pictures among them, and the part that holds the text
MAX_UNPACKED = 150_000_000
MAX_XML = 15_000_000

SECONDS = 60
_MEMORY = 1_500_000_000
_ROOT = Path(__file__).resolve().parents[2]

_TOO_LARGE = (
    "This document is too large for Lin to read. Split it, or upload the part that matters."
)
_DAMAGED = "Lin cannot read the text of this document. Export it again."
_NO_TEXT = "This document holds no text that can be read, only pictures of it. Run text recognition (OCR) over it first."


def read_document(file: BinaryIO, mime: str, *, seconds: float = SECONDS) -> DocumentText:
    """The text of a PDF or DOCX, at most 400,000 characters of 500 pages; other documents are "unreadable".

    Takes at most `seconds` and 1.5 GB, which are the child's. Raises nothing about the document; `note` tells its owner.
    """
    with tempfile.TemporaryFile() as copy:
        # the child needs a file of the system's, from its beginning
        file.seek(0)
        while piece := file.read(1 << 20):
            copy.write(piece)
        copy.seek(0)
        try:
            done = subprocess.run(  # noqa: S603 - our own module, the type as a word
                [sys.executable, "-m", "backend.media.document_text", mime],
                stdin=copy, capture_output=True, timeout=seconds, cwd=_ROOT, env=_surroundings(), check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            return DocumentText("unreadable", note=_TOO_LARGE)
    try:
        return DocumentText(**json.loads(done.stdout))
    except (ValueError, TypeError):
        # ended by one of its limits, or by a fault below Python
        return DocumentText("unreadable", note=_TOO_LARGE)


def _surroundings() -> dict[str, str]:
    """The child's environment: where to find its libraries. A document that takes it over finds no keys there."""
    return {"PYTHONPATH": os.pathsep.join(sys.path), "LANG": "C.UTF-8"}


def main(file: BinaryIO, mime: str) -> DocumentText:
    """What the child does. Raises MemoryError."""
    readers = {PDF: _pdf, DOCX: _docx}
    if mime not in readers:
        return DocumentText("unreadable", note="Lin reads the text of PDF and DOCX documents only.")
    try:
        found = readers[mime](file)
    except MemoryError:
        raise
    except Exception:  # both libraries let through nearly anything on damaged files
        return DocumentText("unreadable", note=_DAMAGED)
    if found.status in ("read", "cut") and not any(letter.isalnum() for letter in found.text):
        return DocumentText("no_text", note=_NO_TEXT)
    return found


def _pdf(file: BinaryIO) -> DocumentText:
    from pypdf import PdfReader

    logging.getLogger("pypdf").setLevel(logging.CRITICAL)
    reader = PdfReader(file, strict=False)
    pages = len(reader.pages)
    texts: list[str] = []
    characters = 0
    for number in range(min(pages, MAX_PAGES)):
        try:
            text = reader.pages[number].extract_text().strip()
        except MemoryError:
            raise
        except Exception:  # noqa: S112 - one damaged page is no reason to lose the others
            continue
        texts.append(text)
        characters += len(text)
        if characters > MAX_CHARACTERS:
            break
    title = reader.metadata.title if reader.metadata else None
    return _found("\n\n".join(texts), _title(title), whole=pages <= MAX_PAGES)


def _docx(file: BinaryIO) -> DocumentText:
    # zipfile unpacks no more of a part than its directory says
    with zipfile.ZipFile(file) as archive:
        sizes = [(part.filename, part.file_size) for part in archive.infolist()]
    if sum(size for _, size in sizes) > MAX_UNPACKED or any(
        size > MAX_XML for name, size in sizes if name.endswith((".xml", ".rels"))
    ):
        return DocumentText("unreadable", note=_TOO_LARGE)

    import docx
    from docx.table import Table

    file.seek(0)
    document = docx.Document(file)
    texts = [
        _table(block) if isinstance(block, Table) else block.text.strip()
        for block in document.iter_inner_content()
    ]
    title = _title(document.core_properties.title)
    return _found("\n\n".join(text for text in texts if text), title)


def _table(table: Table) -> str:
    """A line for each row. A cell that was merged of several comes once for each of them; it is told once."""
    lines = []
    for row in table.rows:
        cells = row.cells
        told = [
            cell for number, cell in enumerate(cells) if number == 0 or cell != cells[number - 1]
        ]
        lines.append(" | ".join(cell.text.strip() for cell in told))
    return "\n".join(lines)


def _found(text: str, title: str | None, *, whole: bool = True) -> DocumentText:
    if whole and len(text) <= MAX_CHARACTERS:
        return DocumentText("read", text, title)
    note = f"This document is long: Lin read its first {MAX_PAGES} pages or {MAX_CHARACTERS:,} characters."
    return DocumentText("cut", text[:MAX_CHARACTERS], title, note)


def _title(written: str | None) -> str | None:
    """The title its author gave, unless it is what a program puts there."""
    title = " ".join((written or "").split())[:300]
    made_up = title.lower().startswith(("microsoft word", "untitled", "powerpoint"))
    return None if made_up or not title else title


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    result = main(sys.stdin.buffer, sys.argv[1])
    sys.stdout.buffer.write(json.dumps(vars(result)).encode())

"""Documents as people upload them, and as attackers would."""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Sequence

import docx
from pypdf import PdfWriter
from pypdf.generic import DecodedStreamObject, DictionaryObject, NameObject, StreamObject


def pdf(pages: Sequence[str], title: str | None = None) -> bytes:
    """A PDF with one line of text on each page; an empty one is a page without text, as of a scan."""
    writer = PdfWriter()
    for text in pages:
        content = DecodedStreamObject()
        content.set_data(f"BT /F1 12 Tf 72 700 Td ({text}) Tj ET".encode("latin-1") if text else b"")  # fmt: skip
        _page(writer, content)
    if title:
        writer.add_metadata({"/Title": title})
    return _written(writer)


def pdf_bomb(unpacked: int) -> bytes:
    """A PDF whose one page unpacks to so many bytes."""
    packer = zlib.compressobj(9)
    piece = b" " * (1 << 20)
    packed = b"".join(packer.compress(piece) for _ in range(unpacked // len(piece)))
    content = StreamObject()
    content[NameObject("/Filter")] = NameObject("/FlateDecode")
    content._data = packed + packer.flush()
    writer = PdfWriter()
    _page(writer, content)
    return _written(writer)


def word(*paragraphs: str, title: str = "", table: Sequence[Sequence[str]] = ()) -> bytes:
    """A DOCX with these paragraphs, and a table behind them."""
    document = docx.Document()
    document.core_properties.title = title
    for paragraph in paragraphs:
        document.add_paragraph(paragraph)
    if table:
        made = document.add_table(len(table), len(table[0]))
        for row, cells in zip(made.rows, table, strict=True):
            for cell, text in zip(row.cells, cells, strict=True):
                cell.text = text
    written = io.BytesIO()
    document.save(written)
    return written.getvalue()


def word_with(body: bytes | int) -> bytes:
    """A DOCX whose main part is these bytes, or so many zeros."""
    written = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(word("x"))) as original,
        zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as copy,
    ):
        for name in original.namelist():
            if name != "word/document.xml":
                copy.writestr(name, original.read(name))
            elif isinstance(body, bytes):
                copy.writestr(name, body)
            else:
                with copy.open(name, "w") as part:
                    for _ in range(body >> 20):
                        part.write(bytes(1 << 20))
    return written.getvalue()


def entity_bomb() -> bytes:
    """XML whose entities double ("billion laughs")."""
    entities = "".join(f'<!ENTITY e{n} "&e{n - 1};&e{n - 1};">' for n in range(1, 40))
    namespace = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
    return (
        f'<!DOCTYPE d [<!ENTITY e0 "laugh">{entities}]><w:document xmlns:w="{namespace}"><w:body><w:p><w:r>'
        "<w:t>&e39;</w:t></w:r></w:p></w:body></w:document>"
    ).encode()


def _page(writer: PdfWriter, content: StreamObject) -> None:
    page = writer.add_blank_page(612, 792)
    font = DictionaryObject(
        {
            NameObject("/Type"): NameObject("/Font"),
            NameObject("/Subtype"): NameObject("/Type1"),
            NameObject("/BaseFont"): NameObject("/Helvetica"),
        }
    )
    fonts = DictionaryObject({NameObject("/F1"): font})
    page[NameObject("/Resources")] = DictionaryObject({NameObject("/Font"): fonts})
    page[NameObject("/Contents")] = writer._add_object(content)


def _written(writer: PdfWriter) -> bytes:
    written = io.BytesIO()
    writer.write(written)
    return written.getvalue()

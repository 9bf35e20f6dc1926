"""The text of uploaded documents: read where there is some, and a sentence to the owner where there is none."""

from __future__ import annotations

import io
import sys
import threading
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest

from backend.core.cutting import cut
from backend.core.indexing import DocumentIndexer
from backend.media.document_text import (
    DOCX,
    MAX_CHARACTERS,
    MAX_PAGES,
    MAX_XML,
    PDF,
    read_document,
)
from backend.sources.language import detect_language
from backend.store import Supabase

from .papers import entity_bomb, pdf, pdf_bomb, word, word_with
from .readers import Database, Reader


def test_a_pdf_is_read_page_by_page_with_its_title() -> None:
    found = read_document(io.BytesIO(pdf(["Marmots whistle.", "Ibexes climb."], "Alps")), PDF)
    assert (found.status, found.title, found.note) == ("read", "Alps", None)
    assert found.text == "Marmots whistle.\n\nIbexes climb."


def test_a_word_document_is_read_with_its_tables() -> None:
    content = word("Marmots whistle.", "", "Prix : 5 €", title="Alpes", table=[["a", "b"], ["b", "b"]])  # fmt: skip
    found = read_document(io.BytesIO(content), DOCX)
    assert (found.status, found.title) == ("read", "Alpes")
    assert found.text == "Marmots whistle.\n\nPrix : 5 €\n\na | b\nb | b"


@pytest.mark.parametrize(("make", "mime"), [(lambda: pdf(["", ""]), PDF), (word, DOCX)])
def test_a_document_of_pictures_says_so(make: Callable[[], bytes], mime: str) -> None:
    found = read_document(io.BytesIO(make()), mime)
    assert found.status == "no_text"
    assert found.note
    assert "only pictures" in found.note


def test_a_document_of_ten_thousand_pages_is_read_at_its_beginning() -> None:
    found = read_document(io.BytesIO(pdf(["Page of marmots."] * (MAX_PAGES + 50))), PDF)
    assert found.status == "cut"
    assert found.text.count("marmots") == MAX_PAGES
    assert found.note
    assert str(MAX_PAGES) in found.note


def test_a_very_long_text_is_cut() -> None:
    found = read_document(io.BytesIO(word(*["Marmots whistle. " * 100] * 300)), DOCX)
    assert (found.status, len(found.text)) == ("cut", MAX_CHARACTERS)


@pytest.mark.parametrize(
    ("make", "mime"),
    [
        (lambda: word_with(MAX_XML + (8 << 20)), DOCX),
        (lambda: word_with(entity_bomb()), DOCX),
        (lambda: pdf_bomb(300 << 20), PDF),
        (lambda: b"%PDF-1.7\n%%EOF", PDF),
        (lambda: b"PK\x03\x04 and so on", DOCX),
        (lambda: b"", PDF),
    ],
    ids=["zip bomb", "entity bomb", "stream bomb", "no pages", "no archive", "empty"],
)
def test_what_cannot_be_read_is_said_kindly_and_nothing_falls(
    make: Callable[[], bytes], mime: str
) -> None:
    found = read_document(io.BytesIO(make()), mime)
    assert found.status in ("unreadable", "no_text")
    assert found.text == ""
    assert found.note
    assert "Traceback" not in found.note


def test_a_document_that_takes_too_long_is_given_up() -> None:
    found = read_document(io.BytesIO(pdf(["Marmots whistle."])), PDF, seconds=0.001)
    assert (found.status, found.text) == ("unreadable", "")


def test_what_reads_documents_knows_no_keys(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    teller = tmp_path / "tells-what-it-knows"
    teller.write_text("""#!/bin/sh\nprintf '{"status": "read", "text": "%s, %s"}' "$A_KEY" "$LANG"\n""")  # fmt: skip
    teller.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(teller))
    monkeypatch.setenv("A_KEY", "secret")
    assert read_document(io.BytesIO(b"x"), PDF).text == ", C.UTF-8"


def test_other_documents_are_not_read() -> None:
    assert read_document(io.BytesIO(b"x"), "application/msword").status == "unreadable"


@pytest.fixture
def documents(supabase: Supabase) -> DocumentIndexer:
    """The worker's, without the worker."""
    service = supabase.service
    return DocumentIndexer(service.passages, service.media, read_document, detect_language, threading.Event())  # fmt: skip


def upload(
    reader: Reader, database: Database, content: bytes | None, mime: str, name: str | None = None
) -> str:
    """A checked document of the reader; without content its bytes are missing. Its id."""
    path = f"{reader.person.id}/{name or uuid.uuid4()}.bin"
    if content is not None:
        stored = reader.person.storage("POST", f"object/media/{path}", content, Content_Type=mime)
        assert stored.status_code == 200, stored.text
    row = database.execute(
        "insert into public.media (user_id, path) values (%s, %s) returning id",
        [reader.person.id, path],
    ).fetchone()
    assert row
    database.execute(
        "update public.media set kind = 'document', mime = %s, bytes = 1, checksum = repeat('a', 64), status = 'ready' where id = %s",
        [mime, row[0]],
    )
    return str(row[0])


def test_an_uploaded_document_can_be_found_by_its_owner_only(
    reader: Reader, other: Reader, documents: DocumentIndexer, database: Database
) -> None:
    media = upload(reader, database, pdf(["The budget of the marmots is 4711 crowns."]), PDF, "Budget 2026")  # fmt: skip
    documents.run()
    (found,) = reader.finds("How large is the budget?")
    assert (found["kind"], found["id"], found["title"]) == ("document", media, "Budget 2026")
    assert other.finds("budget") == []
    (told,) = reader.person.rest("GET", "media_texts?select=media_id,status,note").json()
    assert told == {"media_id": media, "status": "read", "note": None}
    assert other.person.rest("GET", "media_texts?select=*").json() == []


def test_the_name_that_a_machine_gave_is_no_title(
    reader: Reader, documents: DocumentIndexer, database: Database
) -> None:
    upload(reader, database, word("Marmots of the Alps", "They whistle."), DOCX)
    documents.run()
    assert [found["title"] for found in reader.finds("whistle")] == ["Marmots of the Alps"]


def test_the_owner_reads_why_a_document_cannot_be_found(
    reader: Reader, documents: DocumentIndexer, database: Database
) -> None:
    scan = upload(reader, database, pdf([""]), PDF)
    lost = upload(reader, database, None, PDF)
    documents.run()
    rows = reader.person.rest("GET", "media_texts?select=media_id,status,note").json()
    told = {row["media_id"]: (row["status"], row["note"]) for row in rows}
    assert told[scan][0] == "no_text"
    assert told[lost][0] == "unreadable"
    assert all(note for _, note in told.values())
    assert documents.run() == 0


def test_a_deleted_document_takes_its_passages_along(
    reader: Reader, documents: DocumentIndexer, database: Database
) -> None:
    media = upload(reader, database, word("Marmots whistle."), DOCX)
    documents.run()
    database.execute("delete from public.media where id = %s", [media])
    assert reader.passages() == []


def test_pictures_and_other_documents_wait_for_nothing(reader: Reader, database: Database) -> None:
    upload(reader, database, None, "application/msword")
    found = database.execute(
        "select 1 from public.indexing_queue where user_id = %s", [reader.person.id]
    )
    assert found.fetchone() is None


@pytest.mark.parametrize(
    "text",
    [
        "One sentence. " * 500,
        "\n\n".join(["A paragraph of some length, with a comma. " * 9] * 30),
        "word " * 2000,
        "x" * 10_000,
        "日本語の文です。" * 700,
        "short",
    ],
)
def test_pieces_lose_no_word_and_are_never_long(text: str) -> None:
    pieces = cut(text)
    assert "".join("".join(pieces).split()) == "".join(text.split())
    assert all(len(piece) <= 1_401 for piece in pieces)
    assert all(len(piece) >= 400 for piece in pieces[:-1])

"""How an export is written: piece by piece, and never taken for whole when it is not."""

from __future__ import annotations

import io
import json
import tracemalloc
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, BinaryIO

import pytest

from backend.api.account import Exports
from backend.core.errors import NotFound, TooMany, Unavailable
from backend.core.exporting import export

NOW = datetime(2026, 11, 28, 12, 30, tzinfo=UTC)
ACCOUNT = {"email": "zoë@example.com"}


class Belongings:
    """Rows and files that are made while they are read."""

    tables = ("posts", "slots")

    def __init__(self, rows: int = 3, file_bytes: int = 100) -> None:
        self._rows = rows
        self._file_bytes = file_bytes

    def rows(self, table: str) -> Iterator[dict[str, Any]]:
        if table == "posts":
            yield from ({"id": number, "text": f"“{number}”\n"} for number in range(self._rows))

    def files(self) -> Iterator[str]:
        yield from ("me/one.png", "me/gone.png")

    @contextmanager
    def open(self, path: str) -> Iterator[BinaryIO]:
        if path == "me/gone.png":
            raise NotFound("The file is not in the storage.")
        yield io.BytesIO(b"\7" * self._file_bytes)


def test_it_holds_the_account_every_row_on_a_line_and_every_file() -> None:
    file = zipfile.ZipFile(io.BytesIO(b"".join(export(Belongings(), ACCOUNT, NOW))))
    assert file.testzip() is None
    assert json.loads(file.read("account.json")) == ACCOUNT
    lines = file.read("tables/posts.jsonl").decode().splitlines()
    assert [json.loads(line)["id"] for line in lines] == [0, 1, 2]
    assert file.read("tables/slots.jsonl") == b""
    assert file.read("files/me/one.png") == b"\7" * 100
    assert json.loads(file.read("contents.json")) == {
        "made_at": "2026-11-28T12:30:00+00:00",
        "rows": {"posts": 3},
        "files": 1,
        "files_deleted_meanwhile": ["me/gone.png"],
    }
    assert file.getinfo("account.json").date_time == (2026, 11, 28, 12, 30, 0)


def test_memory_grows_neither_with_the_rows_nor_with_the_files() -> None:
    many = Belongings(rows=20_000, file_bytes=20_000_000)
    tracemalloc.start()
    try:
        made = sum(len(piece) for piece in export(many, ACCOUNT, NOW))
        # the file itself is this test's own and counts once
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert made > 20_000_000
    assert most < 24_000_000


class Breaking(Belongings):
    """A database that goes away."""

    def rows(self, table: str) -> Iterator[dict[str, Any]]:
        yield {"id": 1}
        raise Unavailable("The database does not answer; try again in a moment.")


def test_one_that_breaks_off_is_not_taken_for_whole() -> None:
    pieces: list[bytes] = []
    with pytest.raises(Unavailable):
        pieces.extend(export(Breaking(), ACCOUNT, NOW))
    with pytest.raises(zipfile.BadZipFile):
        zipfile.ZipFile(io.BytesIO(b"".join(pieces)))


def test_one_person_has_one_export_at_a_time() -> None:
    running = Exports()
    running.start("ada")
    running.start("ben")
    with pytest.raises(TooMany, match="already"):
        running.start("ada")
    running.end("ada")
    running.start("ada")

"""All of a person's data as one ZIP file, made while it is sent: rows as JSON lines, files as they are."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any, BinaryIO, Protocol
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo

from .errors import NotFound

_PIECE = 1 << 16


class OwnData(Protocol):
    """What somebody may read of their own; see store/account_data.py."""

    @property
    def tables(self) -> Sequence[str]: ...

    def rows(self, table: str) -> Iterator[dict[str, Any]]: ...

    def files(self) -> Iterator[str]: ...

    def open(self, path: str) -> AbstractContextManager[BinaryIO]: ...


def export(data: OwnData, account: dict[str, Any], now: datetime) -> Iterator[bytes]:
    """The pieces of a ZIP file: account.json, tables/<table>.jsonl, files/<path>, and contents.json, which counts them.

    Memory use grows neither with the rows nor with the files. A file that is deleted meanwhile is named in contents.json.
    Raises Unavailable in the middle when the database or the storage stop to answer: the file then has no end, and no
    program takes it for whole.
    """
    pipe, contents = _Pipe(), _Contents(now)
    with ZipFile(pipe, "w") as archive:
        with archive.open(contents.entry("account.json"), "w") as entry:
            entry.write(_json(account))
        for table in data.tables:
            with archive.open(contents.entry(f"tables/{table}.jsonl"), "w", force_zip64=True) as entry:  # fmt: skip
                for row in data.rows(table):
                    entry.write(_json(row))
                    contents.tables[table] = contents.tables.get(table, 0) + 1
                    yield from pipe.take()
        for path in data.files():
            try:
                with data.open(path) as file:
                    stored = contents.entry(f"files/{path}", ZIP_STORED)
                    with archive.open(stored, "w", force_zip64=True) as entry:
                        while piece := file.read(_PIECE):
                            entry.write(piece)
                            yield from pipe.take()
                contents.files += 1
            except NotFound:
                contents.gone.append(path)
        with archive.open(contents.entry("contents.json"), "w") as entry:
            entry.write(_json(contents.told()))
    yield from pipe.take(least=1)


class _Contents:
    """What went into the file so far."""

    def __init__(self, now: datetime) -> None:
        self._now = now
        self.tables: dict[str, int] = {}
        self.files = 0
        self.gone: list[str] = []

    def entry(self, name: str, method: int = ZIP_DEFLATED) -> ZipInfo:
        made = ZipInfo(name, self._now.timetuple()[:6])
        made.compress_type = method
        return made

    def told(self) -> dict[str, Any]:
        return {
            "made_at": self._now.isoformat(),
            "rows": self.tables,
            "files": self.files,
            "files_deleted_meanwhile": self.gone,
        }


class _Pipe:
    """What ZipFile writes to: it cannot be searched, so ZipFile never looks back."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._size = 0

    def write(self, piece: bytes, /) -> int:
        self._pieces.append(bytes(piece))
        self._size += len(piece)
        return len(piece)

    def flush(self) -> None:
        """Nothing is kept back."""

    def close(self) -> None:
        """Nobody closes it: `take` empties it."""

    def take(self, least: int = _PIECE) -> Iterator[bytes]:
        """What has come, once it is at least so many bytes."""
        if self._size >= least:
            whole, self._pieces, self._size = b"".join(self._pieces), [], 0
            yield whole


def _json(value: dict[str, Any]) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"

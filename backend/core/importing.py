"""Many posts from one file: what it says is read, its files fetched, and one call makes the posts or tells why not."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal, Protocol

from .errors import FieldProblem, LinError, Unavailable
from .fetched_files import FetchedFiles, FileStore, Ref
from .ports import MediaInspector, PublicDoor
from .recipients import Account, Recipients

DateOrder = Literal["day_first", "month_first"]

MAX_BYTES = 5_000_000
MAX_ROWS = 10_000
_BATCH = 1_000  # rows that the database takes in one call


@dataclass(frozen=True)
class SheetRow:
    """A row as its file says it. `row` counts as a spreadsheet does, the header first; `at` is aware; `accounts` and `media`
    are as written; `problems` is why it cannot be used, `notes` what was decided for it."""

    row: int
    text: str = ""
    accounts: str = ""
    at: datetime | None = None
    media: tuple[str, ...] = ()
    alt_texts: tuple[str, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    post_id: str | None = None
    problems: tuple[FieldProblem, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Sheet:
    """A file of posts: its rows, how it was read, and which of its columns mean nothing here."""

    rows: Sequence[SheetRow]
    encoding: str
    delimiter: str
    date_order: DateOrder | None
    ignored_columns: Sequence[str]


class SheetReader(Protocol):
    """Reads CSV."""

    def read(
        self, body: bytes, *, timezone: str, locale: str, date_order: DateOrder | None
    ) -> Sheet:
        """The rows of the file. Times without a zone are in `timezone`. Raises InvalidInput for what is no such file."""
        ...


class OwnPosts(Protocol):
    """What an import needs under the caller's rights; see store/bulk.py."""

    def profile(self) -> dict[str, Any]: ...

    def accounts(self) -> list[dict[str, Any]]: ...

    def imported(self, digests: Sequence[str]) -> set[str]: ...

    def import_posts(
        self, entries: list[dict[str, Any]], *, dry_run: bool, partly: bool
    ) -> dict[str, Any]: ...


@dataclass(frozen=True)
class _Wanted:
    """A row with the accounts it means."""

    said: SheetRow
    accounts: tuple[str, ...]
    digest: str
    problems: tuple[FieldProblem, ...]


class Importer:
    """Imports files of posts. Safe to share between threads."""

    def __init__(
        self, reader: SheetReader, door: PublicDoor, inspector: MediaInspector, files: FileStore
    ) -> None:
        self._reader = reader
        self._door = door
        self._inspector = inspector
        self._files = files

    def run(
        self,
        own: OwnPosts,
        user_id: str,
        body: bytes,
        *,
        dry_run: bool,
        partly: bool,
        date_order: DateOrder | None = None,
    ) -> dict[str, Any]:
        """Import a file; the report of every row. A dry run leaves nothing behind; files named by address are fetched in it
        too, because only then it is known whether an account takes them.

        Raises InvalidInput for a file that cannot be read, Unavailable. After that the same file may be sent again.
        """
        profile = own.profile()
        sheet = self._reader.read(
            body, timezone=profile["timezone"], locale=profile["locale"], date_order=date_order
        )
        wanted, told = _understood(sheet.rows, own.accounts())
        new = _without_imported(wanted, own)
        fetched = FetchedFiles(self._door, self._inspector, self._files, user_id)
        try:
            refused = fetched.fetch([ref for one in new for ref in _addresses(one.said)])
            entries = [_entry(one, fetched.ids, refused) for one in wanted]
            done = _made(own, entries, dry_run=dry_run, partly=partly)
            stays = {fate["row"] for fate in done["rows"] if done["imported"] and fate["outcome"] in ("draft", "scheduled")}  # fmt: skip
            fetched.keep(
                ref for one in wanted if one.said.row in stays for ref in _addresses(one.said)
            )
        finally:
            fetched.clear()
        return _report(sheet, told, done)


def _made(
    own: OwnPosts, entries: list[dict[str, Any]], *, dry_run: bool, partly: bool
) -> dict[str, Any]:
    """Make the posts. Up to 1,000 rows are one transaction. More are checked, all of them, before the first is made; should
    the database fail on the way then, the same file sent again makes the rest. Raises Unavailable that says how far it got."""
    batches = [entries[start : start + _BATCH] for start in range(0, len(entries), _BATCH)]
    if len(batches) <= 1:
        return own.import_posts(entries, dry_run=dry_run, partly=partly)
    if dry_run or not partly:
        checked = [own.import_posts(batch, dry_run=True, partly=partly) for batch in batches]
        rows = [fate for answer in checked for fate in answer["rows"]]
        if dry_run or any(fate["outcome"] == "refused" for fate in rows):
            return {"imported": False, "rows": rows}
    made: list[dict[str, Any]] = []
    for batch in batches:
        try:
            made += own.import_posts(batch, dry_run=False, partly=True)["rows"]
        except LinError as error:
            if not made:
                raise
            raise Unavailable(
                f"{len(made):,} of {len(entries):,} rows are imported, the others are not: {error} "
                "Send the same file again; nothing is made twice."
            ) from error
    return {"imported": True, "rows": made}


def _understood(
    rows: Sequence[SheetRow], accounts: list[dict[str, Any]]
) -> tuple[list[_Wanted], dict[int, dict[str, Any]]]:
    """The rows to hand on, and what is told of those that say what another one has said."""
    recipients = Recipients([Account(one["id"], one["platform_id"], one["account_name"], one["status"] == "active") for one in accounts])  # fmt: skip
    wanted: list[_Wanted] = []
    told: dict[int, dict[str, Any]] = {}
    first: dict[str, int] = {}
    for row in rows:
        ids, unknown = recipients.read(row.accounts)
        problems = (*row.problems, *unknown)
        digest = _digest(row, ids, problems)
        if digest in first:
            note = f"The same as row {first[digest]}."
            told[row.row] = _fate(row, "exists", notes=[*row.notes, note])
            continue
        first[digest] = row.row
        wanted.append(_Wanted(row, ids, digest, problems))
    return wanted, told


def _without_imported(wanted: list[_Wanted], own: OwnPosts) -> list[_Wanted]:
    """Those with files to fetch which are not posts already."""
    asking = [one for one in wanted if _addresses(one.said) and not one.problems]
    known = own.imported([one.digest for one in asking]) if asking else set()
    return [one for one in asking if one.digest not in known]


def _refs(row: SheetRow) -> list[Ref]:
    """The files of a row, each with the alt text at its place."""
    alt_texts = [*row.alt_texts, *[""] * len(row.media)]
    return list(zip(row.media, alt_texts, strict=False))


def _addresses(row: SheetRow) -> list[Ref]:
    return [ref for ref in _refs(row) if not _is_id(ref[0])]


def _entry(
    one: _Wanted,
    fetched: Mapping[Ref, str],
    refused: Mapping[Ref, FieldProblem],
) -> dict[str, Any]:
    problems = [*one.problems, *(refused[ref] for ref in _addresses(one.said) if ref in refused)]
    return {
        "row": one.said.row, "digest": one.digest, "post_id": one.said.post_id, "text": one.said.text,
        "at": one.said.at.isoformat() if one.said.at else None, "accounts": one.accounts,
        "media": [ref[0] if _is_id(ref[0]) else fetched[ref] for ref in _refs(one.said) if _is_id(ref[0]) or ref in fetched],
        "options": dict(one.said.options),
        "problems": [asdict(problem) for problem in problems],
    }  # fmt: skip


def _digest(row: SheetRow, accounts: Sequence[str], problems: Sequence[FieldProblem]) -> str:
    """Of all that the row says, whichever way it says it; of an export also which row it is, for a post with several
    accounts has one for each."""
    at = row.at.astimezone(UTC).isoformat() if row.at else None
    said = [row.post_id and f"{row.post_id} {row.row}", row.text, sorted(accounts), at, row.media, row.alt_texts, dict(row.options), [one.message for one in problems]]  # fmt: skip
    text = json.dumps(said, sort_keys=True, ensure_ascii=True)
    return str(uuid.UUID(bytes=hashlib.sha256(text.encode()).digest()[:16]))


def _is_id(ref: str) -> bool:
    try:
        return str(uuid.UUID(ref)) == ref.lower()
    except ValueError:
        return False


def _fate(
    row: SheetRow,
    outcome: str,
    *,
    post_id: str | None = None,
    problems: Sequence[FieldProblem] = (),
    notes: Sequence[str] | None = None,
) -> dict[str, Any]:
    return {
        "row": row.row, "outcome": outcome, "post_id": post_id, "scheduled_at": row.at.isoformat() if row.at else None,
        "problems": [asdict(one) for one in problems], "notes": list(row.notes if notes is None else notes),
    }  # fmt: skip


def _report(sheet: Sheet, told: dict[int, dict[str, Any]], done: dict[str, Any]) -> dict[str, Any]:
    said = {row.row: row for row in sheet.rows}
    for fate in done["rows"]:
        problems = [FieldProblem(one["field"], one["message"]) for one in fate["problems"]]
        told[fate["row"]] = _fate(said[fate["row"]], fate["outcome"], post_id=fate["post_id"], problems=problems)  # fmt: skip
    rows = [told[number] for number in sorted(told)]
    outcomes = [row["outcome"] for row in rows]
    return {
        "imported": done["imported"],
        "counts": {name: outcomes.count(name) for name in ("draft", "scheduled", "exists", "refused")},
        "read_as": {
            "encoding": sheet.encoding, "delimiter": sheet.delimiter, "date_order": sheet.date_order,
            "ignored_columns": list(sheet.ignored_columns),
        },
        "rows": rows,
    }  # fmt: skip

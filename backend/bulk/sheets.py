"""CSV as it comes out of spreadsheets and schedulers: rows of posts, each with what is wrong with it."""

from __future__ import annotations

import io
import json
import re
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import tzinfo
from typing import Any

from ..core.errors import FieldProblem, InvalidInput
from ..core.importing import MAX_BYTES, MAX_ROWS, DateOrder, Sheet, SheetRow
from .cells import unguarded
from .columns import MAX_COLUMNS, Columns, read_header
from .decoding import decode
from .moments import Unreadable, order_of, read_moment, read_zone

_LINES = 2 * MAX_ROWS  # spreadsheets write empty ones as well
_BETWEEN = re.compile(r"[\s|;,]+(?=https?://|[0-9a-fA-F-]{36}(?:$|[\s|;,]))|\s+|\|")
_PAIR = re.compile(r"\s*([\w.]+)\s*[=:]\s*(.*?)\s*")

Cells = Mapping[str, list[str]]


class CsvSheets:
    """Implements `SheetReader` with pandas, which is loaded when the first file is read (60 MB)."""

    def read(
        self, body: bytes, *, timezone: str, locale: str, date_order: DateOrder | None
    ) -> Sheet:
        """The rows of the file, without those that are empty. Raises InvalidInput, which names the limit that is passed."""
        if len(body) > MAX_BYTES:
            raise InvalidInput.of("file", f"The file has {len(body):,} bytes; Lin reads at most {MAX_BYTES:,}.")  # fmt: skip
        text, encoding = decode(body)
        columns, delimiter, rest, first = read_header(text)
        rows = list(_filled(columns, delimiter, rest, first))
        if len(rows) > MAX_ROWS:
            raise InvalidInput.of("file", f"The file has {len(rows):,} rows; Lin imports at most {MAX_ROWS:,} at once.")  # fmt: skip
        order = date_order or order_of((_first(cells, "at") or _first(cells, "date") for _, cells, _, _ in rows), _hint(locale, delimiter))  # fmt: skip
        zone = read_zone(timezone)
        read = [_row(number, cells, options, surplus, zone, order) for number, cells, options, surplus in rows]  # fmt: skip
        return Sheet(read, encoding, delimiter, order, columns.ignored)


def _hint(locale: str, delimiter: str) -> DateOrder | None:
    """What the owner's language or the delimiter of their Excel says of dates. English alone says nothing: the British and
    the Americans differ."""
    if locale == "en-US":
        return "month_first"
    return "day_first" if not locale.startswith("en") or delimiter == ";" else None


def _filled(
    columns: Columns, delimiter: str, rest: io.StringIO, first: int
) -> Iterator[tuple[int, Cells, dict[str, str], bool]]:
    """Each row that is not empty: its number, its cells by field, its options, and whether it has more cells than columns."""
    import pandas as pd  # large: only who imports pays for it

    surplus = list(range(columns.width, MAX_COLUMNS))
    # a first line of full width, so that the reader expects no fewer cells in any
    whole = io.StringIO(delimiter * (MAX_COLUMNS - 1) + "\n" + rest.read(), newline="")
    try:
        frame = pd.read_csv(
            whole, sep=delimiter, header=None, names=list(range(MAX_COLUMNS)), usecols=[*columns.used, *surplus],
            index_col=False, dtype=str, keep_default_na=False, na_filter=False, skip_blank_lines=False, nrows=_LINES + 2,
        ).fillna("")  # fmt: skip
    except ValueError as error:  # the parser's own error is one
        raise InvalidInput.of("file", _in_words(str(error), first)) from error
    if len(frame) > _LINES + 1:
        raise InvalidInput.of("file", f"The file has more than {_LINES:,} lines, empty ones included; Lin imports at most {MAX_ROWS:,} rows at once.")  # fmt: skip
    beyond = (frame[surplus] != "").any(axis=1) if surplus else pd.Series(False, frame.index)
    filled = (frame[columns.used] != "").any(axis=1) | beyond
    kept = {place: frame.loc[filled, place].tolist() for place in columns.used}
    numbers, over = frame.index[filled].tolist(), beyond[filled].tolist()
    for at, number in enumerate(numbers):
        cells = {name: [kept[place][at] for place in places] for name, places in columns.fields.items()}  # fmt: skip
        options = {name: kept[place][at] for name, place in columns.options.items()}
        yield first + number - 1, cells, options, bool(over[at])


def _in_words(error: str, first: int) -> str:
    line = re.search(r"(?:line|row) (\d+)", error)
    where = f" near row {first + int(line[1]) - 1}" if line else ""
    if "EOF inside string" in error:
        return f"A quotation mark{where} is never closed."
    return f"The file cannot be read{where}: it has more than {MAX_COLUMNS} cells, or a quotation mark out of place."  # fmt: skip


def _row(
    number: int,
    cells: Cells,
    options: dict[str, str],
    surplus: bool,
    zone: tzinfo,
    order: DateOrder | None,
) -> SheetRow:
    row = SheetRow(
        number,
        text=_text(_first(cells, "text")),
        accounts=_plain(_first(cells, "accounts")),
        media=tuple(ref for cell in cells.get("media", []) for ref in _refs(cell)),
        alt_texts=tuple(text for cell in cells.get("alt_text", []) for text in _texts(cell)),
    )
    problems: list[FieldProblem] = []
    if surplus:
        problems.append(FieldProblem("row", "This row has more cells than the first row; put a text with separators in quotation marks."))  # fmt: skip
    try:
        row = _with_moment(row, cells, zone, order)
    except Unreadable as error:
        problems.append(FieldProblem("scheduled_at", str(error)))
    try:
        row = replace(row, options=_options(_plain(_first(cells, "options")), options))
    except Unreadable as error:
        problems.append(FieldProblem("options", str(error)))
    post_id = _plain(_first(cells, "post_id"))
    if post_id:
        try:
            row = replace(row, post_id=str(uuid.UUID(post_id)))
        except ValueError:
            problems.append(FieldProblem("post_id", f'"{post_id[:50]}" is no id of a post.'))
    return replace(row, problems=tuple(problems))


def _with_moment(row: SheetRow, cells: Cells, zone: tzinfo, order: DateOrder | None) -> SheetRow:
    own = _plain(_first(cells, "timezone"))
    zone = read_zone(own) if own else zone
    whole, date, clock = (_plain(_first(cells, name)) for name in ("at", "date", "time"))
    if whole and date:
        clock = ""  # the one column that has both is the answer
    if not whole and not date:
        if clock:
            raise Unreadable("This row has a time of day and no date.")
        return row
    moment = read_moment(whole or date, clock, zone, order)
    return replace(row, at=moment.at, notes=(moment.note,) if moment.note else ())


def _options(cell: str, columns: dict[str, str]) -> dict[str, Any]:
    """Options of one cell, as JSON or as name=value; …, and of the columns that are named after one."""
    found: dict[str, Any] = {}
    if cell.startswith("{"):
        try:
            found = json.loads(cell)
            # what JSON or the database does not know: NaN, half characters, zero characters
            plain = json.dumps(found, ensure_ascii=False, allow_nan=False)
            plain.encode()
        except (ValueError, RecursionError):
            raise Unreadable("The options are not readable JSON.") from None
        if "\\u0000" in plain:
            raise Unreadable("The options hold a zero character.")
    elif cell:
        for part in filter(str.strip, re.split(r"[;\n]", cell)):
            pair = _PAIR.fullmatch(part)
            if pair is None:
                raise Unreadable(f'"{part.strip()[:50]}" is no option; write name=value.')
            found[pair[1]] = _value(pair[2])
    return found | {name: _value(_plain(value)) for name, value in columns.items() if value.strip()}


def _value(text: str) -> Any:
    word = text.casefold()
    if word in ("true", "yes", "vrai", "oui"):
        return True
    if word in ("false", "no", "faux", "non"):
        return False
    # what a decimal comma makes of a number in French
    number = text.replace(",", ".") if re.fullmatch(r"-?\d+,\d+", text) else text
    return json.loads(number) if re.fullmatch(r"-?(?:0|[1-9]\d{0,14})(?:\.\d{1,15})?", number) else text  # fmt: skip


def _first(cells: Cells, name: str) -> str:
    return cells.get(name, [""])[0]


def _text(cell: str) -> str:
    text = unguarded(cell.replace("\r\n", "\n").replace("\r", "\n"))
    return text.strip(" \n\ufeff")


def _plain(cell: str) -> str:
    """A cell that is no prose: the apostrophe with which spreadsheets mark a text goes."""
    return cell.strip().removeprefix("'").strip()


def _refs(cell: str) -> list[str]:
    """Addresses and ids, separated by spaces, bars, or a comma or semicolon before the next one."""
    return [ref for ref in _BETWEEN.split(_plain(cell)) if ref]


def _texts(cell: str) -> list[str]:
    return [_text(part) for part in cell.split("|")] if cell.strip() else [""]

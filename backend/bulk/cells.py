"""Cells of files that spreadsheets open: what begins like a formula is written with an apostrophe, and read without it."""

from __future__ import annotations

import re

# what a spreadsheet takes for the start of a formula; the full-width signs are what it makes of them in East Asia
_FORMULA = re.compile(r"'*[=+\-@\t\r\n＝＋－＠]")
_GUARDED = re.compile(r"'+[=+\-@\t\r\n＝＋－＠]")


def guarded(cell: str) -> str:
    """The cell so that no spreadsheet executes it. One that has the apostrophe already gets a second, so that none is lost."""
    return f"'{cell}" if _FORMULA.match(cell) else cell


def unguarded(cell: str) -> str:
    """What was in the cell before `guarded`."""
    return cell[1:] if _GUARDED.match(cell) else cell

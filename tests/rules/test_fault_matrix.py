"""The table of faults names tests that exist, and leaves out no row of the matrix."""

from __future__ import annotations

import re
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
TABLE = (TESTS / "faults" / "README.md").read_text()
ROWS = 28


def test_every_row_has_a_test() -> None:
    rows = dict(re.findall(r"^\| (\d+) \| .* \| (.*) \|$", TABLE, re.MULTILINE))
    assert list(rows) == [str(number) for number in range(1, ROWS + 1)]
    assert all("`" in tests for tests in rows.values())


def test_every_test_that_is_named_exists() -> None:
    there = {
        name
        for file in TESTS.rglob("test_*.py")
        for name in re.findall(r"^def (test_\w+)\(", file.read_text(), re.MULTILINE)
    }
    named = set(re.findall(r"`(test_\w+)`", TABLE))
    assert named - there == set()

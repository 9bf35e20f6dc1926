"""The suite itself: what a folder's tests share ends with the folder."""

from __future__ import annotations

from pathlib import Path

from tests.sharing_out import WHOLE

TESTS = Path(__file__).resolve().parents[1]


def test_every_folder_of_tests_is_a_package() -> None:
    """pytest lets a fixture of the scope "package" live to the end of the run where its folder is none."""
    folders = {path.parent for path in TESTS.rglob("test_*.py")}
    packages = {folder for found in folders for folder in (found, *found.parents) if folder.is_relative_to(TESTS)}  # fmt: skip
    assert len(packages) > 30
    assert [
        str(folder) for folder in sorted(packages) if not (folder / "__init__.py").exists()
    ] == []


def test_what_a_folder_shares_is_started_once() -> None:
    """Between two files of a folder that is not shared out as a whole, other tests run, and it would end with the first."""
    sharing = [path.parent for path in TESTS.rglob("conftest.py") if 'scope="package"' in path.read_text()]  # fmt: skip
    assert len(sharing) > 5
    assert {folder.relative_to(TESTS).as_posix() for folder in sharing} <= set(WHOLE)

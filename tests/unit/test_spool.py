"""Outcomes on disk: kept by one worker, stored by any, lost by none."""

from __future__ import annotations

import json
import stat
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import pytest

from backend.core.errors import Defect, Unavailable
from backend.core.records import Settlement
from backend.spool import Spool, SpoolError

PROJECT = "https://a.supabase.co"
ONE = Settlement(
    "2b0f6f0e-0000-4000-8000-000000000001", 7, "published", external_id="urn:li:share:1"
)
TWO = Settlement("2b0f6f0e-0000-4000-8000-000000000002", 8, "unconfirmed", error="Nobody knows.")


class Database:
    """Takes settlements, or raises what it is told."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.settled: list[Settlement] = []

    def settle(self, settlements: Sequence[Settlement]) -> None:
        if self.error:
            raise self.error
        self.settled += settlements


def files(root: Path) -> list[str]:
    return sorted(file.name for file in root.rglob("*") if file.is_file())


def test_what_one_process_kept_another_one_stores(tmp_path: Path) -> None:
    Spool(tmp_path, PROJECT).keep(ONE)
    Spool(tmp_path, PROJECT).keep(TWO)
    database = Database()
    assert Spool(tmp_path, PROJECT).settle_all(database.settle) == 2
    assert database.settled == [ONE, TWO]
    assert files(tmp_path) == []


def test_what_is_stored_is_forgotten_also_when_it_was_never_kept(tmp_path: Path) -> None:
    spool, database = Spool(tmp_path, PROJECT), Database()
    spool.keep(ONE)
    spool.forget(ONE)
    spool.forget(TWO)
    assert spool.settle_all(database.settle) == 0
    assert database.settled == []


def test_an_absent_database_takes_nothing_and_loses_nothing(tmp_path: Path) -> None:
    spool = Spool(tmp_path, PROJECT)
    spool.keep(ONE)
    with pytest.raises(Unavailable):
        spool.settle_all(Database(Unavailable("away")).settle)
    database = Database()
    assert spool.settle_all(database.settle) == 1
    assert database.settled == [ONE]


def test_what_the_database_refuses_is_set_aside_for_the_operator_and_holds_up_nothing(
    tmp_path: Path,
) -> None:
    spool = Spool(tmp_path, PROJECT)
    spool.keep(ONE)
    assert spool.settle_all(Database(Defect("no")).settle) == 0
    (kept,) = tmp_path.rglob("*.refused")
    assert json.loads(kept.read_text()) == asdict(ONE)
    assert spool.settle_all(Database().settle) == 0


def test_half_a_file_is_set_aside_and_the_others_are_stored(tmp_path: Path) -> None:
    spool, database = Spool(tmp_path, PROJECT), Database()
    spool.keep(ONE)
    (whole,) = tmp_path.rglob("*.json")
    whole.with_name("2a.1.json").write_text(whole.read_text()[:20])
    assert spool.settle_all(database.settle) == 1
    assert database.settled == [ONE]
    assert files(tmp_path) == ["2a.1.refused"]


def test_projects_do_not_mix(tmp_path: Path) -> None:
    Spool(tmp_path, PROJECT).keep(ONE)
    assert Spool(tmp_path, "https://b.supabase.co").settle_all(Database().settle) == 0


def test_nobody_else_can_read_or_write_there(tmp_path: Path) -> None:
    Spool(tmp_path / "spool", PROJECT).keep(ONE)
    for directory in (tmp_path / "spool", *(tmp_path / "spool").iterdir()):
        assert stat.S_IMODE(directory.stat().st_mode) == 0o700


def test_a_directory_in_which_others_may_write_is_refused(tmp_path: Path) -> None:
    root = tmp_path / "spool"
    root.mkdir()
    root.chmod(0o777)
    with pytest.raises(SpoolError, match="SPOOL_DIRECTORY cannot be used: others may write there"):
        Spool(root, PROJECT)


def test_what_is_no_directory_is_refused(tmp_path: Path) -> None:
    root = tmp_path / "spool"
    root.write_text("")
    with pytest.raises(SpoolError, match="SPOOL_DIRECTORY cannot be used"):
        Spool(root, PROJECT)


def test_a_disk_that_takes_nothing_is_logged_and_stops_nobody(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    spool = Spool(tmp_path, PROJECT)
    (directory,) = tmp_path.iterdir()
    directory.rmdir()
    spool.keep(ONE)
    assert [record.message for record in caplog.records] == ["an outcome could not be spooled"]
    assert list(tmp_path.iterdir()) == []

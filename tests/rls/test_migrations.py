"""The files: names, headers, and a seed that may run again."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import psycopg
import pytest

SUPABASE = Path(__file__).resolve().parents[2] / "supabase"
MIGRATIONS = sorted((SUPABASE / "migrations").iterdir())


@pytest.mark.parametrize("file", MIGRATIONS, ids=lambda file: file.name)
def test_a_migration_is_named_by_its_time_and_what_it_does(file: Path) -> None:
    assert re.fullmatch(r"\d{14}_[a-z]+(_[a-z]+)+\.sql", file.name)


@pytest.mark.parametrize("file", MIGRATIONS, ids=lambda file: file.name)
def test_a_migration_begins_with_a_sentence(file: Path) -> None:
    first = file.read_text().splitlines()[0]
    assert re.match(r"-- [A-Z].{20,}", first), first


def test_every_migration_was_applied(database: psycopg.Connection[Any]) -> None:
    applied = database.execute(
        "select version from supabase_migrations.schema_migrations order by version"
    ).fetchall()
    assert [version for (version,) in applied] == [file.name[:14] for file in MIGRATIONS]


def test_the_seed_may_run_again_and_changes_nothing(database: psycopg.Connection[Any]) -> None:
    seed = (SUPABASE / "seed.sql").read_bytes()
    every_row = "select to_jsonb(p) from public.platforms p order by id"
    before = database.execute(every_row).fetchall()
    with database.transaction(force_rollback=True):
        database.execute(seed)
        database.execute(seed)
        assert database.execute(every_row).fetchall() == before
    assert before


def test_the_seed_brings_back_a_platform_that_was_changed(
    database: psycopg.Connection[Any],
) -> None:
    with database.transaction(force_rollback=True):
        database.execute("update public.platforms set limits = '{}', enabled = false")
        database.execute((SUPABASE / "seed.sql").read_bytes())
        found = database.execute(
            "select enabled, limits -> 'text' -> 'max' from public.platforms where id = 'linkedin'"
        ).fetchone()
    assert found == (True, 3000)

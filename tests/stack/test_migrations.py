"""The product's own migrations, applied by the real Supabase CLI."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from local.people import make_people
from local.stack import Stack
from local.stack.migrations import push, without_tls

from .conftest import BARE, ROOT


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Postgres and gateway with the product's tables."""
    state = tmp_path_factory.mktemp("product")
    stack = Stack(ROOT, state, services=False, extra_env=BARE)
    try:
        stack.start()
        yield stack
    finally:
        stack.discard()


def test_every_migration_is_recorded(database: Stack) -> None:
    wanted = sorted(
        file.name.partition("_")[0] for file in (ROOT / "supabase/migrations").glob("*.sql")
    )
    with psycopg.connect(database.info["database_url"]) as connection:
        rows = connection.execute(
            "select version from supabase_migrations.schema_migrations order by version"
        ).fetchall()
    assert [row[0] for row in rows] == wanted


def test_a_second_push_has_nothing_to_do(database: Stack) -> None:
    said = push(ROOT, without_tls(database.info["database_url"]))
    assert "up to date" in said


def test_the_cast_is_made_once(database: Stack, tmp_path: Path) -> None:
    first = make_people(database.info["supabase_url"], database.info["secret_key"], tmp_path)
    again = make_people(database.info["supabase_url"], database.info["secret_key"], tmp_path)
    assert first == again
    assert [name for name, person in first.items() if not person.confirmed] == ["carol"]
    with psycopg.connect(database.info["database_url"]) as connection:
        rows = connection.execute(
            "select email, email_confirmed_at is not null from auth.users order by email"
        ).fetchall()
    assert [confirmed for _, confirmed in rows] == [True, True, False]
    assert first["alice"].password not in repr(first["alice"])

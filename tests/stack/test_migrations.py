"""The product's own migrations, applied by the real Supabase CLI."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from local import advisors
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


def test_a_second_push_has_no_migration_to_apply(database: Stack) -> None:
    said = push(ROOT, without_tls(database.info["database_url"]))
    assert "Schema migrations are up to date" in said


def test_a_seed_that_changed_reaches_a_database_that_was_seeded_before(database: Stack) -> None:
    with psycopg.connect(database.info["database_url"]) as connection:
        # as an older release left it: fewer platforms, and the hash of its seed
        connection.execute("delete from platforms where id = 'x'")
        connection.execute("update supabase_migrations.seed_files set hash = 'of an older seed'")
    push(ROOT, without_tls(database.info["database_url"]))
    with psycopg.connect(database.info["database_url"]) as connection:
        assert connection.execute("select id from platforms where id = 'x'").fetchall() == [("x",)]


def test_the_advisors_have_nothing_to_report_whatever_the_cli_warns_of(database: Stack) -> None:
    # without TLS, of which it warns before it reports
    assert advisors.report(database.info["database_url"]) == ""


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

"""The gateway refuses to start when a bridge no longer holds, and says which."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import psycopg
import pytest

from local.stack import Stack
from local.stack.local_supabase import gateway_command


def second_gateway(
    local_supabase: Stack, state: Path, **changes: str
) -> subprocess.CompletedProcess[str]:
    """Start another gateway on the same database; it is expected to give up."""
    environment = local_supabase.gateway_env() | {"GATEWAY_STATE_DIR": str(state)} | changes
    return subprocess.run(
        gateway_command(), env=environment, capture_output=True, text=True, timeout=30, check=False
    )


def check_refused(
    done: subprocess.CompletedProcess[str], bridge: str, superuser: psycopg.Connection
) -> None:
    assert done.returncode == 1, done.stdout
    assert "ready" not in done.stdout
    assert "self-check: the local gateway no longer behaves like hosted Supabase" in done.stderr
    assert f"  {bridge} (" in done.stderr
    check_nothing_left(superuser)


def check_nothing_left(superuser: psycopg.Connection) -> None:
    row = superuser.execute(
        "select count(*) from pg_namespace where nspname like 'lin\\_selfcheck%'"
    ).fetchone()
    assert row == (0,)


def test_a_grant_that_opens_every_column_is_noticed(
    local_supabase: Stack, superuser: psycopg.Connection, state: Path
) -> None:
    superuser.execute("alter default privileges grant select on tables to anon")
    try:
        check_refused(second_gateway(local_supabase, state), "column grants", superuser)
    finally:
        superuser.execute("alter default privileges revoke select on tables from anon")


def test_row_level_security_that_does_not_apply_is_noticed(
    local_supabase: Stack, superuser: psycopg.Connection, state: Path
) -> None:
    superuser.execute("alter role anon bypassrls")
    try:
        check_refused(second_gateway(local_supabase, state), "row-level security", superuser)
    finally:
        superuser.execute("alter role anon nobypassrls")


@pytest.mark.slow
def test_timestamps_in_another_shape_are_noticed(
    local_supabase: Stack, superuser: psycopg.Connection, state: Path
) -> None:
    superuser.execute("alter role supabase_admin set datestyle = 'German'")
    try:
        check_refused(second_gateway(local_supabase, state), "timestamps", superuser)
    finally:
        superuser.execute("alter role supabase_admin reset datestyle")


@pytest.mark.slow
def test_an_argument_that_is_encoded_twice_is_noticed(
    local_supabase: Stack, superuser: psycopg.Connection, state: Path
) -> None:
    """Inside the check's transaction the database sees a json string, as it did before the bridge."""
    superuser.execute(
        """
        create function extensions.see_strings() returns event_trigger language plpgsql as $$
        declare command record;
        begin
          for command in select * from pg_event_trigger_ddl_commands() loop
            if command.object_identity like 'lin\\_selfcheck\\_%.kind_of%' then
              update pg_proc set prosrc = 'select jsonb_typeof(to_jsonb(value::text))'
              where oid = command.objid;
            end if;
          end loop;
        end $$;
        """
    )
    superuser.execute(
        "create event trigger see_strings on ddl_command_end when tag in ('CREATE FUNCTION') "
        "execute function extensions.see_strings()"
    )
    try:
        check_refused(second_gateway(local_supabase, state), "json arguments", superuser)
    finally:
        superuser.execute("drop event trigger see_strings")
        superuser.execute("drop function extensions.see_strings()")


@pytest.mark.slow
def test_a_key_that_does_not_fit_its_published_half_is_noticed(
    local_supabase: Stack, superuser: psycopg.Connection, state: Path
) -> None:
    kept = local_supabase.state / "supabase" / "signing-key.json"
    key = json.loads(kept.read_text())
    # the public half of another valid key: a point on P-256 (its generator, FIPS 186-4 D.1.2.3)
    key["x"] = "axfR8uEsQkf4vOblY6RA8ncDfYEt6zOg9KE5RdiYwpY"
    key["y"] = "T-NC4v4af5uO5-tKfA-eFivOM1drMV7Oy7ZAaDe_UfU"
    (state / "signing-key.json").write_text(json.dumps(key))
    done = second_gateway(local_supabase, state)
    assert done.returncode == 1
    assert "ready" not in done.stdout
    assert "tokens (" in done.stderr or "Invalid" in done.stderr


def test_the_check_leaves_nothing_behind(
    local_supabase: Stack, superuser: psycopg.Connection
) -> None:
    assert local_supabase.info["supabase_url"]
    check_nothing_left(superuser)


def test_it_refuses_production(local_supabase: Stack, state: Path) -> None:
    done = second_gateway(local_supabase, state, APP_ENV="production")
    assert done.returncode == 1
    assert "refuses to start with APP_ENV=production" in done.stderr


def test_a_missing_setting_is_named(local_supabase: Stack, state: Path) -> None:
    done = second_gateway(local_supabase, state, GATEWAY_SECRET_KEY="")
    assert done.returncode == 1
    assert "the gateway needs GATEWAY_SECRET_KEY" in done.stderr

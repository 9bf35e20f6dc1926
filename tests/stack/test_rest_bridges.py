"""REST through the gateway answers as PostgREST does."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator

import psycopg
import pytest

from local.stack import Stack
from tests.waiting import until

from .conftest import Caller


@pytest.fixture
def database(local_supabase: Stack) -> Iterator[psycopg.Connection]:
    """A connection as the role that migrations run as."""
    with psycopg.connect(local_supabase.info["database_url"], autocommit=True) as connection:
        yield connection


def test_values_look_as_postgrest_sends_them(service: Caller) -> None:
    note = {"title": "one", "amount": 12.3, "blob": "\\x6869", "settings": {"a": {"b": 1}}}
    row = service.http.post(
        "/rest/v1/notes", json=note, headers={"Prefer": "return=representation"}
    ).json()[0]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+\+00:00", row["created_at"])
    assert dt.datetime.fromisoformat(row["created_at"]).tzinfo is not None
    assert row["amount"] == 12.3
    assert row["blob"] == "\\x6869"
    assert row["settings"] == {"a": {"b": 1}}


def test_a_number_too_long_for_javascript_stays_exact(
    database: psycopg.Connection, service: Caller
) -> None:
    database.execute(
        "insert into public.notes (title, amount) values ('big', 1234567890123456.1234)"
    )
    rows = service.http.get("/rest/v1/notes?title=eq.big&select=amount").json()
    assert rows == [{"amount": "1234567890123456.1234"}]


def test_a_vector_may_be_a_json_array(service: Caller) -> None:
    made = service.http.post("/rest/v1/notes", json={"title": "vector", "embedding": [1, 2, 3]})
    assert made.status_code == 201
    rows = service.http.get("/rest/v1/notes?title=eq.vector&select=embedding").json()
    assert rows[0]["embedding"] == "[1,2,3]"


def test_a_json_argument_arrives_as_what_it_is(anon: Caller) -> None:
    assert anon.rpc("kind_of", value={"a": 1}).json() == "object"
    assert anon.rpc("kind_of", value=[1]).json() == "array"


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("P0001", 400),
        ("23P01", 400),
        ("28000", 403),
        ("57014", 500),
        ("40001", 500),
        ("53300", 503),
    ],
)
def test_an_error_of_the_database_keeps_its_code_detail_and_hint(
    anon: Caller, code: str, status: int
) -> None:
    answer = anon.rpc("refuse", code=code)
    assert answer.status_code == status
    said = {"code": code, "message": "no", "details": "because", "hint": "try later"}
    assert answer.json() == said


def test_a_function_may_choose_its_http_status(anon: Caller) -> None:
    assert anon.rpc("refuse", code="PT409").status_code == 409


def test_an_exclusion_constraint_is_a_400_with_its_code(service: Caller) -> None:
    answer = service.http.post(
        "/rest/v1/bookings", json={"room": 7, "during": "[2026-01-01, 2026-01-03)"}
    )
    assert (answer.status_code, answer.json()["code"]) == (400, "23P01")


def test_a_column_without_a_grant_cannot_be_read(person: Caller) -> None:
    answer = person.http.get("/rest/v1/notes?select=secret")
    assert (answer.status_code, answer.json()["code"]) == (403, "42501")
    assert person.http.get("/rest/v1/notes?select=title").status_code == 200


def test_people_see_their_own_rows_only(person: Caller, service: Caller) -> None:
    service.http.post("/rest/v1/notes", json={"title": "somebody else's"})
    made = person.http.post(
        "/rest/v1/notes", json={"title": "mine"}, headers={"Prefer": "return=minimal"}
    )
    assert made.status_code == 201
    rows = person.http.get("/rest/v1/notes?select=title,owner").json()
    assert rows == [{"title": "mine", "owner": person.id}]


def test_a_new_table_can_be_used_without_a_restart(
    database: psycopg.Connection, service: Caller
) -> None:
    database.execute("create table public.later (id int primary key)")
    try:
        database.execute("grant select on public.later to service_role")
        # the word of a change travels by NOTIFY, here as on a hosted project: soon, not at once
        until(lambda: service.http.get("/rest/v1/later").is_success, "the new table")
        assert service.http.get("/rest/v1/later").json() == []
    finally:
        database.execute("drop table public.later")


def test_a_table_that_changed_before_the_gateway_is_told_asks_for_another_try(
    superuser: psycopg.Connection, database: psycopg.Connection, service: Caller
) -> None:
    def columns() -> list[str] | str:
        """Of the table's only row; or the code where the gateway has no answer yet."""
        answer = service.http.get("/rest/v1/growing")
        found = answer.json()
        return found["code"] if answer.status_code == 503 else sorted(found[0])

    database.execute("create table public.growing as select 1 as id")
    try:
        database.execute("grant select on public.growing to service_role")
        until(lambda: service.http.get("/rest/v1/growing").is_success, "the new table")
        # often enough that each connection of the gateway has its statement prepared
        assert all(columns() == ["id"] for _ in range(20))
        superuser.execute("alter event trigger pgrst_ddl_watch disable")
        try:
            database.execute("alter table public.growing add column name text")
        finally:
            superuser.execute("alter event trigger pgrst_ddl_watch enable")
        assert columns() == "PGRST002"
        assert all(columns() == ["id", "name"] for _ in range(20))
    finally:
        database.execute("drop table public.growing")


def test_the_schema_auth_is_out_of_reach(service: Caller) -> None:
    answer = service.http.get("/rest/v1/users", headers={"Accept-Profile": "auth"})
    assert (answer.status_code, answer.json()["code"]) == (406, "PGRST106")


def test_migrations_may_not_make_tables_in_auth(database: psycopg.Connection) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        database.execute("create table auth.mine (id int)")


@pytest.mark.parametrize(
    "statement",
    [
        "create function storage.mine() returns int language sql as 'select 1'",
        "alter table storage.objects enable row level security",
    ],
)
def test_migrations_may_not_change_the_managed_schemas(
    database: psycopg.Connection, statement: str
) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="hosted Supabase refuses"):
        database.execute(statement.encode())


def test_migrations_do_not_run_as_a_superuser(database: psycopg.Connection) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        database.execute("alter system set work_mem = '8MB'")


def test_a_new_function_may_not_be_called_by_everybody(
    database: psycopg.Connection, anon: Caller
) -> None:
    database.execute(
        "create function public.hidden() returns int language sql set search_path = '' as 'select 1'"
    )
    try:
        # until the word of it has come, it is not known at all
        until(lambda: anon.rpc("hidden").json()["code"] == "42501", "the refusal")
    finally:
        database.execute("drop function public.hidden()")


def test_the_pgcrypto_stand_in_agrees_with_rfc_4231(database: psycopg.Connection) -> None:
    row = database.execute(
        "select encode(hmac('what do ya want for nothing?'::bytea, 'Jefe'::bytea, 'sha256'), 'hex'),"
        " length(gen_random_bytes(33)), gen_random_bytes(16) <> gen_random_bytes(16),"
        " encode(digest('abc', 'sha256'), 'hex')"
    ).fetchone()
    assert row == (
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
        33,
        True,
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
    )

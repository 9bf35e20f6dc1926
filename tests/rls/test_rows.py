"""Each table and each verb, as alice who owns a row there, and as three others who want it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import psycopg
import pytest

from tests.people import Person

from .conftest import World
from .expected import TABLES
from .rows import Rows

OTHERS = ["bob", "carol", "nobody"]
READABLE = [name for name, access in TABLES.items() if access.select]
OWNED = [name for name in READABLE if TABLES[name].owner]
INSERTABLE = [name for name, access in TABLES.items() if access.insert]
UPDATABLE = [name for name, access in TABLES.items() if access.update]
DELETABLE = [name for name, access in TABLES.items() if access.delete]

every_table = pytest.mark.parametrize("table", TABLES)
every_other = pytest.mark.parametrize("name", OTHERS)


def refused(answer: httpx.Response, person: Person) -> bool:
    """Whether the database said that this role may not: 403 for users, 401 without a token."""
    return answer.status_code == (403 if person.token else 401) and answer.json()["code"] == "42501"


# ---------------------------------------------------------------------------------------- others


@every_other
@every_table
def test_others_see_no_row_of_alice(world: World, table: str, name: str) -> None:
    person, access = world.person(name), TABLES[table]
    answer = person.rest("GET", f"{table}?{world.rows.filter(table)}")
    if not access.select or not person.token:
        assert refused(answer, person), answer.text
    elif access.owner:
        assert (answer.status_code, answer.json()) == (200, [])
    else:
        assert len(answer.json()) == 1  # platforms are for everybody signed in


@pytest.mark.parametrize("table", OWNED)
def test_bob_sees_his_own_rows_and_no_others(world: World, table: str) -> None:
    answer = world.bob.rest("GET", table)
    assert {row[TABLES[table].owner] for row in answer.json()} == {world.bob.id}


@every_other
@every_table
def test_others_change_no_row_of_alice(world: World, table: str, name: str) -> None:
    person, access, before = world.person(name), TABLES[table], world.rows.stored(table)
    assert before
    columns = access.update_columns or set(before)
    # what may be written is the same for bob and carol, who have one role
    for column in columns if name != "carol" else [min(columns)]:
        answer = person.rest(
            "PATCH",
            f"{table}?{world.rows.filter(table)}",
            {column: before[column]},
            Prefer="return=representation",
        )
        if access.update and person.token:
            assert (answer.status_code, answer.json()) == (200, [])  # no such row for them
        else:
            assert refused(answer, person), f"{column}: {answer.text}"
    assert world.rows.stored(table) == before


@every_other
@every_table
def test_others_delete_no_row_of_alice(world: World, table: str, name: str) -> None:
    person, before = world.person(name), world.rows.stored(table)
    answer = person.rest("DELETE", f"{table}?{world.rows.filter(table)}")
    if TABLES[table].delete and person.token:
        assert answer.status_code in (200, 204)  # no such row for them
    else:
        assert refused(answer, person), answer.text
    assert world.rows.stored(table) == before


@every_other
@every_table
def test_others_insert_no_row_for_alice(
    world: World, database: psycopg.Connection[Any], table: str, name: str
) -> None:
    person = world.person(name)
    count = f"select count(*) from public.{table}"  # noqa: S608 - our own table's name
    own = f" where {TABLES[table].owner} = '{world.alice.id}'" if TABLES[table].owner else ""
    before = database.execute((count + own).encode()).fetchone()
    # what she could insert herself, or the row she has, in a table where nobody may insert
    row = world.rows.new_row(table) if TABLES[table].insert else world.rows.stored(table)
    answer = person.rest("POST", table, row)
    # PT404: a trigger that looks at the account first knows no account of another
    assert refused(answer, person) or answer.json()["code"] == "PT404", answer.text
    if own:
        assert database.execute((count + own).encode()).fetchone() == before


@every_table
def test_who_has_signed_out_reaches_nothing_of_alice(world: World, table: str) -> None:
    # their token lasts until it ends, and is worth what any stranger's is
    dora, access, path = world.dora, TABLES[table], f"{table}?{world.rows.filter(table)}"
    before = world.rows.stored(table)
    assert before
    found = dora.rest("GET", path)
    if access.select and access.owner:
        assert (found.status_code, found.json()) == (200, [])
    elif not access.select:
        assert refused(found, dora), found.text
    column = min(access.update_columns or before)
    answers = [
        dora.rest("PATCH", path, {column: before[column]}, Prefer="return=representation"),
        dora.rest("DELETE", path, Prefer="return=representation"),
        dora.rest("POST", table, world.rows.new_row(table) if access.insert else before),
    ]
    for answer in answers:
        ends = refused(answer, dora) or answer.json() == [] or answer.json()["code"] == "PT404"
        assert ends, answer.text
    assert world.rows.stored(table) == before


# ---------------------------------------------------------------------------------------- alice


@pytest.mark.parametrize("table", READABLE)
def test_alice_sees_her_row(world: World, table: str) -> None:
    answer = world.alice.rest("GET", f"{table}?{world.rows.filter(table)}")
    assert answer.status_code == 200
    assert len(answer.json()) == 1


@pytest.mark.parametrize("table", [name for name in TABLES if name not in READABLE])
def test_tables_of_the_service_are_closed_to_alice_as_well(world: World, table: str) -> None:
    for path in (table, f"{table}?select=*&limit=0", f"{table}?{world.rows.filter(table)}"):
        assert refused(world.alice.rest("GET", path), world.alice)


@pytest.mark.parametrize("table", INSERTABLE)
def test_alice_adds_a_row_without_saying_whose_it_is(
    author: Person, rows_of: Callable[[Person], Rows], table: str
) -> None:
    row = rows_of(author).new_row(table)
    del row["user_id"]
    answer = author.rest("POST", table, row, Prefer="return=representation")
    assert answer.status_code == 201, answer.text
    assert [made["user_id"] for made in answer.json()] == [author.id]


@pytest.mark.parametrize("table", INSERTABLE)
def test_alice_sets_no_other_column_when_she_inserts(world: World, table: str) -> None:
    stored, row = world.rows.stored(table), world.rows.new_row(table)
    assert stored
    closed = set(stored) - TABLES[table].insert_columns
    for column in closed:
        answer = world.alice.rest("POST", table, row | {column: stored[column]})
        assert refused(answer, world.alice), f"{column}: {answer.text}"


@pytest.mark.parametrize("table", UPDATABLE)
def test_alice_changes_what_is_hers_to_change(world: World, table: str) -> None:
    stored = world.rows.stored(table)
    assert stored
    answer = world.alice.rest(
        "PATCH",
        f"{table}?{world.rows.filter(table)}",
        {column: stored[column] for column in TABLES[table].update_columns},
        Prefer="return=representation",
    )
    assert answer.status_code == 200, answer.text
    assert len(answer.json()) == 1


@every_table
def test_alice_changes_no_other_column(world: World, table: str) -> None:
    stored = world.rows.stored(table)
    assert stored
    closed = set(stored) - TABLES[table].update_columns
    assert closed
    for column in closed:
        answer = world.alice.rest(
            "PATCH", f"{table}?{world.rows.filter(table)}", {column: stored[column]}
        )
        assert refused(answer, world.alice), f"{column}: {answer.text}"
    assert world.rows.stored(table) == stored


@pytest.mark.parametrize("table", DELETABLE)
def test_alice_deletes_what_is_hers(
    author: Person, rows_of: Callable[[Person], Rows], table: str
) -> None:
    rows = rows_of(author)
    if table == "media":  # the other one is in use
        rows.keys["media"] = {"id": rows.other_media}
    answer = author.rest("DELETE", f"{table}?{rows.filter(table)}")
    assert answer.status_code in (200, 204), answer.text
    assert rows.stored(table) is None


@pytest.mark.parametrize("table", [name for name in READABLE if name not in DELETABLE])
def test_alice_does_not_delete_what_is_kept(world: World, table: str) -> None:
    answer = world.alice.rest("DELETE", f"{table}?{world.rows.filter(table)}")
    assert refused(answer, world.alice)
    assert world.rows.stored(table)

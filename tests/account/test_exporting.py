"""GET /api/account/export, held against the catalogue: everything of the caller's, nothing of anybody else's."""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Callable
from typing import Any

import psycopg

from backend.store.account_data import EXPORTED, NOT_EXPORTED, withheld
from tests.account.conftest import PNG, Belongings, exported
from tests.api.conftest import Browser, problem
from tests.people import Person

Catalogue = Callable[..., list[tuple[Any, ...]]]
Furnish = Callable[[Person], Belongings]

# Every table whose rows lead to a person, over however many foreign keys.
OF_PEOPLE = """
    with recursive led as (
      select 'auth.users'::regclass::oid as place
      union
      select c.conrelid from pg_constraint c join led on led.place = c.confrelid where c.contype = 'f'
    )
    select p.relname from led join pg_class p on p.oid = led.place where p.relnamespace = 'public'::regnamespace"""
# What the stack's worker goes on with while a test looks.
WORKED_ON = {"sources", "source_items", "generations", "notifications"}
SUSPICIOUS = re.compile(r"sealed|hash|digest|lease|secret|checksum|verifier|password")


def rows_in(file: zipfile.ZipFile, table: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read(f"tables/{table}.jsonl").splitlines()]


def everything(file: zipfile.ZipFile) -> str:
    return "\n".join(file.read(name).decode("latin-1") for name in file.namelist())


def test_every_table_of_people_is_exported_or_left_out_for_a_reason(catalogue: Catalogue) -> None:
    found = {name for (name,) in catalogue(OF_PEOPLE)}
    assert set(EXPORTED) | set(NOT_EXPORTED) == found, "name the table in store/account_data.py"
    assert not set(EXPORTED) & set(NOT_EXPORTED)
    assert all(len(reason) > 10 for reason in NOT_EXPORTED.values())


def test_pages_are_read_by_columns_that_tell_rows_apart(catalogue: Catalogue) -> None:
    keys = catalogue("""
        select c.conrelid::regclass::text, array_agg(a.attname::text order by k.n)
        from pg_constraint c, unnest(c.conkey) with ordinality k (attnum, n), pg_attribute a
        where c.contype = 'p' and c.connamespace = 'public'::regnamespace
          and a.attrelid = c.conrelid and a.attnum = k.attnum
        group by c.conrelid""")
    assert {name: tuple(columns) for name, columns in keys if name in EXPORTED} == dict(EXPORTED)


def test_no_column_that_opens_a_door_is_exported(catalogue: Catalogue) -> None:
    columns = catalogue(
        "select table_name, column_name from information_schema.columns where table_schema = 'public'"
    )
    doors = [(t, c) for t, c in columns if t in EXPORTED and SUSPICIOUS.search(c)]
    assert ("post_targets", "lease_token") in doors
    assert [one for one in doors if not withheld(one[1])] == []


def test_it_holds_every_row_and_every_file_of_the_caller(ada: Browser, furnish: Furnish) -> None:
    assert ada.person
    mine = furnish(ada.person)
    file = exported(ada)
    account = json.loads(file.read("account.json"))
    assert (account["id"], account["email"]) == (ada.person.id, ada.person.email)
    for table, keys in EXPORTED.items():
        told = {tuple(row[key] for key in keys): row for row in rows_in(file, table)}
        (known,) = ada.person.rest("GET", f"{table}?{mine.rows.filter(table)}").json()
        row = told[tuple(known[key] for key in keys)]
        assert set(row) == {name for name in known if not withheld(name)}, table
        # the worker may have added some since
        assert set(told) <= {tuple(one[key] for key in keys) for one in ada.person.rest("GET", table).json()}  # fmt: skip
        if table not in WORKED_ON:
            assert row == {name: known[name] for name in row}, table
    assert [file.read(f"files/{path}") for path in mine.files] == [PNG, PNG]
    contents = json.loads(file.read("contents.json"))
    assert contents["files"] == 2
    assert set(contents["rows"]) == set(EXPORTED)
    assert contents["rows"]["posts"] == 2


def test_nothing_of_anybody_else_and_nothing_secret_is_in_it(
    ada: Browser, ben: Browser, furnish: Furnish, database: psycopg.Connection[Any]
) -> None:
    assert ada.person
    assert ben.person
    mine, theirs = furnish(ada.person).rows, furnish(ben.person).rows
    planted = {
        "sealed-access-planted": "update social_account_tokens set access_token_sealed = %s where account_id = %s",
        "777888999000111": "update post_targets set lease_token = %s where id = %s",
    }
    for (secret, statement), row in zip(planted.items(), (mine.account, mine.target), strict=True):
        database.execute(statement, [secret, row])  # type: ignore[call-overload] # a literal
    said = everything(exported(ada))
    assert ada.person.id in said
    ids = {value for key in theirs.keys.values() for value in key.values() if len(value) == 36}
    ids -= {value for key in mine.keys.values() for value in key.values()}
    assert len(ids) > 15
    for one in (ben.person.id, ben.person.email, *ids, *planted):
        assert one not in said


def test_more_rows_than_a_page_come_once_each(
    ada: Browser, database: psycopg.Connection[Any]
) -> None:
    assert ada.person
    owner = {"owner": ada.person.id}
    database.execute("insert into posts (user_id, text) select %(owner)s, 'n' from generate_series(1, 401)", owner)  # fmt: skip
    database.execute("insert into media (user_id, path, status) select user_id, user_id || '/' || id || '.png', 'rejected' from posts where user_id = %(owner)s", owner)  # fmt: skip
    database.execute(
        """insert into post_media (user_id, post_id, media_id)
           select p.user_id, p.id, m.id from posts p join media m on m.path = p.user_id || '/' || p.id || '.png'
           where p.user_id = %(owner)s""",
        owner,
    )
    # one post with several, so that a page may end between two rows with the same first key
    database.execute(
        """insert into post_media (user_id, post_id, media_id, position)
           select m.user_id, p.id, m.id, row_number() over (order by m.id)
           from (select * from posts where user_id = %(owner)s order by id offset 198 limit 1) p
           join (select * from media where user_id = %(owner)s order by id desc limit 30) m
             on m.path <> m.user_id || '/' || p.id || '.png'""",
        owner,
    )
    file = exported(ada)
    assert len({row["id"] for row in rows_in(file, "posts")}) == 401
    pairs = [(row["post_id"], row["media_id"]) for row in rows_in(file, "post_media")]
    assert len(pairs) == len(set(pairs)) > 425


def test_an_ended_session_exports_nothing(ada: Browser) -> None:
    assert ada.person
    url = f"{ada.person.info['supabase_url']}/auth/v1/logout"
    assert ada.person.http.post(url, headers=ada.person.headers).status_code == 204
    problem(ada.call("GET", "/api/account/export"), 401)


def test_one_export_that_ended_makes_room_for_the_next(ada: Browser) -> None:
    assert [exported(ada).testzip() for _ in range(2)] == [None, None]

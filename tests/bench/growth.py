"""A database as it is after a year with ever more people, who each do what they always did.

At the full size, 100,000 people have 1 million posts that wait and 2 million that were due in the year before, with 5
million attempts, and whatever comes with them (growth.sql). One in a thousand is an agency with 3,000 posts, one in twenty
has 200, everybody else 18. Nobody grows with the database, so what takes longer in a larger one does so for others' rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import psycopg
from psycopg import sql

PEOPLE = 100_000
AGENCY = 1000  # every so many people
BUSY = 20
AT_A_TIME = 2500
LOADERS = 2
# Tables with a row, or many, for everybody.
GROWN = (
    "auth.users", "public.profiles", "public.social_accounts", "public.social_account_tokens", "public.generations",
    "public.posts", "public.post_targets", "private.lines", "public.publish_attempts", "public.post_metrics", "public.media",
    "public.post_media", "public.sources", "public.source_items", "public.passages", "public.slots",
    "private.slot_openings", "public.slot_occurrences", "public.notifications", "public.idempotency_keys",
)  # fmt: skip
_STATEMENTS = (Path(__file__).with_name("growth.sql")).read_text().split(";\n")


def grow(url: str, first: int, last: int) -> None:
    """Add people number `first` to `last`, not in, past the triggers; `url` is the superuser's address.

    Indexes are left alone meanwhile and built in one go, which is several times as quick.
    """
    with psycopg.connect(url, autocommit=True) as database:
        database.execute("set maintenance_work_mem = '512MB'")
        with _without_indexes(database), ThreadPoolExecutor(LOADERS) as pool:
            starts = range(first, last, AT_A_TIME)
            list(pool.map(lambda start: _add(url, start, min(last, start + AT_A_TIME)), starts))
        for table in GROWN:
            database.execute(sql.SQL("vacuum (analyze) {}").format(_named(table)))


def _add(url: str, first: int, last: int) -> None:
    with psycopg.connect(url) as database:
        database.execute("set session_replication_role = replica")
        database.execute("set work_mem = '128MB'")
        for statement in _STATEMENTS:
            database.execute(statement, {"first": first, "last": last})


@contextmanager
def _without_indexes(database: psycopg.Connection) -> Iterator[None]:
    """What is inserted meanwhile goes into no index; all of them are built at the end."""
    database.execute(
        "update pg_catalog.pg_index set indisready = false, indisvalid = false where indrelid = any (%s::regclass[])", [list(GROWN)]
    )  # fmt: skip
    yield
    for table in GROWN:
        database.execute(sql.SQL("reindex table {}").format(_named(table)))


def _named(table: str) -> sql.Identifier:
    return sql.Identifier(*table.split("."))


def make_due(url: str, count: int) -> None:
    """Bring the first waiting targets of so many accounts forward to now, as their owners might; lines follow by trigger."""
    with psycopg.connect(url, autocommit=True) as database:
        database.execute(
            "update public.post_targets set next_attempt_at = now() - interval '1 second' where id = any (array("
            "  select h.id from (select account_id from private.lines where next_at is not null order by next_at limit %s) l,"
            "  lateral (select t.id from public.post_targets t where t.account_id = l.account_id and t.state = 'scheduled'"
            "    order by t.next_attempt_at, t.id limit 1) h))",
            [count],
        )

"""Owners of slots, made in the database itself: cheap enough for property tests."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from psycopg import sql
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

Database = psycopg.Connection[Any]
Row = dict[str, Any]


@dataclass
class Owner:
    """A user with an account. What an owner may do runs as them, under row-level security."""

    database: Database = field(repr=False)
    id: str
    account: str

    @classmethod
    def make(cls, database: Database, timezone: str = "UTC") -> Owner:
        """Somebody new with a confirmed address."""
        user_id = str(uuid.uuid4())
        database.execute(
            "insert into auth.users (id, email, email_confirmed_at) values (%s, %s, now())",
            [user_id, f"{user_id}@example.com"],
        )
        database.execute(
            "update public.profiles set timezone = %s where id = %s", [timezone, user_id]
        )
        owner = cls(database, user_id, "")
        owner.account = owner.new_account()
        return owner

    def new_account(self) -> str:
        """One more account, active for two months."""
        account_id = str(uuid.uuid4())
        self.database.execute(
            """insert into public.social_accounts (id, user_id, platform_id, external_id, account_name, token_expires_at)
               values (%s, %s, 'linkedin', %s, 'Ada Lovelace', now() + interval '60 days')""",
            [account_id, self.id, account_id],
        )
        return account_id

    @contextmanager
    def acting(self, database: Database | None = None) -> Iterator[psycopg.Cursor[Row]]:
        """A transaction as this user, on another connection if one is given."""
        connection = database or self.database
        with connection.transaction(), connection.cursor(row_factory=dict_row) as cursor:
            claims = json.dumps({"sub": self.id, "role": "authenticated"})
            cursor.execute("select set_config('request.jwt.claims', %s, true)", [claims])
            cursor.execute("set local role authenticated")
            yield cursor

    def does(self, statement: str, *values: Any, database: Database | None = None) -> list[Row]:
        """Run one statement as this user; its rows."""
        with self.acting(database) as cursor:
            cursor.execute(statement, values)
            return cursor.fetchall() if cursor.description else []

    def add(self, table: str, database: Database | None = None, **columns: Any) -> Row:
        """Insert a row as this user; the whole row."""
        statement = sql.SQL("insert into public.{} ({}) values ({}) returning *").format(
            sql.Identifier(table),
            sql.SQL(", ").join(map(sql.Identifier, columns)),
            sql.SQL(", ").join(sql.Placeholder() * len(columns)),
        )
        with self.acting(database) as cursor:
            row = cursor.execute(statement, list(columns.values())).fetchone()
        assert row is not None
        return row

    def slot(self, weekday: int, at: str, database: Database | None = None, **columns: Any) -> Row:
        """A slot of the account."""
        wanted = {"account_id": self.account, "weekday": weekday, "schedule_time": at} | columns
        return self.add("slots", database, **wanted)

    def slot_at(self, moment: datetime, **columns: Any) -> Row:
        """A slot on the weekday and minute of this moment, in UTC."""
        return self.slot(moment.isoweekday(), f"{moment:%H:%M}", timezone="UTC", **columns)

    def slots_in_fourteen_days(self, count: int, **columns: Any) -> list[Row]:
        """As many slots as give this number of occurrences: each slot has two in 14 days."""
        first = datetime.now(UTC) + timedelta(hours=2)
        return [
            self.slot_at(first + timedelta(minutes=30 * number), **columns)
            for number in range(count // 2)
        ]

    def edit(self, slot: Row, **columns: Any) -> Row:
        """Change a slot as this user; the whole row."""
        statement = sql.SQL("update public.slots set {} where id = {} returning *").format(
            sql.SQL(", ").join(
                sql.SQL("{} = {}").format(sql.Identifier(name), sql.Placeholder())
                for name in columns
            ),
            sql.Placeholder(),
        )
        with self.acting() as cursor:
            row = cursor.execute(statement, [*columns.values(), slot["id"]]).fetchone()
        assert row is not None
        return row

    def post(self, text: str = "Hello", *, account: str | None = None, queued: bool = False) -> str:
        """A draft for one account; its id."""
        queued_at = datetime.now(UTC) if queued else None
        row = self.add("posts", text=text, queued_at=queued_at)
        self.add("post_targets", post_id=row["id"], account_id=account or self.account)
        return str(row["id"])

    def next_free_slot(self, post: str | None = None, database: Database | None = None) -> Row:
        """The next free occurrence, booked when a post is given."""
        rows = self.does(
            "select * from public.next_free_slot(%s, %s)", self.account, post, database=database
        )
        return rows[0]

    def seen(self, statement: str, *values: Any) -> list[Row]:
        """Rows as the database has them, whatever any policy says."""
        with self.database.cursor(row_factory=dict_row) as cursor:
            return cursor.execute(statement.encode(), values).fetchall()

    def occurrences(self, slot: Row | None = None) -> list[Row]:
        """This owner's occurrences, or those of one slot, in order of time."""
        return self.seen(
            """select * from public.slot_occurrences
               where user_id = %s and (%s::uuid is null or slot_id = %s::uuid) order by occurs_at""",
            self.id,
            slot and slot["id"],
            slot and slot["id"],
        )

    def occurrence(self, occurrence_id: Any) -> Row | None:
        """One occurrence, None when it is gone."""
        rows = self.seen("select * from public.slot_occurrences where id = %s", occurrence_id)
        return rows[0] if rows else None

    def post_row(self, post: str) -> Row:
        """The post."""
        return self.seen("select * from public.posts where id = %s", post)[0]

    def target(self, post: str) -> Row:
        """The post's target."""
        return self.seen("select * from public.post_targets where post_id = %s", post)[0]

    def told(self) -> list[Row]:
        """What this owner was told, oldest first."""
        return self.seen(
            "select kind, payload from public.notifications where user_id = %s order by created_at, kind",
            self.id,
        )

    def kinds_told(self) -> list[str]:
        """The kinds of what this owner was told."""
        return [row["kind"] for row in self.told()]

    def article(self, title: str = "An article", age_days: int = 0, **columns: Any) -> str:
        """An unused article in a source of its own; its id."""
        row = self.add("sources", url=f"https://example.com/{uuid.uuid4()}")
        made = self.seen(
            """insert into public.source_items (user_id, source_id, guid, url, title, text, published_at)
               values (%s, %s, %s, 'https://example.com/a', %s, 'The text.', now() - make_interval(days => %s)) returning id""",
            self.id,
            row["id"],
            str(uuid.uuid4()),
            title,
            age_days,
        )
        return str(made[0]["id"])

    def bring_near(self, slot: Row, *, seconds: float = 600) -> Row:
        """Move the slot's next occurrence to so many seconds from now, its time to be filled to now."""
        return self.seen(
            """update public.slot_occurrences set occurs_at = now() + make_interval(secs => %s), fill_at = now()
               where id = (select id from public.slot_occurrences where slot_id = %s and state = 'open' order by occurs_at limit 1)
               returning *""",
            seconds,
            slot["id"],
        )[0]

    def fill(self) -> Row:
        """Run the worker's step as the service; its counts."""
        with self.database.transaction():
            self.database.execute("set local role service_role")
            row = self.database.execute("select public.fill_occurrences()").fetchone()
        assert row is not None
        counts: Row = row[0]
        return counts

    def end_generation(self, occurrence_id: Any, status: str, **columns: Any) -> Row:
        """Let the occurrence's generation end as a Space would have it."""
        error = {"error_class": None, "error": None} | columns
        output = error.pop("output", {"text": "A draft.", "length": 8, "max_length": 3000})
        return self.seen(
            """update public.generations g set status = %s::public.generation_status, output = %s, error_class = %s, error = %s, finished_at = now()
               from public.slot_occurrences o where o.id = %s and g.id = o.generation_id returning g.*""",
            status,
            Jsonb(output) if status == "complete" else None,
            error["error_class"],
            error["error"],
            occurrence_id,
        )[0]


@contextmanager
def refused(status: int, *words: str) -> Iterator[None]:
    """What is in here is refused with this status and a message that holds these words."""
    with pytest.raises(psycopg.Error) as refusal:
        yield
    told = refusal.value.diag
    assert told.sqlstate == f"PT{status}", told.message_primary
    for word in words:
        assert word in (told.message_primary or ""), told.message_primary

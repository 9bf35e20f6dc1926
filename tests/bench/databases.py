"""A grown database, asked as people and workers ask it, with what each question costs."""

from __future__ import annotations

import json
import time
from typing import Any

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo
from psycopg.rows import scalar_row

from .asking import Person, Question
from .growth import GROWN

# What this transaction has read from end to end so far, functions and triggers included.
_SCANS = (
    "select coalesce(json_object_agg(schemaname || '.' || relname, seq_scan), '{}')"
    " from pg_catalog.pg_stat_xact_all_tables where seq_scan > 0"
)


def address(url: str, database: str) -> str:
    """The same server's other database."""
    return make_conninfo(url, dbname=database)


def copy(url: str, name: str) -> None:
    """Copy the database of that address, to which nobody may be connected, under another name."""
    with psycopg.connect(address(url, "template1"), autocommit=True) as database:
        database.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity where datname = 'postgres'"
        )
        database.execute(
            sql.SQL("create database {} template postgres strategy file_copy").format(
                sql.Identifier(name)
            )
        )


class Grown:
    """One database. Everything that is asked is taken back."""

    def __init__(self, url: str, people: int) -> None:
        self.people = people
        # planned each time, as a call through the API may be
        self._database = psycopg.connect(
            url, autocommit=True, prepare_threshold=None, row_factory=scalar_row
        )

    def close(self) -> None:
        """Let go of the connection."""
        self._database.close()

    def catch_up(self) -> None:
        """What the seldom jobs do once: dates came near while the database was loaded, and nobody was told yet whose permission ends."""
        self._database.execute("select public.watch_permissions()")
        while self._database.execute("select public.open_occurrences()").fetchone() != 0:
            pass

    def milliseconds(self, question: Question, person: Person | None) -> float:
        """What the question took, planning included."""
        with self._database.transaction(force_rollback=True):
            self._become(question, person)
            began = time.perf_counter()
            self._ask(question.statement, question, person).fetchall()
            return (time.perf_counter() - began) * 1000

    def pages(self, question: Question, person: Person | None) -> tuple[int, list[str]]:
        """How many pages of 8 kB the question touched, in memory or not, functions and triggers included; and the grown tables
        that it read from end to end."""
        with self._database.transaction(force_rollback=True):
            self._become(question, person)
            before = self._scans()
            explain = f"explain (analyze, buffers, timing off, format json) {question.statement}"
            (told,) = self._one(self._ask(explain, question, person))
            after = self._scans()
        plan = told["Plan"]
        scanned = [name for name in GROWN if after.get(name, 0) > before.get(name, 0)]
        return plan["Shared Hit Blocks"] + plan["Shared Read Blocks"], scanned

    def nodes(self, question: Question, person: Person | None) -> list[dict[str, Any]]:
        """All nodes of the question's plan."""
        with self._database.transaction(force_rollback=True):
            self._become(question, person)
            explain = f"explain (format json) {question.statement}"
            (told,) = self._one(self._ask(explain, question, person))
        found, waiting = [], [told["Plan"]]
        while waiting:
            found.append(waiting.pop())
            waiting.extend(found[-1].get("Plans", []))
        return found

    def _become(self, question: Question, person: Person | None) -> None:
        if question.before:
            self._database.execute(question.before)
        claims = {"sub": person.id(), "role": "authenticated"} if person else {"role": "service_role"}  # fmt: skip
        self._database.execute(
            "select set_config('request.jwt.claims', %s, true), set_config('role', %s, true)",
            [json.dumps(claims), claims["role"]],
        )

    def _ask(
        self, statement: str, question: Question, person: Person | None
    ) -> psycopg.Cursor[Any]:
        values = question.values(person) if person else {}
        return self._database.execute(statement.encode(), values or None)

    def _scans(self) -> dict[str, int]:
        return dict(self._one(self._database.execute(_SCANS)))

    @staticmethod
    def _one(answer: psycopg.Cursor[Any]) -> Any:
        return answer.fetchone()

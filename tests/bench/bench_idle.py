"""What a worker costs while there is nothing to do: statements in the database, and its own processor time."""

from __future__ import annotations

import time

import psycopg

from local.figures import Report
from local.stack import Stack

from .footprint import cpu_seconds, family

WINDOWS = 4
WINDOW_SECONDS = 5.0
SETTLE_SECONDS = 3.0
# Every statement counts, also those that REST wraps around a request (its role, its claims). pg_stat_database would
# be simpler, but servers report to it up to a minute late.
STATEMENTS = """
    select coalesce(sum(calls), 0) from extensions.pg_stat_statements
    where query not like '%pg_stat_statements%'
"""


def run(stack: Stack, report: Report) -> None:
    """Nobody calls the web server meanwhile, and there is no post and no source."""
    pids = family(stack.info["worker_pids"][0])
    statements: list[float] = []
    cpu: list[float] = []
    time.sleep(SETTLE_SECONDS)  # the first run of every job, and the checks of the start
    with psycopg.connect(stack.info["database_url"], autocommit=True) as connection:

        def look() -> tuple[float, float, float]:
            row = connection.execute(STATEMENTS).fetchone()
            return time.monotonic(), float(row[0]) if row else 0.0, cpu_seconds(pids)

        began, ran, used = look()
        for _ in range(WINDOWS):
            time.sleep(WINDOW_SECONDS)
            now, ran_now, used_now = look()
            per_minute = 60 / (now - began)
            statements.append((ran_now - ran) * per_minute)
            cpu.append((used_now - used) * per_minute)
            began, ran, used = now, ran_now, used_now
    report.add_median("idle worker: statements", statements, "per minute")
    report.add_median("idle worker: processor", cpu, "s per minute")

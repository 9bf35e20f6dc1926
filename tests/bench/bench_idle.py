"""What a worker costs while there is nothing to do: statements in the database, and its own processor time.

A worker asks every second for a minute after there was something to do (and after its start), and every five seconds
later; both are measured. The reference is the one question itself, asked as often by a bare loop.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from statistics import median

import psycopg

from backend.store import Supabase
from backend.worker import BUSY_SECONDS, IDLE_SECONDS
from local.figures import Report
from local.stack import Stack

from .footprint import cpu_seconds, family

# a window holds each of the safety nets that run every 30 s once
WINDOW_SECONDS = 30.0
WINDOWS = 3
# the first run of every job, and the checks of the start
SETTLE_SECONDS = 5.0
BARE_POLLS = 200
# Every statement counts, also those that REST wraps around a request (its role, its claims). pg_stat_database would
# be simpler, but servers report to it up to a minute late.
STATEMENTS = """
    select coalesce(sum(calls), 0) from extensions.pg_stat_statements
    where query not like '%pg_stat_statements%'
"""


@dataclass
class Cost:
    """What was measured, window by window, each for a minute."""

    statements: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)


def run(stack: Stack, report: Report) -> None:
    """Nobody calls the web server meanwhile, and there is no post and no source."""
    pids = family(stack.info["worker_pids"][0])
    started = time.monotonic()
    with psycopg.connect(stack.info["database_url"], autocommit=True) as connection:

        def statements() -> float:
            row = connection.execute(STATEMENTS).fetchone()
            return float(row[0]) if row else 0.0

        def used() -> float:
            return cpu_seconds(pids)

        time.sleep(SETTLE_SECONDS)
        watching = _measure(statements, used, 1)
        time.sleep(max(0.0, started + BUSY_SECONDS + IDLE_SECONDS - time.monotonic()))
        idle = _measure(statements, used, WINDOWS)
        bare = _bare_polls(stack, statements)
    report.add("worker just after work: statements", watching.statements[0], "per minute")
    report.add("worker just after work: processor", watching.cpu[0], "s per minute")
    report.add_median("idle worker: statements", idle.statements, "per minute")
    report.add_median("idle worker: processor", idle.cpu, "s per minute")
    report.add(
        "idle worker / its polls alone: statements", median(idle.statements) / bare.statements[0], "x"
    )  # fmt: skip
    report.add("idle worker / its polls alone: processor", median(idle.cpu) / bare.cpu[0], "x")


def _measure(statements: Callable[[], float], used: Callable[[], float], windows: int) -> Cost:
    cost = Cost()
    for _ in range(windows):
        began, ran, spent = time.monotonic(), statements(), used()
        time.sleep(WINDOW_SECONDS)
        per_minute = 60 / (time.monotonic() - began)
        cost.statements.append((statements() - ran) * per_minute)
        cost.cpu.append((used() - spent) * per_minute)
    return cost


def _bare_polls(stack: Stack, statements: Callable[[], float]) -> Cost:
    """The same question without anything around it, as often as an idle worker asks it."""
    per_minute = 60 / IDLE_SECONDS / BARE_POLLS
    info = stack.info
    supabase = Supabase(info["supabase_url"], info["publishable_key"], info["secret_key"])
    try:
        operations = supabase.service.operations
        operations.next_work()
        for child in list(stack.processes.children):
            if child.popen.pid in info["worker_pids"]:
                stack.stop_worker(child.popen)
        ran, spent = statements(), time.process_time()
        for _ in range(BARE_POLLS):
            operations.next_work()
        spent = time.process_time() - spent
        return Cost([(statements() - ran) * per_minute], [spent * per_minute])
    finally:
        supabase.close()

"""Jobs per second beside two job queues of Python on the same Postgres, where the job itself does nothing.

What is compared: one worker process each, 16 jobs at work at once, all jobs due before it begins, and the pace from the
first to the last job that the database holds as done. procrastinate and pgqueuer speak SQL; ours goes through the
REST API, and claims, opens an attempt, marks, and settles with the state machine and its notifications for each job.
pgqueuer fetches 16 jobs at a time and writes down what is done in groups, as ours does; procrastinate takes one by one.

Measured twice: with nothing else in the queue, and with 50,000 jobs that are due in a month, inserted before. The second
is what a queue of scheduled posts looks like.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from statistics import median

import psycopg
from psycopg import sql

from local.figures import Report
from local.stack import Stack

from .crowd import Crowd
from .interleaving import interleaved
from .rivals import BATCH, MONTH
from .workers import no_worker

PEOPLE = 1000
LATER = 50_000
# jobs a round, by how many wait for later
JOBS = {0: 1000, LATER: 300}
CONCURRENCY = 16
LOOK_SECONDS = 0.25
ROUNDS = 3
AT_LEAST = {"procrastinate": 5.0, "pgqueuer": None}
# when each queue holds a job as done, and how it forgets an earlier round
DONE = {
    "procrastinate": "select at from procrastinate_events where type = 'succeeded'",
    "pgqueuer": "select created from pgqueuer_log where status = 'successful'",
}
FORGET = {
    "procrastinate": "delete from procrastinate_jobs where status = 'succeeded'",
    "pgqueuer": "truncate pgqueuer_log",
}


def run(stack: Stack, report: Report) -> None:
    no_worker(stack)
    crowd = Crowd(stack, PEOPLE)
    urls = {name: _database(stack, name) for name in AT_LEAST}
    with _noop_worker(stack):
        for later, jobs in JOBS.items():
            for _ in range(later // PEOPLE):
                crowd.schedule(crowd.now() + MONTH)
            for name, target in AT_LEAST.items():
                _do_jobs(stack, name, urls[name], BATCH, later)
                found = interleaved(
                    partial(_rival, stack, name, urls[name], jobs),
                    partial(_ours, crowd, jobs),
                    ROUNDS,
                )
                beside = f"{later} for later" if later else "none for later"
                report.add(f"no-op jobs, {beside}: {name}", median(found.first), "jobs/s")
                report.add(
                    f"no-op jobs, {beside}: ours beside {name}", median(found.second), "jobs/s"
                )
                report.add(
                    f"no-op jobs, {beside}: ours / {name}", found.ratio, "x", at_least=target, spread=found.spread
                )  # fmt: skip


@contextmanager
def _noop_worker(stack: Stack) -> Iterator[None]:
    worker = stack.processes.start(
        "worker-noop", [sys.executable, "-m", "tests.bench.noop_worker"], cwd=stack.root, announces=False,
        env=stack.backend_env() | {"WORKER_THREADS": str(CONCURRENCY)},
    )  # fmt: skip
    try:
        yield
    finally:
        stack.processes.stop([worker], grace_seconds=10)


def _ours(crowd: Crowd, jobs: int) -> float:
    posts = crowd.schedule(crowd.now(), jobs)
    done = "select published_at from public.post_targets where id = any (%s) and published_at is not null"
    deadline = time.monotonic() + 300
    moments: list[datetime] = []
    while len(moments) < jobs:
        if time.monotonic() > deadline:
            raise RuntimeError(f"ours did {len(moments)} of {jobs} jobs")
        time.sleep(LOOK_SECONDS)  # looking costs the database something, too
        moments = [row[0] for row in crowd.database.execute(done, [posts.targets]).fetchall()]
    return _pace(moments)


def _database(stack: Stack, name: str) -> str:
    """A database of its own on the same server; its URL."""
    with psycopg.connect(str(stack.info["database_url"]), autocommit=True) as connection:
        connection.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
        own = connection.info.get_parameters() | {
            "dbname": name,
            "password": connection.info.password,
        }
    return psycopg.conninfo.make_conninfo(**own)


def _do_jobs(stack: Stack, name: str, url: str, jobs: int, later: int = 0) -> None:
    numbers = [str(jobs), str(CONCURRENCY), str(later)]
    command = [sys.executable, "-m", "tests.bench.rivals", name, url, *numbers]
    done = subprocess.run(
        command, cwd=stack.root, capture_output=True, text=True, check=False, timeout=600
    )
    if done.returncode:
        raise RuntimeError(f"{name} failed: {done.stderr}")


def _rival(stack: Stack, name: str, url: str, jobs: int) -> float:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(FORGET[name])
        _do_jobs(stack, name, url, jobs)
        moments = [row[0] for row in connection.execute(DONE[name]).fetchall()]
    if len(moments) != jobs:
        raise RuntimeError(f"{name} did {len(moments)} of {jobs} jobs")
    return _pace(moments)


def _pace(moments: list[datetime]) -> float:
    """Jobs per second between the first and the last one."""
    return (len(moments) - 1) / (max(moments) - min(moments)).total_seconds()

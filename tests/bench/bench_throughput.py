"""Posts per second of one worker, as a fraction of a bare loop that only posts."""

from __future__ import annotations

import secrets
import time
from statistics import median

from local.figures import Report
from local.stack import Stack

from .crowd import Crowd
from .firing import fire
from .interleaving import interleaved
from .workers import no_worker, one_worker

POSTS = 1000
LATENCY_MS = 50
ROUNDS = 3
TARGETS = {16: 0.95, 64: 0.9}


def run(stack: Stack, report: Report) -> None:
    """1,000 due posts of 1,000 people, one worker process with every write-ahead in place, through the supabase client and
    the local gateway; the sandbox answers after 50 ms. The bare loop is a process that posts the same bodies to the same
    sandbox on as many threads, each with a connection that it keeps; the worker uses one again within 5 s.
    A pace is the number of posts after the first, over the time from the first to the last that the sandbox received.

    A post that is out becomes findable for the mentor, which gives way to posts that are due: it is waited for between the
    rounds, outside of the pace, and has a figure of its own.

    All of it shares one machine. On two cores the processors set the limit: a thousand posts cost 8 to 9 s of them, the
    worker 3.5, Postgres 2.5, the sandbox 1.7, the gateway 0.8 to 1.8; their passages cost 3 s more afterwards, a third of
    them the worker's.
    """
    no_worker(stack)
    crowd = Crowd(stack, POSTS)
    crowd.sandbox.tell("latency", ms=LATENCY_MS)
    for threads, target in TARGETS.items():
        _measure(stack, crowd, report, threads, target)


def _measure(stack: Stack, crowd: Crowd, report: Report, threads: int, target: float) -> None:
    url = f"{crowd.sandbox.url}/api.linkedin.com/rest/posts"

    def bare() -> float:
        word = secrets.token_hex(4)
        fire(url, crowd.requests(word), threads)
        return _pace(crowd, word)

    afterwards: list[float] = []

    def worker() -> float:
        posts = crowd.schedule(crowd.now())
        crowd.wait_until_published(posts)
        out = time.monotonic()
        crowd.wait_until_found()
        afterwards.append(time.monotonic() - out)
        return _pace(crowd, posts.word)

    with one_worker(stack, WORKER_THREADS=str(threads)):
        found = interleaved(bare, worker, ROUNDS)
    name = f"publishing with {threads} threads"
    report.add(f"{name}: a bare loop", median(found.first), "posts/s")
    report.add(f"{name}: a worker", median(found.second), "posts/s")
    report.add(f"{name}: all of them findable, after the last", median(afterwards), "s")
    report.add(
        f"{name}: worker / bare loop", found.ratio, "x", at_least=target, spread=found.spread
    )


def _pace(crowd: Crowd, word: str) -> float:
    moments = crowd.moments(word)
    return (len(moments) - 1) / (moments[-1] - moments[0])

"""What a claim costs: by how much waits, and in a flood."""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median

from local.figures import Report
from local.stack import Stack

from .queue import Queue
from .workers import no_worker

TAKE = 50
DUE = 1000
HOUR = 3600.0
SIZES = {"1 k": 1_000, "100 k": 100_000, "1 M": 1_000_000}
PUBLISHED = 500
MOVED = 10_000


def run(stack: Stack, report: Report) -> None:
    """The time of one claim of 50, as service_role through psycopg: no gateway, whose time is the same whatever waits.

    First with 1,000 due, of 1,000 users and inserted last, among 1 k, 100 k and 1 M that wait (of a tenth as many
    accounts); before each measurement up to 10,000 are moved there and back and 500 are published, without a vacuum. Then
    in floods that are older than everybody else's: 10,000 due posts of one account, and 20 of each of 500 accounts of one
    user.
    """
    no_worker(stack)
    queue = Queue(stack)
    times: dict[str, list[float]] = {}
    waiting = 0
    for name, size in SIZES.items():
        queue.load((size - waiting) // 100 or 1, 10, 10, first=HOUR)
        waiting = size
        queue.load(PUBLISHED, 1, 1, first=-60)
        queue.settle_down()
        while claims := queue.claim(TAKE):
            queue.publish(claims)
        queue.churn(MOVED)
        queue.load(DUE, 1, 1, first=-60)
        queue.settle_down()
        times[name] = _claims(queue, DUE // TAKE)
        report.add_median(f"claim of {TAKE} among {name}", times[name], "ms")
    ratio = median(times["1 M"]) / median(times["1 k"])
    report.add("claim: 1 M / 1 k waiting", ratio, "x", at_most=1.3)

    floods: dict[str, Callable[[], None]] = {
        "nobody floods": lambda: None,
        "10,000 posts of one account": lambda: queue.load(1, 1, 10_000, first=-3000),
        "500 accounts with 20 posts each": lambda: queue.load(1, 500, 20, first=-3000),
    }
    quiet = 0.0
    for name, flood in floods.items():
        queue.empty()
        flood()
        queue.load(DUE, 1, 1, first=-60)
        queue.settle_down()
        found = _claims(queue, DUE // TAKE // 2, places=16)
        quiet = quiet or median(found)
        report.add_median(f"claim of {TAKE}, {name}", found, "ms")
        if name != "nobody floods":
            report.add(f"claim: {name} / quiet", median(found) / quiet, "x", at_most=2)


def _claims(queue: Queue, times: int, places: int | None = None) -> list[float]:
    """Milliseconds of so many claims; each is published before the next. The first is not counted: its plans are new."""
    found = []
    for number in range(times):
        began = time.perf_counter()
        claims = queue.claim(TAKE, places)
        if number:
            found.append((time.perf_counter() - began) * 1000)
        queue.publish(claims)
    return found

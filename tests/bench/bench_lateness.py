"""How late posts reach the platform, against a loop that holds the same requests and only has to fire them."""

from __future__ import annotations

import secrets
from datetime import timedelta
from statistics import median, quantiles

from local.figures import Report, spread_of
from local.stack import Stack

from .crowd import Crowd
from .firing import fire
from .workers import no_worker, one_worker

THREADS = 64
LATENCY_MS = 50
# how far ahead everything is scheduled: far enough for the slowest load to be over before
AHEAD = {1: 7.0, 100: 8.0, 1000: 12.0}
ROUNDS = {1: 7, 100: 3, 1000: 3}
# the sandbox tells milliseconds, and cuts off what is below
CLOCK_SECONDS = 0.001


def run(stack: Stack, report: Report) -> None:
    """From the due instant to the sandbox's receipt of the create call, for 1, 100 and 1,000 posts of as many people that are
    due at one instant, with one worker of 64 threads; the sandbox answers after 50 ms. The floor is a process with as many
    threads that has read the same requests before and sleeps until the instant; each round measures both, in turn.

    A worker holds twice as many posts as it has threads before their time; the other hundreds are claimed, marked and
    recorded meanwhile, so that the end of a thousand tells what bench_throughput does.
    """
    no_worker(stack)
    crowd = Crowd(stack, max(ROUNDS))
    crowd.sandbox.tell("latency", ms=LATENCY_MS)
    with one_worker(stack, WORKER_THREADS=str(THREADS)):
        for posts, rounds in ROUNDS.items():
            pairs = [_round(crowd, posts) for _ in range(rounds)]
            _tell(report, posts, pairs)


def _round(crowd: Crowd, posts: int) -> tuple[list[float], list[float]]:
    """Lateness in seconds of a worker's posts and of the floor's, sorted."""
    due = crowd.now() + timedelta(seconds=AHEAD[posts])
    scheduled = crowd.schedule(due, posts)
    crowd.wait_until_published(scheduled)
    worker = [moment - due.timestamp() for moment in crowd.moments(scheduled.word)]

    word, at = secrets.token_hex(4), crowd.now().timestamp() + 3
    url = f"{crowd.sandbox.url}/api.linkedin.com/rest/posts"
    fire(url, crowd.requests(word, posts), min(THREADS, posts), at=at)
    floor = [moment - at for moment in crowd.moments(word)]
    if min(worker) < -CLOCK_SECONDS:
        raise AssertionError(f"a post left {-min(worker):.3f} s before its time")
    return worker, floor


def _tell(report: Report, posts: int, pairs: list[tuple[list[float], list[float]]]) -> None:
    name = f"{posts} posts due at once" if posts > 1 else "one post due"
    for which, index in (("worker", 0), ("floor", 1)):
        mid = [1000 * median(pair[index]) for pair in pairs]
        limit = 10.0 if posts == 1 and which == "worker" else None
        report.add_median(f"{name}: {which}, median lateness", mid, "ms", at_most=limit)
        if posts > 1:
            late = [1000 * _p99(pair[index]) for pair in pairs]
            report.add_median(f"{name}: {which}, p99", late, "ms")
    if posts > 1:
        ratios = [_p99(worker) / _p99(floor) for worker, floor in pairs]
        limit = 1.2 if posts == max(ROUNDS) else None
        report.add(f"{name}: worker / floor, p99", median(ratios), "x", at_most=limit, spread=spread_of(ratios))  # fmt: skip


def _p99(values: list[float]) -> float:
    return quantiles(values, n=100, method="inclusive")[-1]

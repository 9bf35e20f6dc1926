"""What people and workers wait for while everybody else multiplies: at 1 %, 10 % and 100 % of 100,000 people."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median, quantiles

from local.figures import Report, shown, spread_of
from local.stack import Stack

from .asking import QUESTIONS, Person, Question
from .calling import CALLS, Wire
from .databases import Grown, address, copy
from .growth import PEOPLE, grow, make_due
from .workers import no_worker

SHARES = (0.01, 0.1, 1.0)
ROUNDS = 40
DUE = 200


@dataclass
class Cost:
    """What one question took at one size."""

    times: list[float] = field(default_factory=list)
    pages: list[float] = field(default_factory=list)
    scanned: set[str] = field(default_factory=set)


Costs = dict[tuple[str, float], Cost]


def run(stack: Stack, report: Report, share: float = 1.0) -> None:
    """Load up to that share of the people, and stop at 1 %, at 10 % and there: the calls that go through the gateway and the
    web server are timed then, and the database is copied. At the end the copies are asked in turn, question by question,
    each time by somebody else, so that a busy moment of the machine hits all sizes alike.

    Beside the time stand the pages of 8 kB that a question touched, which tell the same on every machine.
    """
    no_worker(stack)
    url = stack.gateway_env()["GATEWAY_DATABASE_URL"]
    costs: Costs = {}
    sizes = [part for part in SHARES if part < share] + [share]
    people, names = 0, {}
    for size in sizes:
        began = time.monotonic()
        grow(url, people, round(PEOPLE * size))
        people = round(PEOPLE * size)
        make_due(url, DUE)
        loaded = time.monotonic() - began
        print(f"\n  {people} people loaded in {loaded:.0f} s", end="", flush=True)
        report.add(f"loading up to {percent(size)}", loaded, "s")
        _call(stack, people, size, costs)
        stack.stop_web()
        stack.stop_gateway()
        names[size] = "postgres" if size == sizes[-1] else f"people_{people}"
        if size != sizes[-1]:
            copy(url, names[size])
            stack.start_gateway()
            stack.start_web()
    grown = {size: Grown(address(url, name), round(PEOPLE * size)) for size, name in names.items()}
    try:
        _ask(grown, costs)
    finally:
        for database in grown.values():
            database.close()
    _tell(report, sizes, costs)


def _call(stack: Stack, people: int, size: float, costs: Costs) -> None:
    chance = random.Random(7)
    with Wire(stack) as wire:
        for number in range(ROUNDS // 2 + 1):
            for call in CALLS:
                person = call.by(chance, people) if call.by else None
                took = wire.milliseconds(call, person)
                if number:  # the first finds nothing in memory and no connection
                    costs.setdefault((call.name, size), Cost()).times.append(took)


def _ask(grown: dict[float, Grown], costs: Costs) -> None:
    chance = random.Random(7)
    for database in grown.values():
        database.catch_up()
    for number in range(ROUNDS + 1):
        for question in QUESTIONS:
            turns = list(grown.items())
            for size, database in turns if number % 2 else reversed(turns):
                person = _somebody(question, chance, database.people)
                took = database.milliseconds(question, person)
                cost = costs.setdefault((question.name, size), Cost())
                if number:
                    cost.times.append(took)
                if number % 8 == 0:
                    pages, scanned = database.pages(question, person)
                    cost.pages.append(pages)
                    cost.scanned.update(scanned)


def _somebody(question: Question, chance: random.Random, people: int) -> Person | None:
    return question.by(chance, people) if question.by else None


def _tell(report: Report, sizes: Sequence[float], costs: Costs) -> None:
    small, large = sizes[0], sizes[-1]
    print(_table(sizes, costs), flush=True)
    for question in (*QUESTIONS, *CALLS):
        least, most = costs[question.name, small], costs[question.name, large]
        report.add(f"{question.name}: p50 at {percent(large)}", median(most.times), "ms", spread=spread_of(most.times))  # fmt: skip
        report.add(f"{question.name}: p95 at {percent(large)}", p95(most.times), "ms")
        if small == large:
            continue
        report.add(f"{question.name}: time, {percent(large)} / {percent(small)}",
            median(most.times) / median(least.times), "x", at_most=3 if question.flat else None)  # fmt: skip
        if most.pages:
            report.add(f"{question.name}: pages, {percent(large)} / {percent(small)}",
                median(most.pages) / max(median(least.pages), 1), "x", at_most=3 if question.flat else None)  # fmt: skip
    scanned = {name for question in QUESTIONS for name in costs[question.name, large].scanned}
    report.add("grown tables read from end to end", len(scanned), "", at_most=0)


def _table(sizes: Sequence[float], costs: Costs) -> str:
    """The figures in short, as the rows of a Markdown table: medians at each size, the 95th percentile at the largest, and what
    the largest takes of the smallest, in time and in pages."""
    heads = [f"p50 {percent(size)}" for size in sizes] + ["p95", "time ×", "pages", "pages ×"]
    lines = ["", f"| ms | {' | '.join(heads)} |", f"|---|{'---|' * len(heads)}"]
    for question in (*QUESTIONS, *CALLS):
        row = [costs[question.name, size] for size in sizes]
        cells = [shown(median(cost.times)) for cost in row] + [shown(p95(row[-1].times))]
        cells.append(shown(median(row[-1].times) / median(row[0].times)))
        if row[-1].pages:
            cells += [shown(median(row[-1].pages)), shown(median(row[-1].pages) / max(median(row[0].pages), 1))]  # fmt: skip
        scans = f" (reads all of {', '.join(sorted(row[-1].scanned))})" if row[-1].scanned else ""
        lines.append(f"| {question.name}{scans} | {' | '.join(cells)} |")
    return "\n".join(lines)


def percent(share: float) -> str:
    """A share for people."""
    return f"{share * 100:g} %"


def p95(times: Sequence[float]) -> float:
    """What nineteen of twenty keep to."""
    return quantiles(times, n=20, method="inclusive")[-1]

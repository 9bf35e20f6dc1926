"""The time to the first piece of an answer: through Lin, and from the Space itself; then fifty answers at once from one web process.

"The Space itself" is asked as any program would ask it over its HTTP API, with the passages that Lin finds for the question.
Lin's side is what a browser sees: message saved, passages searched, Space asked, first piece handed on.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from statistics import median
from typing import Any

import httpx
import psycopg

from local.figures import Report
from local.stack import Stack
from tests.mentor.chatting import Chatter
from tests.people import People

from .footprint import PROC, family, memory_mb
from .interleaving import interleaved

AT_MOST_MS = 50.0
ROUNDS = 60
STREAMS, STREAMS_EACH = 50, 5
PIECE_SECONDS = 1.0
QUESTION = "Which city renovated twelve bridges?"
ARTICLE = ("Twelve bridges", "The city of Lyon renovated twelve bridges in 2025. The Bonaparte bridge was the first.")  # fmt: skip
PATIENCE_SECONDS = 120.0


def run(stack: Stack, report: Report) -> None:
    with _people(stack) as people:
        readers = [_reader(stack, people) for _ in range(STREAMS // STREAMS_EACH)]
        _wait_for_passages(stack, len(readers))
        stack.stop_web()
        stack.start_web({"EMBEDDING_SPACE": ""})  # the default: searched by words
        _side_by_side(stack, report, readers[0], "")
        _many(stack, report, readers)
        stack.stop_web()
        stack.start_web()
        _side_by_side(stack, report, readers[1], ", searched by meaning as well")


def _side_by_side(stack: Stack, report: Report, reader: Chatter, how: str) -> None:
    with httpx.Client(timeout=PATIENCE_SECONDS, trust_env=False) as http:
        found = interleaved(lambda: _own(http, stack), lambda: _through_lin(reader), ROUNDS)
    more = [lin - own for own, lin in zip(found.first, found.second, strict=True)]
    report.add_median(f"first piece, the Space itself{how}", found.first, "ms")
    report.add_median(f"first piece, through Lin{how}", found.second, "ms")
    limit = None if how else AT_MOST_MS
    report.add_median(f"first piece, more through Lin{how}", more, "ms", at_most=limit)


def _many(stack: Stack, report: Report, readers: list[Chatter]) -> None:
    """All at once, slowly, so that all are open together; memory is looked at while they are."""
    pids = family(stack.info["web_pid"])
    before = memory_mb(pids, "Pss")
    order = {"order": "slow", "endpoint": "chat", "seconds": PIECE_SECONDS, "times": STREAMS}
    httpx.post(f"{stack.info['space_url']}/_control/orders", json=order).raise_for_status()
    firsts: list[float] = []
    ends: list[str] = []
    all_started = threading.Barrier(STREAMS + 1)

    def follow(reader: Chatter) -> None:
        began = time.monotonic()
        with reader.say(QUESTION) as stream:
            stream.until_text()
            firsts.append((time.monotonic() - began) * 1000)
            all_started.wait(PATIENCE_SECONDS)
            ends.append(stream.end().name)

    threads = [
        threading.Thread(target=follow, args=(reader,))
        for reader in readers
        for _ in range(STREAMS_EACH)
    ]
    for thread in threads:
        thread.start()
    all_started.wait(PATIENCE_SECONDS)  # all have text, none has ended
    during = memory_mb(pids, "Pss")
    running = sum(len(list(_tasks(pid))) for pid in pids)
    for thread in threads:
        thread.join()
    report.add("answers at once that ended well", ends.count("done"), "of 50", at_least=STREAMS)
    report.add("first piece, 50 answers at once (median)", median(firsts), "ms")
    report.add("memory of web (PSS), idle", before, "MB")
    report.add("memory of web (PSS), 50 answers at once", during, "MB")
    report.add("threads of web, 50 answers at once", running, "")


def _own(http: httpx.Client, stack: Stack) -> float:
    passages = [{"number": 1, "title": ARTICLE[0], "text": ARTICLE[1], "url": None}]
    url = f"{stack.info['space_url']}/gradio_api/call/chat"
    began = time.monotonic()
    event = http.post(url, json={"data": [QUESTION, [], passages, ""]}).json()["event_id"]
    took = 0.0
    with http.stream("GET", f"{url}/{event}") as answer:
        for line in answer.iter_lines():
            if line.startswith("data: ") and not took and json.loads(line[6:]):
                took = (time.monotonic() - began) * 1000
    return took


def _through_lin(reader: Chatter) -> float:
    began = time.monotonic()
    with reader.say(QUESTION) as stream:
        stream.until_text()
        took = (time.monotonic() - began) * 1000
        stream.rest()
    return took


@contextmanager
def _people(stack: Stack) -> Iterator[People]:
    people = People(stack.info)
    try:
        yield people
    finally:
        people.close()


def _reader(stack: Stack, people: People) -> Chatter:
    person = people.make("reader")
    with _database(stack) as run_sql:
        ((source,),) = run_sql(
            "insert into sources (user_id, url, next_fetch_at, status) values (%s, 'https://reads.example/', '2100-01-01', 'ok') returning id",
            person.id,
        )
        run_sql(
            "insert into source_items (user_id, source_id, guid, title, text) values (%s, %s, '1', %s, %s) returning id",
            person.id, source, *ARTICLE,
        )  # fmt: skip
    http = httpx.Client(timeout=PATIENCE_SECONDS, trust_env=False)
    return Chatter(stack.info["api_url"], person, http)


def _wait_for_passages(stack: Stack, count: int) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    with _database(stack) as run_sql:
        while run_sql("select count(*) from passages")[0][0] < count:
            if time.monotonic() > deadline:
                raise RuntimeError("the worker did not index what is read")
            time.sleep(0.2)


@contextmanager
def _database(stack: Stack) -> Iterator[Callable[..., list[Any]]]:
    with psycopg.connect(str(stack.info["database_url"]), autocommit=True) as connection:
        yield lambda statement, *values: connection.execute(statement, values).fetchall()


def _tasks(pid: int) -> Iterator[Any]:
    return PROC.joinpath(str(pid), "task").iterdir()

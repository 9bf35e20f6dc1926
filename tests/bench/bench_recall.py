"""What retrieval finds, on the labelled set of tests/retrieval, and what a search costs somebody with 100,000 passages."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Sequence
from statistics import median

import psycopg

from backend.core.embedding import Embedder
from backend.core.indexing import Indexer
from backend.core.models import Model
from backend.sources.language import detect_language
from backend.spaces import connect
from backend.store import Supabase
from local.figures import Report
from local.stack import Stack
from tests.people import People
from tests.retrieval.readers import Database, Reader
from tests.retrieval.recall import Question, Way, give_articles, misses, questions, recall

WAYS: tuple[Way, ...] = ("full text", "vectors", "hybrid")
# a little below what was measured when these were written
FLOORS: dict[Way, float] = {"full text": 0.85, "vectors": 0.85, "hybrid": 0.95}
PASSAGES = 100_000
DIMENSIONS = 256
REPEATS = 7
# words by how often they come up: one in each passage, in a tenth, in a hundredth, in a thousandth
QUESTIONS = {
    "a rare word": "which word999",
    "rare and common words": "what does word999 say about common7 and every",
    "common words only": "common7 common3 every",
}


def run(stack: Stack, report: Report) -> None:
    """First the labelled questions, by the vectors of the stack's own Space; then the same search in a big library."""
    for child in list(stack.processes.children):
        if child.popen.pid in stack.info["worker_pids"]:
            stack.stop_worker(child.popen)
    info = stack.info
    supabase = Supabase(info["supabase_url"], info["publishable_key"], info["secret_key"])
    people = People(info)
    try:
        with psycopg.connect(info["database_url"], autocommit=True) as database:
            _recall(Reader.make(database, supabase, people.make()), stack, supabase, report)
            _costs(Reader.make(database, supabase, people.make()), database, report)
    finally:
        people.close()
        supabase.close()


class Remembered:
    """A Space's vectors, asked for once: on a busy machine one may come too late, and its question be asked without."""

    def __init__(self, model: Model) -> None:
        self.space = model.space
        self._model = model
        self._vectors: dict[str, list[float]] = {}
        self.write, self.chat, self.speak = model.write, model.chat, model.speak

    def embed(self, texts: Sequence[str], *, deadline_seconds: float) -> list[list[float]]:
        """From memory what is there, the others from the Space."""
        new = [text for text in dict.fromkeys(texts) if text not in self._vectors]
        if new:
            vectors = self._model.embed(new, deadline_seconds=max(60.0, deadline_seconds))
            self._vectors.update(zip(new, vectors, strict=True))
        return [self._vectors[text] for text in texts]


def _recall(reader: Reader, stack: Stack, supabase: Supabase, report: Report) -> None:
    model = Remembered(connect(stack.info["space_url"]))
    model.embed([question.searched for question in questions()], deadline_seconds=60)
    passages = supabase.service.passages
    keys = give_articles(
        reader,
        Indexer(passages, detect_language, threading.Event()),
        Embedder(passages, model, threading.Event()),
    )
    kinds = list(dict.fromkeys(question.kind for question in questions()))
    for way in WAYS:
        missed = misses(reader, keys, model, way)
        report.add(f"recall@5, {way}", recall(missed), "", at_least=FLOORS[way])
        for kind in kinds:
            report.add(f"recall@5, {way}: {kind}", recall(missed, _of(kind)), "")


def _of(kind: str) -> Callable[[Question], bool]:
    return lambda question: question.kind == kind


def _costs(reader: Reader, database: Database, report: Report) -> None:
    _fill(reader, database)
    vector = json.dumps([1.0] * DIMENSIONS)
    for name, question in QUESTIONS.items():
        report.add_median(f"search among 100 k, {name}", _times(reader, database, question), "ms")
    hybrid = _times(reader, database, QUESTIONS["a rare word"], vector)
    report.add_median("search among 100 k, a rare word and a vector", hybrid, "ms", at_most=1500)
    report.add(
        "vectors among 100 k", median(hybrid) - median(_times(reader, database, QUESTIONS["a rare word"])), "ms"
    )  # fmt: skip
    row = database.execute(
        "select pg_total_relation_size('public.passages') / 1e6, pg_total_relation_size('public.passage_embeddings') / 1e6"
    ).fetchone()
    assert row
    report.add("100 k passages on disk", float(row[0]), "MB")
    report.add("100 k vectors of 256 on disk", float(row[1]), "MB")


def _fill(reader: Reader, database: Database) -> None:
    """Passages of 1,000 characters with vectors, of one long document."""
    media = database.execute(
        "insert into public.media (user_id, path) values (%s, %s || '/x.pdf') returning id",
        [reader.person.id, reader.person.id],
    ).fetchone()
    assert media
    row = database.execute(
        "select pg_get_indexdef('public.passages_search_idx'::regclass)"
    ).fetchone()
    assert row
    # made at the end, as it is quicker
    database.execute("drop index public.passages_search_idx")
    database.execute(
        "insert into public.passages (user_id, media_id, position, title, text, language, written_at)"
        " select %s, %s, n, 'Item ' || n, 'every common' || n %% 10 || ' word' || n %% 1000 || ' '"
        "   || (select string_agg('w' || (n::bigint * 7919 + w * w * 4729) %% 50000, ' ') from generate_series(1, 150) w), 'en', now()"
        " from generate_series(1, %s) n",
        [reader.person.id, media[0], PASSAGES],
    )
    # the checks of foreign keys are planned from this: without it they read all that the reader has for each of its vectors
    database.execute("analyze public.passages")
    database.execute(
        "insert into public.passage_embeddings (passage_id, user_id, embedded_by, embedding)"
        " select p.id, p.user_id, 'bench', (select array_agg(((p.position * i) %% 97) / 97.0 + 0.01) from generate_series(1, %s) i)::real[]::extensions.vector"
        " from public.passages p where p.user_id = %s",
        [DIMENSIONS, reader.person.id],
    )
    database.execute(row[0])
    database.execute("vacuum analyze public.passages")
    database.execute("vacuum analyze public.passage_embeddings")


def _times(
    reader: Reader, database: Database, question: str, vector: str | None = None
) -> list[float]:
    """Milliseconds of one search as the reader, without the gateway; the first is not counted."""
    found = []
    for number in range(REPEATS + 1):
        with database.transaction():
            database.execute(
                "select set_config('request.jwt.claims', %s, true)",
                [json.dumps({"sub": reader.person.id})],
            )
            database.execute("set local role authenticated")
            began = time.perf_counter()
            database.execute(
                "select * from public.search_passages(%s, 8, %s, 'bench')", [question, vector]
            ).fetchall()
            if number:
                found.append((time.perf_counter() - began) * 1000)
    return found

"""Vectors of passages: made in the background, per model, and never a reason for words to wait."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from backend.core.embedding import Embedder, QuestionEmbedder
from backend.core.errors import SpaceAnswerUnusable, SpaceError, SpaceFailed, SpaceUnavailable
from backend.core.indexing import Indexer
from backend.core.retrieving import Retriever
from backend.store import Supabase
from tests.waiting import until

from .readers import Database, Reader


@dataclass
class Directions:
    """A model in two or more dimensions: what is about the sea points one way, all else another. Faults on demand."""

    space: str = "test/directions"
    dimensions: int = 2
    asked: list[list[str]] = field(default_factory=list)
    fault: Callable[[Sequence[str]], None] = lambda _: None

    def embed(self, texts: Sequence[str], *, deadline_seconds: float) -> list[list[float]]:
        self.asked.append(list(texts))
        self.fault(texts)
        rest = [0.0] * (self.dimensions - 2)
        return [[1.0, 0.0, *rest] if "ship" in t or "vessel" in t else [0.0, 1.0, *rest] for t in texts]  # fmt: skip

    def write(self, *_: Any, **__: Any) -> Any:
        raise NotImplementedError

    chat = speak = write


def embedder_of(supabase: Supabase, model: Any) -> Embedder:
    """The worker's."""
    return Embedder(supabase.service.passages, model, threading.Event())


def embedded_by(database: Database, reader: Reader) -> list[tuple[str | None, bool]]:
    """For each passage of the reader: by which model it was embedded, and whether it has a vector."""
    return database.execute(
        "select embedded_by, embedding is not null from public.passage_embeddings where user_id = %s order by 1, 2",
        [reader.person.id],
    ).fetchall()


@pytest.fixture
def sea(reader: Reader, indexer: Indexer) -> Reader:
    """A reader of two articles that share no word with the question about the sea."""
    reader.reads("Harbour", "Ships and boats, a ship at the quay.")
    reader.reads("Bread", "Flour and water.")
    indexer.run()
    return reader


def test_what_means_the_same_is_found_without_a_word_in_common(
    sea: Reader, supabase: Supabase
) -> None:
    model = Directions()
    assert Retriever().find(sea.store, "Which vessel came?") == []
    embedder_of(supabase, model).run()
    found = Retriever(model).find(sea.store, "Which vessel came?")
    assert [one.title for one in found] == ["Harbour", "Bread"]


def test_each_batch_gives_way_to_what_is_more_urgent_before_it_takes_anything(
    sea: Reader, supabase: Supabase, database: Database
) -> None:
    seen: list[list[tuple[str | None, bool]]] = []
    model = Directions(space="test/polite")
    Embedder(
        supabase.service.passages, model, threading.Event(),
        give_way=lambda: seen.append(embedded_by(database, sea)),
    ).run()  # fmt: skip
    assert seen[0] == [(None, False), (None, False)]
    assert seen[-1] == [("test/polite", True), ("test/polite", True)]


def test_vectors_of_two_models_are_never_compared(
    sea: Reader, supabase: Supabase, database: Database
) -> None:
    old, new = Directions(space="test/old"), Directions(space="test/new")
    embedder_of(supabase, old).run()
    assert Retriever(new).find(sea.store, "Which vessel came?") == []
    embedder_of(supabase, new).run()
    assert embedded_by(database, sea) == [("test/new", True)] * 2
    assert len(Retriever(new).find(sea.store, "Which vessel came?")) == 2


def test_a_model_of_another_dimension_under_the_same_name_breaks_nothing(
    sea: Reader, supabase: Supabase
) -> None:
    embedder_of(supabase, Directions()).run()
    wider = Directions(dimensions=3)
    found = Retriever(wider).find(sea.store, "Which vessel has the flour?")
    assert [one.title for one in found] == ["Bread"]


def test_what_is_embedded_is_not_asked_for_again(sea: Reader, supabase: Supabase) -> None:
    model = Directions(space="test/once")
    embedder = embedder_of(supabase, model)
    embedder.run()
    model.asked.clear()
    assert embedder.run() == 0
    assert model.asked == []


def test_an_edited_article_gets_a_vector_of_its_new_text(
    sea: Reader, indexer: Indexer, supabase: Supabase, database: Database
) -> None:
    model = Directions(space="test/edited")
    embedder_of(supabase, model).run()
    database.execute("update public.source_items set text = 'A ship of flour.' where title = 'Bread' and user_id = %s", [sea.person.id])  # fmt: skip
    indexer.run()
    model.asked.clear()
    embedder_of(supabase, model).run()
    assert model.asked == [["Bread\nA ship of flour."]]


def test_a_space_that_sleeps_is_left_alone_longer_each_time_and_asked_again(
    sea: Reader, supabase: Supabase, database: Database
) -> None:
    def sleep(_: Sequence[str]) -> None:
        raise SpaceUnavailable("The Space is asleep.")

    model = Directions(space="test/asleep", fault=sleep)
    now = 0.0
    embedder = Embedder(supabase.service.passages, model, threading.Event(), monotonic=lambda: now)
    asked = []
    for now in (0.0, 1.0, 14.9, 15.0, 44.9, 45.0, 104.0, 105.0):  # noqa: B007 - the clock reads it
        database.execute("update public.passage_embeddings set claimed_at = '-infinity'")
        embedder.run()
        asked.append(len(model.asked))
    assert asked == [1, 1, 1, 2, 2, 3, 3, 4]
    assert Retriever().find(sea.store, "flour")
    model.fault = lambda _: None
    now = 1000.0
    database.execute("update public.passage_embeddings set claimed_at = '-infinity'")
    embedder.run()
    assert embedded_by(database, sea) == [("test/asleep", True)] * 2


def test_a_text_that_a_model_refuses_keeps_no_other_from_its_vector(
    sea: Reader, supabase: Supabase, database: Database
) -> None:
    def refuse_bread(texts: Sequence[str]) -> None:
        if any("Bread" in text for text in texts):
            raise SpaceFailed("The Space cannot read this.")

    model = Directions(space="test/picky", fault=refuse_bread)
    embedder = embedder_of(supabase, model)
    embedder.run()
    assert embedded_by(database, sea) == [("test/picky", False), ("test/picky", True)]
    model.asked.clear()
    embedder.run()
    assert model.asked == []


def test_a_model_that_refuses_everything_marks_nothing(
    sea: Reader, supabase: Supabase, database: Database
) -> None:
    def refuse(_: Sequence[str]) -> None:
        raise SpaceAnswerUnusable("The Space answers with a poem.")

    embedder_of(supabase, Directions(space="test/poet", fault=refuse)).run()
    assert not {name for name, _ in embedded_by(database, sea)} & {"test/poet"}


def test_two_workers_do_not_embed_the_same(sea: Reader, supabase: Supabase) -> None:
    passages = supabase.service.passages
    first = passages.claim_unembedded("test/two", 1_000, 300)  # more than other tests left
    assert {"Harbour", "Bread"} <= {one.title for one in first}
    assert passages.claim_unembedded("test/two", 1_000, 300) == []


@pytest.mark.parametrize("error", [SpaceUnavailable("asleep"), SpaceFailed("broken"), SpaceAnswerUnusable("odd")])  # fmt: skip
def test_a_question_is_searched_by_words_where_the_model_fails(
    sea: Reader, error: SpaceError
) -> None:
    def fail(_: Sequence[str]) -> None:
        raise error

    found = Retriever(Directions(fault=fail)).find(sea.store, "flour")
    assert [one.title for one in found] == ["Bread"]


def test_nobody_waits_for_a_slow_model_twice(sea: Reader) -> None:
    answer = threading.Event()
    slow = Directions(fault=lambda _: (answer.wait(30), None)[1])
    retriever = Retriever(slow)
    try:
        assert [one.title for one in retriever.find(sea.store, "flour")] == ["Bread"]
        assert [one.title for one in retriever.find(sea.store, "flour")] == ["Bread"]
        assert len(slow.asked) == 1
    finally:
        answer.set()


def test_a_model_that_answers_after_all_is_asked_again() -> None:
    answer, answered = threading.Event(), threading.Event()

    def wait_once(_: Sequence[str]) -> None:
        answer.wait(30)
        answered.set()

    embedder = QuestionEmbedder(Directions(fault=wait_once))
    assert embedder.embed("first") is None
    answer.set()
    assert answered.wait(10)
    assert until(lambda: embedder.embed("second"), "the model to be asked again")


def test_a_model_that_is_late_again_and_again_is_left_alone() -> None:
    answer = threading.Semaphore(0)

    def wait_each_time(_: Sequence[str]) -> None:
        answer.acquire(timeout=30)

    slow, now = Directions(fault=wait_each_time), 0.0
    embedder = QuestionEmbedder(slow, monotonic=lambda: now)
    for calls in (1, 2):
        until(lambda: embedder.embed("why?") is None and len(slow.asked) == calls, "it to be asked")  # noqa: B023 - called at once
        answer.release()
        until(lambda: embedder._free._value == 4, "the late answer")
    for now, calls in ((29.9, 2), (60.0, 3)):  # noqa: B007 - the clock reads it
        if calls == 3:
            answer.release()
        embedder.embed("why?")
        assert len(slow.asked) == calls


@pytest.fixture
def without_pgvector(database: Database) -> Any:
    """The column as it is where the extension is not: absent. Put back afterwards by the function of the migration."""
    database.execute("alter table public.passage_embeddings drop column embedding")
    yield
    database.execute("select private.add_embeddings()")


@pytest.mark.usefixtures("without_pgvector")
def test_without_pgvector_words_are_all_there_is_and_all_works(
    sea: Reader, supabase: Supabase
) -> None:
    model = Directions(space="test/unused")
    assert embedder_of(supabase, model).run() == 0
    assert model.asked == []
    assert supabase.service.passages.store_embeddings("x", [(str(sea.person.id), [1.0])]) == 0
    found = Retriever(model).find(sea.store, "flour vessel")
    assert [one.title for one in found] == ["Bread"]


def test_a_server_without_the_extension_gets_no_column(database: Database) -> None:
    """The migration's function reads pg_available_extensions by its full name, so it cannot be shown another one: the name
    it looks for is changed instead."""
    source = database.execute(
        "select pg_get_functiondef('private.add_embeddings()'::regprocedure)"
    ).fetchone()
    assert source
    with database.transaction(force_rollback=True):
        database.execute("alter table public.passage_embeddings drop column embedding")
        database.execute(source[0].replace("e.name = 'vector'", "e.name = 'not there'"))
        assert database.execute("select private.add_embeddings()").fetchone() == (False,)
        assert database.execute("select private.has_embeddings()").fetchone() == (False,)
        database.execute(source[0])
        assert database.execute("select private.add_embeddings()").fetchone() == (True,)
        assert database.execute("select private.has_embeddings()").fetchone() == (True,)


def test_nobody_reads_vectors_over_the_api(sea: Reader, supabase: Supabase) -> None:
    embedder_of(supabase, Directions()).run()
    answer = sea.person.rest("GET", "passage_embeddings?select=*")
    assert answer.status_code == 403
    assert json.loads(answer.text)["code"] == "42501"

"""How often the right article is among the first five: of the labelled articles and questions in labelled/."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from backend.core.embedding import Embedder
from backend.core.indexing import Indexer
from backend.core.models import Model, Turn
from backend.core.retrieving import Retriever, searched_text
from backend.store import AsUser

from .readers import Reader

LABELLED = Path(__file__).parent / "labelled"
FIRST = 5

Way = Literal["full text", "vectors", "hybrid"]


@dataclass(frozen=True)
class Question:
    """A question, what was asked before it, and the articles that answer it."""

    kind: str
    question: str
    expected: tuple[str, ...]
    before: str | None

    @property
    def turns(self) -> list[Turn]:
        """The conversation before it."""
        return [Turn("user", self.before), Turn("assistant", "So and so.")] if self.before else []

    @property
    def searched(self) -> str:
        """What the product searches for."""
        return searched_text(self.question, self.turns)


@dataclass(frozen=True)
class Miss:
    """A question whose article was not among the first five, and what was."""

    question: Question
    found: tuple[str, ...]


class WordsLeftOut:
    """A reader's access that searches by meaning only: a question of no words keeps the words' ranks empty."""

    def __init__(self, store: AsUser) -> None:
        self._store = store

    def search_passages(
        self, query: str, take: int, embedding: Sequence[float] | None, embedded_by: str | None
    ) -> list[dict[str, Any]]:
        """The same search without words."""
        return self._store.search_passages("", take, embedding, embedded_by)


def questions() -> list[Question]:
    """The labelled questions."""
    return [
        Question(row["kind"], row["question"], tuple(row["expected"]), row.get("before"))
        for row in _read("questions")
    ]


def give_articles(reader: Reader, indexer: Indexer, embedder: Embedder | None) -> dict[str, str]:
    """Let somebody read the labelled articles and have them indexed; the articles' keys by their ids."""
    keys = {reader.reads(row["title"], row["text"]): row["key"] for row in _read("articles")}
    indexer.run()
    if embedder:
        embedder.run()
    return keys


def misses(reader: Reader, keys: dict[str, str], model: Model | None, way: Way) -> list[Miss]:
    """The questions that this way of searching does not answer."""
    retriever = Retriever(model if way != "full text" else None)
    store = WordsLeftOut(reader.store) if way == "vectors" else reader.store
    return [miss for question in questions() if (miss := _missed(retriever, store, keys, question))]


def recall(missed: Sequence[Miss], counts: Callable[[Question], bool] = lambda _: True) -> float:
    """The part of the questions that were answered, of those that count."""
    asked = [question for question in questions() if counts(question)]
    return 1 - sum(counts(miss.question) for miss in missed) / len(asked)


def _missed(
    retriever: Retriever, store: Any, keys: dict[str, str], question: Question
) -> Miss | None:
    found = [keys[one.id] for one in retriever.find(store, question.question, question.turns)]
    first = tuple(dict.fromkeys(found))[:FIRST]
    return None if set(question.expected) & set(first) else Miss(question, first)


def _read(name: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads((LABELLED / f"{name}.json").read_text())
    return rows

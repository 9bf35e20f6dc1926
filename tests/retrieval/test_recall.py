"""How well passages are found, on a small labelled set of our own; `./scripts/bench --only recall` shows it as a table."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from backend.core.embedding import Embedder
from backend.core.indexing import Indexer
from backend.store import Supabase

from .readers import Reader
from .recall import Way, give_articles, misses, questions, recall
from .static_model import StaticModel

# a little below what is measured (0.875, 0.875, 0.975 of 40 questions); the same on every run
FLOORS: dict[Way, float] = {"full text": 0.85, "vectors": 0.85, "hybrid": 0.95}


@pytest.fixture(scope="module")
def labelled(
    make_reader: Callable[[], Reader], supabase: Supabase, indexer: Indexer
) -> tuple[Reader, dict[str, str]]:
    """Somebody who reads the labelled articles, with vectors of them."""
    reader = make_reader()
    embedder = Embedder(supabase.service.passages, StaticModel(), threading.Event())
    return reader, give_articles(reader, indexer, embedder)


@pytest.mark.parametrize("way", FLOORS)
def test_recall_at_five_does_not_fall(way: Way, labelled: tuple[Reader, dict[str, str]]) -> None:
    reader, keys = labelled
    missed = misses(reader, keys, StaticModel(), way)
    assert recall(missed) >= FLOORS[way], [miss.question.question for miss in missed]


def test_keywords_and_follow_ups_are_all_found_by_words(
    labelled: tuple[Reader, dict[str, str]],
) -> None:
    reader, keys = labelled
    missed = misses(reader, keys, None, "full text")
    assert {miss.question.kind for miss in missed} <= {"paraphrase"}


def test_there_are_questions_of_every_kind() -> None:
    kinds = [question.kind for question in questions()]
    assert len(kinds) == 40
    assert {kind: kinds.count(kind) for kind in kinds} == {
        "keywords": 10,
        "paraphrase": 18,
        "names across languages": 6,
        "follow-up": 6,
    }

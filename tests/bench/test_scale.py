"""What must cost nobody more among many people finds its rows by an index."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.paths import ROOT
from local.stack import Stack
from tests.bench.asking import QUESTIONS, Question
from tests.bench.databases import Grown
from tests.bench.growth import grow, make_due

PEOPLE = 1000
# Of the other tables a thousand people have few pages, which are read faster from end to end.
LARGE = {
    "public.generations", "public.notifications", "public.passages", "public.post_metrics", "public.post_targets", "public.posts",
    "public.publish_attempts", "public.slot_occurrences", "public.source_items",
}  # fmt: skip

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def grown() -> Iterator[Grown]:
    """A database of a thousand people."""
    stack = Stack(ROOT, Path(tempfile.mkdtemp(prefix="lin-")), services=False)
    try:
        stack.start()
        url = stack.gateway_env()["GATEWAY_DATABASE_URL"]
        grow(url, 0, PEOPLE)
        make_due(url, 200)
        database = Grown(url, PEOPLE)
        database.catch_up()
        yield database
        database.close()
    finally:
        stack.discard()


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question.name)
def test_no_large_table_is_read_from_end_to_end(grown: Grown, question: Question) -> None:
    person = question.by(random.Random(1), PEOPLE) if question.by else None
    planned = {
        f"{node.get('Schema', 'public')}.{node['Relation Name']}"
        for node in grown.nodes(question, person)
        if node["Node Type"] == "Seq Scan"
    }
    # the plan tells of the statement itself, the counters of what its functions and triggers do as well
    _, read = grown.pages(question, person)
    assert not LARGE & (planned | set(read))


def test_what_is_loaded_is_found_by_its_indexes(grown: Grown) -> None:
    person = QUESTIONS[0].by(random.Random(1), PEOPLE) if QUESTIONS[0].by else None
    indexes = {node.get("Index Name") for node in grown.nodes(QUESTIONS[0], person)}
    assert "posts_user_id_created_at_idx" in indexes

"""Finding, among what its owner reads and wrote, the passages that a question is about."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from .embedding import QuestionEmbedder
from .models import Model, Turn

TAKE = 8
# all texts together, in characters: what a small model reads with the conversation in front of it
TOTAL_CHARACTERS = 6_000
_LONGEST_QUESTION = 1_200
_LONGEST_BEFORE = 600
# a question of so few words mostly leans on the one before it
_SHORT_WORDS = 6
# of scripts without spaces between words, two signs count as a word
_UNSPACED = re.compile(
    "[\u0e01-\u0eff\u1000-\u109f\u1780-\u17ff\u3041-\u30ff\u3400-\u9fff\uf900-\ufaff]"
)


class PassageStore(Protocol):
    """What retrieval needs from the database under the caller's rights; see store/user.py."""

    def search_passages(
        self, query: str, take: int, embedding: Sequence[float] | None, embedded_by: str | None
    ) -> list[dict[str, Any]]: ...


@dataclass(frozen=True)
class Found:
    """A passage that may answer the question. `number` counts from 1, best first; `id` is the id of the source item, the
    post or the media that it is a piece of. In `snippet` what matched stands between « and »."""

    number: int
    kind: Literal["source_item", "post", "document"]
    id: str
    title: str
    url: str | None
    text: str
    snippet: str


class Retriever:
    """Searches the caller's passages; by meaning as well where there is a model that embeds. Safe to share among threads."""

    def __init__(self, model: Model | None = None) -> None:
        self._embedder = QuestionEmbedder(model) if model else None

    def find(
        self, user_store: PassageStore, question: str, history: Sequence[Turn] = ()
    ) -> list[Found]:
        """The passages for the question, best first, at most 8 and 6,000 characters; none when nothing matches.

        `history` are the turns before it, oldest first: a short question ("and why?") is read with the one before.
        Raises Unavailable.
        """
        query = searched_text(question, history)
        if not query:
            return []
        embedder = self._embedder
        vector = embedder.embed(query) if embedder else None
        model = embedder.model.space if embedder and vector else None
        found: list[Found] = []
        room = TOTAL_CHARACTERS
        for row in user_store.search_passages(query, TAKE, vector, model):
            if len(row["text"]) <= room:
                room -= len(row["text"])
                found.append(
                    Found(len(found) + 1, row["kind"], row["id"], row["title"], row["url"], row["text"], row["snippet"])
                )  # fmt: skip
        return found


def searched_text(question: str, history: Sequence[Turn]) -> str:
    """What to search for. The database reads 2,000 characters of it."""
    question = question.strip()[:_LONGEST_QUESTION]
    before = next((turn.text for turn in reversed(history) if turn.role == "user"), "")
    words = len(question.split()) + len(_UNSPACED.findall(question)) // 2
    if before and words <= _SHORT_WORDS:
        return f"{question}\n{before[:_LONGEST_BEFORE]}"
    return question

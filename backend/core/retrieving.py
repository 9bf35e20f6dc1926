"""Finding, among what its owner reads and wrote, the passages that a question is about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from .models import Model, Turn

TAKE = 8
# all texts together, in characters: what a small model reads with the conversation in front of it
TOTAL_CHARACTERS = 6_000


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


@dataclass(frozen=True)
class Retriever:
    """Searches the caller's passages; by meaning as well where there is a model that embeds."""

    model: Model | None = None

    def find(
        self, user_store: PassageStore, question: str, history: Sequence[Turn] = ()
    ) -> list[Found]:
        """The passages for the question, best first, at most 8 and 6,000 characters; none when nothing matches.

        `history` are the turns before it, oldest first: a short question ("and why?") is read with the one before.
        Raises Unavailable. Safe to share among threads.
        """
        raise NotImplementedError

"""Passages to make and to embed, past row-level security."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..core.embedding import Unembedded
from ..core.indexing import Indexed, Unindexed, UnreadDocument
from .calls import Calls, readable


class Passages:
    """The queue of what is to be indexed, and what was made of it. Errors are those of `Calls`."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def claim_unindexed(self, take: int, retry_after_seconds: int) -> list[Unindexed]:
        """Articles and published posts that are new or were edited."""
        rows = readable(
            list,
            self._calls.rpc("claim_unindexed", take=take, retry_after_seconds=retry_after_seconds),
        )
        return [
            Unindexed(row["id"], row["version"], row["title"], row["url"], row["text"], row["written_at"])
            for row in rows
        ]  # fmt: skip

    def claim_unread_documents(self, take: int, retry_after_seconds: int) -> list[UnreadDocument]:
        """Uploaded documents that nobody has read."""
        rows = readable(
            list,
            self._calls.rpc(
                "claim_unread_documents", take=take, retry_after_seconds=retry_after_seconds
            ),
        )
        return [
            UnreadDocument(row["id"], row["version"], row["title"], row["path"], row["mime"], row["written_at"])
            for row in rows
        ]  # fmt: skip

    def store_passages(self, things: Sequence[Indexed]) -> int:
        """Store the passages of things in place of older ones; returns how many. What was edited meanwhile stays queued."""
        return readable(
            int, self._calls.rpc("store_passages", things=[_thing(thing) for thing in things])
        )

    def claim_unembedded(self, model: str, take: int, retry_after_seconds: int) -> list[Unembedded]:
        """Passages that this model has not seen; none where the server cannot keep vectors."""
        rows = readable(
            list,
            self._calls.rpc(
                "claim_unembedded", model=model, take=take, retry_after_seconds=retry_after_seconds
            ),
        )
        return [Unembedded(row["passage_id"], row["title"], row["text"]) for row in rows]

    def store_embeddings(
        self, model: str, vectors: Sequence[tuple[str, Sequence[float] | None]]
    ) -> int:
        """Store vectors by passage id, None for a passage that the model could not read; returns how many."""
        listed = [{"passage_id": passage, "embedding": vector} for passage, vector in vectors]
        return readable(int, self._calls.rpc("store_embeddings", model=model, vectors=listed))


def _thing(thing: Indexed) -> dict[str, Any]:
    reading = thing.reading
    return {
        "id": thing.id,
        "version": thing.version,
        "title": thing.title,
        "url": thing.url,
        "language": thing.language,
        "written_at": thing.written_at,
        "texts": list(thing.texts),
        "reading": None
        if reading is None
        else {"status": reading.status, "note": reading.note, "characters": len(reading.text)},
    }

"""Giving passages their vectors, and asking for a question's: what a model makes of texts, wherever it stands."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotInTime
from dataclasses import dataclass, field
from typing import Protocol

from .errors import SpaceAnswerUnusable, SpaceError, SpaceFailed
from .models import Model

log = logging.getLogger("lin.embedding")

_BATCH = 32
_DEADLINE_SECONDS = 60.0
# longer than a batch takes with every text of it asked for alone
_RETRY_AFTER_SECONDS = 300
# a Space that sleeps, or is broken: tried again after this long, then twice as long, up to the last
_FIRST_PAUSE_SECONDS = 15.0
_LONGEST_PAUSE_SECONDS = 600.0
# somebody waits for the answer to their question
QUESTION_SECONDS = 1.5
# the first call connects as well: it may end after its question was answered, and the next one finds it connected
_CONNECT_SECONDS = 15.0
_QUESTION_PAUSE_SECONDS = 30.0
_QUESTIONS_AT_ONCE = 4


@dataclass(frozen=True)
class Unembedded:
    """A passage that has no vector of the model yet."""

    passage_id: str
    title: str
    text: str


class EmbeddingStore(Protocol):
    """What embedding needs from the database; see store/passages.py."""

    def claim_unembedded(
        self, model: str, take: int, retry_after_seconds: int
    ) -> list[Unembedded]: ...

    def store_embeddings(
        self, model: str, vectors: Sequence[tuple[str, Sequence[float] | None]]
    ) -> int: ...


@dataclass
class Embedder:
    """Gives passages their vectors, batch after batch; without a model it does nothing. `give_way` is called before each, and
    returns when what is more urgent has been done.

    A model that does not answer is left alone for a while, longer each time: searching by words waits for nothing of this.
    """

    store: EmbeddingStore
    model: Model | None
    stopping: threading.Event
    monotonic: Callable[[], float] = time.monotonic
    give_way: Callable[[], None] = lambda: None
    _pause: float = field(default=0.0, init=False)
    _again_at: float = field(default=float("-inf"), init=False)

    def run(self) -> int:
        """Embed what this model has not seen, until nothing is left or it does not answer; returns how many were."""
        total = 0
        while self.model and not self.stopping.is_set() and self.monotonic() >= self._again_at:
            self.give_way()
            waiting = self.store.claim_unembedded(self.model.space, _BATCH, _RETRY_AFTER_SECONDS)
            if not waiting:
                break
            try:
                vectors = self._embed(self.model, waiting)
            except SpaceError as error:
                self._pause = min(
                    max(2 * self._pause, _FIRST_PAUSE_SECONDS), _LONGEST_PAUSE_SECONDS
                )
                self._again_at = self.monotonic() + self._pause
                log.warning("passages not embedded", extra={"space": self.model.space, "error": str(error), "pause_seconds": self._pause})  # fmt: skip
                break
            self._pause = 0.0
            total += self.store.store_embeddings(self.model.space, vectors)
        if total:
            log.info("passages embedded", extra={"passages": total})
        return total

    def _embed(
        self, model: Model, waiting: Sequence[Unembedded]
    ) -> list[tuple[str, Sequence[float] | None]]:
        """A vector for each, None for a text that the model refuses. Raises SpaceError when it refuses all."""
        try:
            return self._asked(model, waiting)
        except (SpaceFailed, SpaceAnswerUnusable):
            # perhaps one text of the batch is what it cannot read
            found: list[tuple[str, Sequence[float] | None]] = []
            refused: SpaceError | None = None
            for passage in waiting:
                try:
                    found += self._asked(model, [passage])
                except (SpaceFailed, SpaceAnswerUnusable) as error:
                    refused = error
                    found.append((passage.passage_id, None))
            if refused and not any(vector for _, vector in found):
                raise refused from None
            return found

    @staticmethod
    def _asked(
        model: Model, waiting: Sequence[Unembedded]
    ) -> list[tuple[str, Sequence[float] | None]]:
        texts = [f"{passage.title}\n{passage.text}" for passage in waiting]
        vectors = model.embed(texts, deadline_seconds=_DEADLINE_SECONDS)
        if len(vectors) != len(waiting) or not all(vectors):
            raise SpaceAnswerUnusable("The Space did not give one vector for each text.")
        return [(passage.passage_id, vector) for passage, vector in zip(waiting, vectors, strict=True)]  # fmt: skip


class QuestionEmbedder:
    """The vector of a question within 1.5 seconds, or none. Safe to share among threads.

    A model that was too slow or failed is not asked for half a minute, unless it answers after all: its first call connects
    as well. One that is late again is slow, and left alone for that time: nobody's answer is to wait for it again and again.
    """

    def __init__(self, model: Model, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.model = model
        self._monotonic = monotonic
        self._again_at = float("-inf")
        self._late = 0
        self._pool = ThreadPoolExecutor(_QUESTIONS_AT_ONCE, thread_name_prefix="embed")
        self._free = threading.BoundedSemaphore(_QUESTIONS_AT_ONCE)

    def embed(self, question: str) -> list[float] | None:
        """The question's vector; None when the model does not give one in time, or too many questions wait for it."""
        if self._monotonic() < self._again_at or not self._free.acquire(blocking=False):
            return None
        asked = self._pool.submit(self._ask, question)
        try:
            vector = asked.result(timeout=QUESTION_SECONDS)
        except (SpaceError, NotInTime) as error:
            self._late += 1
            self._again_at = self._monotonic() + _QUESTION_PAUSE_SECONDS
            log.warning("a question is searched by its words only", extra={"space": self.model.space, "error": str(error) or "too slow"})  # fmt: skip
            return None
        self._late = 0
        return vector or None

    def _ask(self, question: str) -> list[float]:
        try:
            (vector,) = self.model.embed([question], deadline_seconds=_CONNECT_SECONDS)
            if self._late <= 1:
                self._again_at = float("-inf")
            return vector
        except ValueError:
            raise SpaceAnswerUnusable("The Space did not give one vector.") from None
        finally:
            self._free.release()

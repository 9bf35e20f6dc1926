"""The mentor: from a saved message to a saved answer that cites what it rests on, whatever the Space does.

Each answer is made on a thread of its own, which outlives the request that asked for it. Passages and messages are data:
they travel in places of their own (ChatRequest), and there is nothing that an answer could set in motion.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from .answer_saving import GrowingAnswers, Saver
from .citing import citations, clean, numbered, shown, uncited
from .error_classes import error_class
from .errors import (
    GenerationCanceled,
    LinError,
    SpaceAnswerUnusable,
    SpaceUnavailable,
    Unavailable,
)
from .models import ChatRequest, Model, Passage, Progress, Turn
from .retrieving import Found
from .streams import Answer, Ending, Standing

log = logging.getLogger("lin.mentoring")

MOST_ANSWERS = 64
"""Answers that one process makes at a time; more are refused before anything is saved."""
_SAVE_AGAIN_SECONDS = (0.2, 1.0, 3.0, 10.0)

Find = Callable[[], Sequence[Found]]


class AnswerStore(GrowingAnswers, Protocol):
    """What answering needs from the database; see store/chat.py."""

    def finish_chat_answer(
        self, message_id: str, lease_token: int, result: dict[str, Any]
    ) -> bool: ...


@dataclass(frozen=True)
class BegunTurn:
    """A saved message with the empty answer to it, leased to this process; `history` is oldest first."""

    session_id: str
    title: str
    user_message_id: str
    message_id: str
    lease_token: int
    history: Sequence[Turn]


class Mentor:
    """Makes answers. `model` is None on a server without a MENTOR_SPACE. Safe to share among threads."""

    def __init__(self, store: AnswerStore, model: Model | None, *, deadline_seconds: float) -> None:
        self._store = store
        self._model = model
        self._deadline_seconds = deadline_seconds
        self._saver = Saver(store, model.space if model else None)
        self._running: dict[str, Answer] = {}

    def refuse_when_full(self) -> None:
        """Raises Unavailable while this process makes as many answers as it may."""
        if len(self._running) >= MOST_ANSWERS:
            raise Unavailable("Too many answers are coming right now; try again in a moment.")

    def start(self, turn: BegunTurn, user_id: str, message: str, find: Find) -> Answer:
        """Begin to answer. `find` looks for passages under the asker's row-level security, and may raise any LinError."""
        answer = Answer(turn.message_id, user_id, turn.lease_token)
        self._running[turn.message_id] = answer
        try:
            self._saver.add(answer)
            threading.Thread(
                target=self._work, args=(answer, turn, message, find), name="mentor", daemon=True
            ).start()
        except RuntimeError:  # no more threads: its lease is not renewed, and ends it
            self._saver.remove(answer)
            del self._running[turn.message_id]
            raise Unavailable(
                "Too many answers are coming right now; try again in a moment."
            ) from None
        return answer

    def running(self, message_id: str) -> Answer | None:
        """The answer to follow, if this process makes it."""
        return self._running.get(message_id)

    def stop(self, message_id: str) -> None:
        """Stop it at once if this process makes it; another learns of it from the row."""
        if answer := self._running.get(message_id):
            answer.stop("stop")

    def _work(self, answer: Answer, turn: BegunTurn, message: str, find: Find) -> None:
        started = time.monotonic()
        try:
            ending = self._stored(answer, self._made(answer, turn, message, find))
        except Exception:
            log.exception("an answer failed", extra={"message_id": answer.message_id})
            ending = _cut_off(answer, "internal", "Something went wrong on Lin's side.")
        finally:
            self._saver.remove(answer)
            self._running.pop(answer.message_id, None)
        answer.end(ending)
        log.info(
            "answer ended",
            extra={
                "message_id": answer.message_id, "state": ending.state, "error_class": ending.error_class,
                "seconds": round(time.monotonic() - started, 3),
            },
        )  # fmt: skip

    def _made(self, answer: Answer, turn: BegunTurn, message: str, find: Find) -> Ending:
        """The answer, or what had come of it with the reason why no more did."""
        found: Sequence[Found] = ()
        passages: Sequence[Passage] = ()
        try:
            model = self._speaking()
            found = find()
            passages = numbered(found)
            request = ChatRequest(clean(message), _recalled(turn.history), passages)
            return self._asked(model, answer, request, found)
        except GenerationCanceled:
            problem = ("stopped", "You stopped this answer.")
        except LinError as error:
            problem = (error_class(error), str(error))
        except Exception:
            log.exception("an answer failed", extra={"message_id": answer.message_id})
            problem = ("internal", "Something went wrong on Lin's side.")
        return _cut_off(answer, *problem, citations(answer.text, found, passages))

    def _speaking(self) -> Model:
        if self._model is None:
            raise SpaceUnavailable("This server has no mentor Space (MENTOR_SPACE).")
        return self._model

    def _asked(
        self, model: Model, answer: Answer, request: ChatRequest, found: Sequence[Found]
    ) -> Ending:
        given = {passage.number for passage in request.passages}

        def on_progress(progress: Progress) -> None:
            if progress.text:
                answer.show(shown(progress.text, given, ended=False))
            elif not answer.text:
                answer.stand(Standing(progress.state, progress.queue_position))

        raw = model.chat(
            request,
            on_progress=on_progress,
            canceled=lambda: answer.stopped is not None,
            deadline_seconds=self._deadline_seconds,
        )
        text = shown(raw, given, ended=True)
        if not text.strip():
            raise SpaceAnswerUnusable(f"The Space {model.space} answered without any text.")
        return Ending("complete", text, citations(text, found, request.passages))

    def _stored(self, answer: Answer, ending: Ending) -> Ending:
        """Store the end; what is told to readers is what is stored. The saver renews the lease meanwhile."""
        result = {
            "state": ending.state, "text": ending.text, "citations": ending.citations,
            "space": self._model.space if self._model else None, "first_text_ago": answer.first_text_ago,
            "error_class": ending.error_class, "error": ending.error,
        }  # fmt: skip
        for pause in (*_SAVE_AGAIN_SECONDS, None):
            try:
                if self._store.finish_chat_answer(answer.message_id, answer.lease_token, result):
                    return ending
                return _cut_off(answer, "lost", "This answer was deleted, or ended elsewhere.")
            except Unavailable:
                if pause is None:
                    break  # the lease ends, and the row says interrupted
                log.warning(
                    "the end of an answer is not saved yet",
                    extra={"message_id": answer.message_id, "again_in_seconds": pause},
                )
                time.sleep(pause)
        return _cut_off(answer, "unavailable", "The end of this answer could not be saved.")


def _cut_off(
    answer: Answer, error_class: str, error: str, cited: Sequence[dict[str, Any]] = ()
) -> Ending:
    return Ending("interrupted", answer.text, list(cited), error_class, error[:500])


def _recalled(history: Sequence[Turn]) -> list[Turn]:
    """Earlier turns as a model gets them: without citations, whose numbers meant other passages."""
    return [
        Turn(turn.role, clean(turn.text if turn.role == "user" else uncited(turn.text)))
        for turn in history
    ]

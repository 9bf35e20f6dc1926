"""Saving answers while they grow: all answers of a process in one call, a few times a second."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from typing import Any, Protocol

from .errors import LinError, Unavailable
from .streams import Answer

log = logging.getLogger("lin.mentoring")

SAVE_EVERY_SECONDS = 0.3


class GrowingAnswers(Protocol):
    """Where growing answers are saved; see store/chat.py."""

    def record_chat_answers(self, answers: Sequence[dict[str, Any]]) -> dict[str, str]: ...


class Saver:
    """Saves what the answers of this process have become, renews their leases, and tells them to stop.

    One thread does it for all, which lives while there is an answer: the threads that bring text never wait for the
    database, and fifty answers cost it three calls a second.
    """

    def __init__(self, store: GrowingAnswers, space: str | None) -> None:
        self._store = store
        self._space = space
        self._lock = threading.Lock()
        self._saved: dict[Answer, str] = {}
        self._thread: threading.Thread | None = None
        self._pause = threading.Event()  # never set: a pause that costs no polling

    def add(self, answer: Answer) -> None:
        """Save this one from now on, until `remove`."""
        with self._lock:
            self._saved[answer] = ""
            if self._thread is None:
                thread = threading.Thread(target=self._work, name="chat-saver", daemon=True)
                thread.start()
                self._thread = thread

    def remove(self, answer: Answer) -> None:
        """It has ended."""
        with self._lock:
            self._saved.pop(answer, None)

    def _work(self) -> None:
        while True:
            self._pause.wait(SAVE_EVERY_SECONDS)
            with self._lock:
                if not self._saved:
                    self._thread = None
                    return
                saved = dict(self._saved)
            try:
                self._save(saved)
            except Unavailable:
                pass  # the leases outlast a hiccup; the next round saves what this one could not
            except Exception:
                log.exception("growing answers could not be saved")

    def _save(self, saved: dict[Answer, str]) -> None:
        texts = {answer: answer.text for answer in saved}
        told = [
            {
                "message_id": answer.message_id,
                "lease_token": answer.lease_token,
                "text": text if text != saved[answer] else None,
                "space": self._space,
                "first_text_ago": answer.first_text_ago,
            }
            for answer, text in texts.items()
        ]
        verdicts = self._record(told)
        with self._lock:
            for answer, text in texts.items():
                verdict = verdicts.get(answer.message_id)
                if verdict in ("stop", "lost"):
                    answer.stop("stop" if verdict == "stop" else "lost")
                if verdict and answer in self._saved:
                    self._saved[answer] = text

    def _record(self, told: Sequence[dict[str, Any]]) -> dict[str, str]:
        try:
            return self._store.record_chat_answers(told)
        except Unavailable:
            raise
        except LinError:  # one of them is refused: it must not keep the others from being saved
            if len(told) == 1:
                log.exception(
                    "an answer could not be saved", extra={"message_id": told[0]["message_id"]}
                )
                return {}
        verdicts: dict[str, str] = {}
        for one in told:
            verdicts |= self._record([one])
        return verdicts

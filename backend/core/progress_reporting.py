"""Telling a generation's row how far it is, and learning there whether to stop."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from .errors import GenerationCanceled, Unavailable
from .models import Progress
from .records import ClaimedGeneration

LEASE_SECONDS = 30
_PROGRESS_EVERY = 0.25
_RENEW_EVERY = 2.0


class ProgressStore(Protocol):
    """Where progress is written; see store/generations.py."""

    def record_generation_progress(
        self,
        generation: ClaimedGeneration,
        status: str,
        space: str,
        progress: dict[str, Any],
        lease_seconds: int,
    ) -> str: ...


class Lost(Exception):
    """Another process runs this generation now: write nothing more."""


@dataclass(frozen=True)
class _Step:
    """A Space's progress, with the variant it is about."""

    progress: Progress
    variant: int
    repairing: bool

    def details(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        if self.progress.queue_position is not None:
            found["queue_position"] = self.progress.queue_position
        if self.progress.text is not None:
            found["text"] = self.progress.text
        if found or self.variant > 1:
            found["variant"] = self.variant
        if self.repairing:
            found["repairing"] = True
        return found


class Reporter:
    """Writes progress to the row and keeps its lease. The first text of all is written at once, then a few writes a second."""

    def __init__(
        self,
        store: ProgressStore,
        generation: ClaimedGeneration,
        space: str,
        written: Callable[[str], None],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`written` is called with the generation's id after each write."""
        self._store = store
        self._generation = generation
        self._space = space
        self._written_row = written
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._variant, self._repairing = 1, False
        self._latest = _Step(Progress("running"), 1, False)
        self._written: _Step | None = None
        self._written_at = float("-inf")
        self._text_seen = False
        self._verdict = "go on"

    def begin(self, variant: int, *, repairing: bool = False) -> None:
        """What is reported from now on is about this variant, or about its repair."""
        self._variant, self._repairing = variant, repairing

    def report(self, progress: Progress) -> None:
        """Remember the newest progress, and write it if the last writing is long enough ago."""
        self._latest = _Step(progress, self._variant, self._repairing)
        first_text = bool(progress.text) and not self._text_seen
        self._text_seen = self._text_seen or first_text
        self._write(0.0 if first_text else _PROGRESS_EVERY)

    def canceled(self) -> bool:
        """Whether to stop; also keeps the lease and writes progress that was held back."""
        self._write(_PROGRESS_EVERY if self._latest != self._written else _RENEW_EVERY)
        return self._verdict != "go on"

    def raise_if_over(self) -> None:
        """Raise when the user canceled or another process took over."""
        if self._verdict == "lost":
            raise Lost
        if self._verdict == "cancel":
            raise GenerationCanceled("canceled")

    def _write(self, every: float) -> None:
        if self._verdict != "go on" or not self._lock.acquire(blocking=False):
            return
        try:
            now, step = self._monotonic(), self._latest
            if now - self._written_at < every:
                return
            status = "waking" if step.progress.state == "waking" else "running"
            self._verdict = self._store.record_generation_progress(
                self._generation, status, self._space, step.details(), LEASE_SECONDS
            )
            self._written, self._written_at = step, now
            self._written_row(self._generation.generation_id)
        except Unavailable:
            # the lease outlasts a hiccup; try again at the next step
            self._written_at = self._monotonic()
        finally:
            self._lock.release()

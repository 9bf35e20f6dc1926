"""Running a Space for a user: from the queued row to a stored result, whatever the Space does."""

from __future__ import annotations

import io
import logging
import threading
import time
import uuid
from collections.abc import Callable
from typing import Any, Protocol

from .errors import (
    FetchError,
    GenerationCanceled,
    LinError,
    MediaRejected,
    SpaceAnswerUnusable,
    SpaceError,
    SpaceFailed,
    SpaceTimedOut,
    SpaceUnavailable,
    Unavailable,
    UnreadableSource,
)
from .models import Model, Progress, WriteRequest, Written
from .ports import Inspected, MediaInspector, PublicDoor, SourceReader
from .records import ClaimedGeneration

log = logging.getLogger("lin.generating")

LEASE_SECONDS = 30
PAGE_BYTES = 5_000_000
_PROGRESS_EVERY = 0.25
_RENEW_EVERY = 2.0
_RESULT_IDS = uuid.UUID("0c7ad6f8-1d3e-4c2b-8a57-57c0f6a2a7d1")


class GenerationStore(Protocol):
    """What running a generation needs from the database; see store/generations.py."""

    def claim_generation(
        self, generation_id: str | None, lease_seconds: int
    ) -> ClaimedGeneration | None: ...

    def record_generation_progress(
        self,
        generation: ClaimedGeneration,
        status: str,
        space: str,
        progress: dict[str, Any],
        lease_seconds: int,
    ) -> str: ...

    def finish_generation(self, generation: ClaimedGeneration, result: dict[str, Any]) -> bool: ...


class ResultStore(Protocol):
    """Where the picture of a draft goes; see store/media.py."""

    def save_media(
        self,
        media_id: str,
        user_id: str,
        path: str,
        content: bytes,
        facts: Inspected,
        alt_text: str | None,
    ) -> None: ...


class Generator:
    """Runs waiting generations, one call each. `writer` is None on a server without a WRITER_SPACE."""

    def __init__(
        self,
        store: GenerationStore,
        results: ResultStore,
        writer: Model | None,
        door: PublicDoor,
        reader: SourceReader,
        inspector: MediaInspector,
        *,
        deadline_seconds: float,
        stopping: threading.Event,
    ) -> None:
        self._store = store
        self._results = results
        self._writer = writer
        self._door = door
        self._reader = reader
        self._inspector = inspector
        self._deadline_seconds = deadline_seconds
        self._stopping = stopping

    def run(self, generation_id: str | None = None) -> bool:
        """Claim and run one generation (None: the oldest waiting); False when there was none.

        Every end is a state of the row: nothing is raised for what a Space, a page or the user does.
        """
        generation = self._store.claim_generation(generation_id, LEASE_SECONDS)
        if generation is None:
            return False
        started = time.monotonic()
        try:
            result = self._result(generation)
        except _Lost:
            log.warning(
                "a generation was taken over", extra={"generation_id": generation.generation_id}
            )
            return True
        except GenerationCanceled:
            if self._stopping.is_set():
                return True  # this process stops: the lease ends, and another process does it again
            result = {"status": "canceled"}
        except LinError as error:
            result = {"status": "failed", "error_class": _error_class(error), "error": str(error)}
        except Exception:
            log.exception(
                "a generation failed unexpectedly",
                extra={"generation_id": generation.generation_id},
            )
            result = {
                "status": "failed",
                "error_class": "internal",
                "error": "Something went wrong on Lin's side.",
            }
        self._finish(generation, result)
        log.info(
            "generation ended",
            extra={
                "generation_id": generation.generation_id, "status": result["status"],
                "error_class": result.get("error_class"), "seconds": round(time.monotonic() - started, 3),
            },
        )  # fmt: skip
        return True

    def _result(self, generation: ClaimedGeneration) -> dict[str, Any]:
        if self._writer is None:
            raise SpaceUnavailable("This server has no writer Space (WRITER_SPACE).")
        reporter = _Reporter(self._store, generation, self._writer.space)
        reporter.report(Progress("running"))
        request = self._request(generation)
        written = self._writer.write(
            request,
            on_progress=reporter.report,
            canceled=lambda: self._stopping.is_set() or reporter.canceled(),
            deadline_seconds=self._deadline_seconds,
        )
        reporter.raise_if_over()
        output = {
            "text": written.text,
            "length": len(written.text),
            "max_length": request.max_length,
        }
        if written.image is not None:
            output["media_id"] = self._save_image(generation, written, request)
        return {"status": "complete", "output": output}

    def _request(self, generation: ClaimedGeneration) -> WriteRequest:
        wanted = generation.input
        article = wanted.get("article")
        if article is None and "url" in wanted:
            page = self._reader.read_page(self._door.fetch(wanted["url"], max_bytes=PAGE_BYTES))
            article = {"title": page.title, "text": page.text, "url": page.url}
        if article is None:
            article = {"title": wanted["topic"], "text": wanted["topic"], "url": None}
        return WriteRequest(
            title=article["title"],
            text=article["text"],
            url=article["url"],
            platform=wanted["platform"],
            tone=wanted.get("tone"),
            language=wanted.get("language"),
            max_length=int(wanted["max_length"]),
            image=bool(wanted.get("image", False)),
        )

    def _save_image(
        self, generation: ClaimedGeneration, written: Written, request: WriteRequest
    ) -> str:
        content = written.image or b""
        try:
            facts = self._inspector.inspect(io.BytesIO(content))
        except MediaRejected as error:
            raise SpaceAnswerUnusable(f"The Space's image cannot be used: {error}") from error
        ending = facts.mime.rsplit("/", 1)[-1]
        media_id = str(uuid.uuid5(_RESULT_IDS, generation.generation_id))
        path = f"{generation.user_id}/generated/{generation.generation_id}.{ending}"
        self._results.save_media(
            media_id, generation.user_id, path, content, facts, request.title[:300]
        )
        return media_id

    def _finish(self, generation: ClaimedGeneration, result: dict[str, Any]) -> None:
        for pause in (0.2, 1.0, 3.0, None):
            try:
                self._store.finish_generation(generation, result)
            except Unavailable:
                if pause is None:
                    raise  # the lease ends, and the run is done again or ends as interrupted
                time.sleep(pause)
            else:
                return


class _Lost(Exception):
    """Another process runs this generation now: write nothing more."""


class _Reporter:
    """Writes progress to the row, a few times a second at most, and learns there whether to stop."""

    def __init__(
        self,
        store: GenerationStore,
        generation: ClaimedGeneration,
        space: str,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._generation = generation
        self._space = space
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._latest = Progress("running")
        self._written: Progress | None = None
        self._written_at = float("-inf")
        self._verdict = "go on"

    def report(self, progress: Progress) -> None:
        """Remember the newest progress and write it if the last writing is long enough ago."""
        self._latest = progress
        self._write(_PROGRESS_EVERY)

    def canceled(self) -> bool:
        """Whether to stop; also keeps the lease and writes progress that was held back."""
        self._write(_PROGRESS_EVERY if self._latest != self._written else _RENEW_EVERY)
        return self._verdict != "go on"

    def raise_if_over(self) -> None:
        """Raise when the user canceled or another process took over."""
        if self._verdict == "lost":
            raise _Lost
        if self._verdict == "cancel":
            raise GenerationCanceled("canceled")

    def _write(self, every: float) -> None:
        if self._verdict != "go on" or not self._lock.acquire(blocking=False):
            return
        try:
            now, progress = self._monotonic(), self._latest
            if now - self._written_at < every:
                return
            details = {
                name: value
                for name, value in (
                    ("queue_position", progress.queue_position),
                    ("text", progress.text),
                )
                if value is not None
            }
            status = "waking" if progress.state == "waking" else "running"
            self._verdict = self._store.record_generation_progress(
                self._generation, status, self._space, details, LEASE_SECONDS
            )
            self._written, self._written_at = progress, now
        except Unavailable:
            self._written_at = (
                self._monotonic()
            )  # the lease outlasts a hiccup; try again at the next step
        finally:
            self._lock.release()


def _error_class(error: LinError) -> str:
    kinds: dict[type[LinError], str] = {
        SpaceUnavailable: "space_unavailable",
        SpaceTimedOut: "space_timed_out",
        SpaceFailed: "space_failed",
        SpaceAnswerUnusable: "space_answer_unusable",
        SpaceError: "space_failed",
        FetchError: "source_unreachable",
        UnreadableSource: "source_unreadable",
        Unavailable: "unavailable",
    }
    return next((word for kind, word in kinds.items() if isinstance(error, kind)), "failed")

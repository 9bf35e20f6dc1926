"""Running a model for a user: from the queued row to a stored result, whatever the model does."""

from __future__ import annotations

import io
import logging
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Protocol

from .drafting import Drafter
from .error_classes import error_class
from .errors import (
    GenerationCanceled,
    LinError,
    MediaRejected,
    SpaceAnswerUnusable,
    SpaceError,
    SpaceUnavailable,
    Unavailable,
)
from .fitting_text import Ruler
from .models import Model, Progress, WriteRequest
from .ports import Inspected, MediaInspector, PublicDoor, SourceReader
from .progress_reporting import LEASE_SECONDS, Lost, ProgressStore, Reporter
from .records import ClaimedGeneration

log = logging.getLogger("lin.generating")

PAGE_BYTES = 5_000_000
_RESULT_IDS = uuid.UUID("0c7ad6f8-1d3e-4c2b-8a57-57c0f6a2a7d1")


class GenerationStore(ProgressStore, Protocol):
    """What running a generation needs from the database; see store/generations.py."""

    def claim_generation(
        self, generation_id: str | None, lease_seconds: int
    ) -> ClaimedGeneration | None: ...

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
    """Runs waiting generations, one call each. `writer` is None on a server without a WRITER_SPACE.

    `ruler` counts as platforms do; `written` is called with the id of a generation whenever its row was written.
    """

    def __init__(
        self,
        store: GenerationStore,
        results: ResultStore,
        writer: Model | None,
        door: PublicDoor,
        reader: SourceReader,
        inspector: MediaInspector,
        ruler: Ruler,
        written: Callable[[str], None],
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
        self._ruler = ruler
        self._written = written
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
        result = self._ended(generation)
        if result is None:
            return True
        self._finish(generation, result)
        log.info(
            "generation ended",
            extra={
                "generation_id": generation.generation_id, "status": result["status"],
                "error_class": result.get("error_class"), "seconds": round(time.monotonic() - started, 3),
            },
        )  # fmt: skip
        return True

    def _ended(self, generation: ClaimedGeneration) -> dict[str, Any] | None:
        """How the run ended; None when that is no longer for this process to say."""
        told = {"generation_id": generation.generation_id}
        try:
            return {"status": "complete", "output": self._output(generation)}
        except Lost:
            log.warning("a generation was taken over", extra=told)
            return None
        except GenerationCanceled:
            if self._stopping.is_set():
                return None  # this process stops: the lease ends, and another process does it again
            return {"status": "canceled"}
        except LinError as error:
            return {"status": "failed", "error_class": error_class(error), "error": str(error)}
        except Exception:
            log.exception("a generation failed unexpectedly", extra=told)
            return {
                "status": "failed",
                "error_class": "internal",
                "error": "Something went wrong on Lin's side.",
            }

    def _output(self, generation: ClaimedGeneration) -> dict[str, Any]:
        if self._writer is None:
            raise SpaceUnavailable("This server has no writer Space (WRITER_SPACE).")
        reporter = Reporter(self._store, generation, self._writer.space, self._written)
        reporter.report(Progress("running"))
        request = self._request(generation.input)
        drafter = Drafter(
            self._writer, reporter, _limits(generation.input), self._ruler,
            canceled=lambda: self._stopping.is_set() or reporter.canceled(),
            deadline_seconds=self._deadline_seconds,
        )  # fmt: skip
        first = drafter.write(request)
        variants = [first.facts]
        output: dict[str, Any] = {
            name: first.facts[name] for name in ("text", "length", "max_length")
        }
        if first.image is not None:
            output["media_id"] = self._save_image(generation, first.image, request.title)
        for number in range(2, request.variants + 1):
            try:
                variants.append(drafter.write(replace(request, variant=number, image=False)).facts)
            except GenerationCanceled:
                raise
            except SpaceError as error:
                output["note"] = (
                    f"{number - 1} of {request.variants} variants were written. {error}"
                )
                break
        _name_twins(variants)
        return output | {"variants": variants}

    def _request(self, wanted: Mapping[str, Any]) -> WriteRequest:
        article = wanted.get("article")
        if "instruction" in wanted:
            title, url = (article or {}).get("title") or "", (article or {}).get("url")
            article = {"title": title, "text": wanted["draft"], "url": url}
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
            task="rework" if "instruction" in wanted else "write",
            instruction=wanted.get("instruction"),
            variants=int(wanted.get("variants", 1)),
        )

    def _save_image(self, generation: ClaimedGeneration, content: bytes, title: str) -> str:
        try:
            facts = self._inspector.inspect(io.BytesIO(content))
        except MediaRejected as error:
            raise SpaceAnswerUnusable(f"The Space's image cannot be used: {error}") from error
        ending = facts.mime.rsplit("/", 1)[-1]
        media_id = str(uuid.uuid5(_RESULT_IDS, generation.generation_id))
        path = f"{generation.user_id}/generated/{generation.generation_id}.{ending}"
        self._results.save_media(
            media_id, generation.user_id, path, content, facts, title[:300] or None
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
                self._written(generation.generation_id)
                return


def _limits(wanted: Mapping[str, Any]) -> Mapping[str, Mapping[str, Any]]:
    """Name and limit of each platform; a slot's draft is for one and says only its limit."""
    only = {wanted["platform"]: {"name": wanted["platform"], "max": wanted["max_length"]}}
    limits: Mapping[str, Mapping[str, Any]] = wanted.get("limits", only)
    return limits


def _name_twins(variants: list[dict[str, Any]]) -> None:
    """Say of a variant that it is the same as an earlier one: a Space that knows no variants writes one text again and again."""
    texts = [variant["text"] for variant in variants]
    for number, variant in enumerate(variants):
        first = texts.index(variant["text"])
        if first < number:
            said = f"The Space wrote the same as in variant {first + 1}."
            variant["note"] = f"{variant['note']} {said}" if "note" in variant else said

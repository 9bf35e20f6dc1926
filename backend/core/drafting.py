"""One variant of a draft: written by the model, and made to fit the platforms that it is for."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from .errors import GenerationCanceled, SpaceError
from .fitting_text import Limits, Ruler
from .models import Model, WriteRequest, Written
from .progress_reporting import Reporter

log = logging.getLogger("lin.generating")

# With less time than this left, a repair is not begun.
_SHORTEST_REPAIR_SECONDS = 2.0


@dataclass(frozen=True)
class Variant:
    """A text that fits; `facts` are how it is kept: text, length, max_length, repaired, trimmed, and a note if there is one."""

    facts: dict[str, Any]
    image: bytes | None


class Drafter:
    """Writes the variants of one draft. A text that is too long goes back to the model once; what is still too long is trimmed."""

    def __init__(
        self,
        writer: Model,
        reporter: Reporter,
        limits: Mapping[str, Mapping[str, Any]],
        ruler: Ruler,
        *,
        canceled: Callable[[], bool],
        deadline_seconds: float,
    ) -> None:
        """`limits` are name and max by the platform's id; the deadline is that of each variant with its repair."""
        self._writer = writer
        self._reporter = reporter
        self._names = {platform: str(limit["name"]) for platform, limit in limits.items()}
        self._limits = Limits({name: int(limit["max"]) for name, limit in limits.items()}, ruler)
        self._canceled = canceled
        self._deadline_seconds = deadline_seconds

    def write(self, request: WriteRequest) -> Variant:
        """The variant that the request asks for. Raises what `Model.write` raises, and Lost."""
        ends = time.monotonic() + self._deadline_seconds
        self._reporter.begin(request.variant)
        written = self._ask(request, self._deadline_seconds)
        text, repaired, notes = written.text, False, []
        if not self._limits.fits(text):
            shorter = self._repaired(request, text, ends)
            if shorter is not None:
                text, repaired = shorter, True
                notes.append("The first text was too long; the Space shortened it.")
        trimmed = self._limits.trim(text)
        if trimmed.how:
            room = self._limits.tightest(text)
            notes.append(
                f"The text had {room.length} characters, and {self._names[room.platform]} takes at most {room.longest}. "
                f"Lin shortened it: {trimmed.how}."
            )
        room = self._limits.tightest(trimmed.text)
        facts: dict[str, Any] = {
            "text": trimmed.text, "length": room.length, "max_length": room.longest,
            "repaired": repaired, "trimmed": bool(trimmed.how),
        }  # fmt: skip
        return Variant(facts | ({"note": " ".join(notes)} if notes else {}), written.image)

    def _ask(self, request: WriteRequest, seconds: float) -> Written:
        written = self._writer.write(
            request,
            on_progress=self._reporter.report,
            canceled=self._canceled,
            deadline_seconds=seconds,
        )
        self._reporter.raise_if_over()
        return written

    def _repaired(self, request: WriteRequest, text: str, ends: float) -> str | None:
        """The text as the model shortens it; None where it cannot, or did not make it shorter."""
        seconds = round(ends - time.monotonic(), 1)  # it is said when it is over
        if seconds < _SHORTEST_REPAIR_SECONDS:
            return None
        room = self._limits.tightest(text)
        wish = replace(
            request, task="rework", text=text, image=False, instruction=(
                f"Shorten it to at most {room.longest} characters as {self._names[room.platform]} counts; it has {room.length} now. "
                "Keep its language, and the links and hashtags at its end."
            ),
        )  # fmt: skip
        self._reporter.begin(request.variant, repairing=True)
        try:
            shorter = self._ask(wish, seconds).text
        except GenerationCanceled:
            raise
        except SpaceError as error:
            log.info("a draft was not repaired", extra={"error_class": type(error).__name__})
            return None
        return shorter if len(shorter) < len(text) else None

"""Variants of a draft with a model that says what a test wants: repaired once, trimmed, and how that is told."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from backend.core.drafting import Drafter
from backend.core.errors import GenerationCanceled, LinError, SpaceFailed, SpaceTimedOut
from backend.core.models import ChatRequest, Progress, Spoken, WriteRequest, Written
from backend.core.progress_reporting import Lost, Reporter
from backend.core.records import ClaimedGeneration
from backend.platforms.ruler import Ruler

RUN = ClaimedGeneration("g", "u", {}, 1)
REQUEST = WriteRequest("Bridges", "Twelve bridges.", None, "x", None, None, 20, image=True)
LIMITS = {"x": {"name": "X", "max": 20}, "linkedin": {"name": "LinkedIn", "max": 3000}}


@dataclass
class Scripted:
    """A model whose answers are written down: texts, errors, or what it does."""

    answers: list[str | LinError]
    asked: list[tuple[WriteRequest, float]] = field(default_factory=list)
    space: str = "a/space"

    def write(
        self,
        request: WriteRequest,
        *,
        on_progress: Callable[[Progress], None],
        canceled: Callable[[], bool],
        deadline_seconds: float,
    ) -> Written:
        self.asked.append((request, deadline_seconds))
        answer = self.answers.pop(0)
        if isinstance(answer, LinError):
            raise answer
        on_progress(Progress("running", text=answer[:5]))
        canceled()
        return Written(answer, b"picture" if request.image else None)

    def chat(self, request: ChatRequest, **_: Any) -> str:
        raise NotImplementedError

    def speak(self, text: str, **_: Any) -> Spoken:
        raise NotImplementedError

    def embed(self, texts: Sequence[str], *, deadline_seconds: float) -> list[list[float]]:
        raise NotImplementedError


@dataclass
class Rows:
    """Where progress goes; answers with a verdict."""

    verdict: str = "go on"
    written: list[dict[str, Any]] = field(default_factory=list)

    def record_generation_progress(
        self, _run: ClaimedGeneration, status: str, space: str, progress: dict[str, Any], _seconds: int
    ) -> str:  # fmt: skip
        self.written.append({"status": status, "space": space, **progress})
        return self.verdict


def drafter(model: Scripted, rows: Rows | None = None, seconds: float = 60) -> Drafter:
    reporter = Reporter(rows or Rows(), RUN, model.space, lambda _: None)
    return Drafter(
        model, reporter, LIMITS, Ruler({}, len), canceled=reporter.canceled, deadline_seconds=seconds
    )  # fmt: skip


def test_a_text_that_fits_is_left_alone() -> None:
    variant = drafter(Scripted(["Twelve bridges."])).write(REQUEST)
    assert variant.facts == {
        "text": "Twelve bridges.", "length": 15, "max_length": 20, "repaired": False, "trimmed": False,
    }  # fmt: skip
    assert variant.image == b"picture"


def test_a_text_that_is_too_long_is_repaired_by_the_model() -> None:
    model = Scripted(["Twelve bridges were renovated.", "Twelve new bridges."])
    variant = drafter(model).write(REQUEST)
    assert variant.facts["text"] == "Twelve new bridges."
    assert (variant.facts["repaired"], variant.facts["trimmed"]) == (True, False)
    assert "the Space shortened it" in variant.facts["note"]
    wish, _ = model.asked[1]
    assert (wish.task, wish.text, wish.image) == ("rework", "Twelve bridges were renovated.", False)
    assert "at most 20 characters as X counts" in (wish.instruction or "")
    assert variant.image == b"picture", "the picture is that of the first answer"


def test_what_is_still_too_long_is_trimmed_after_one_repair() -> None:
    model = Scripted(
        ["Twelve bridges were renovated by the city.", "Twelve bridges were renovated."]
    )
    facts = drafter(model).write(REQUEST).facts
    assert facts["text"] == "Twelve bridges were…"
    assert (facts["repaired"], facts["trimmed"]) == (True, True)
    assert "The text had 30 characters, and X takes at most 20." in facts["note"]
    assert "cut at the last word that fits" in facts["note"]
    assert len(model.asked) == 2


@pytest.mark.parametrize("error", [SpaceFailed("No."), SpaceTimedOut("Too late.")])
def test_a_repair_that_fails_costs_no_draft(error: LinError) -> None:
    facts = drafter(Scripted(["Twelve bridges were renovated.", error])).write(REQUEST).facts
    assert (facts["repaired"], facts["trimmed"]) == (False, True)


def test_a_repair_that_makes_it_longer_is_none() -> None:
    model = Scripted(
        ["Twelve bridges were renovated.", "Here is the shortened text: Twelve bridges."]
    )
    facts = drafter(model).write(REQUEST).facts
    assert (facts["text"], facts["repaired"]) == ("Twelve bridges were…", False)


def test_a_canceled_repair_cancels_the_draft() -> None:
    model = Scripted(["Twelve bridges were renovated.", GenerationCanceled("canceled")])
    with pytest.raises(GenerationCanceled):
        drafter(model).write(REQUEST)


def test_with_no_time_left_nothing_is_repaired() -> None:
    model = Scripted(["Twelve bridges were renovated."])
    facts = drafter(model, seconds=1).write(REQUEST).facts
    assert (facts["text"], facts["repaired"]) == ("Twelve bridges were…", False)


def test_the_repair_has_what_is_left_of_the_deadline() -> None:
    model = Scripted(["Twelve bridges were renovated.", "Twelve new bridges."])
    drafter(model, seconds=60).write(REQUEST)
    (_, whole), (_, rest) = model.asked
    assert whole == 60
    assert rest <= 60


@pytest.mark.parametrize(
    ("verdict", "raised"), [("cancel", GenerationCanceled), ("lost", Lost)], ids=["canceled", "lost"]
)  # fmt: skip
def test_a_result_is_dropped_when_the_row_says_so(verdict: str, raised: type[Exception]) -> None:
    with pytest.raises(raised):
        drafter(Scripted(["Twelve bridges."]), Rows(verdict)).write(REQUEST)


def test_the_first_text_is_written_at_once_and_says_its_variant() -> None:
    rows = Rows()
    reporter = Reporter(rows, RUN, "a/space", lambda _: None, monotonic=lambda: 5.0)
    reporter.report(Progress("queued", queue_position=2))
    reporter.begin(2)
    reporter.report(Progress("running", text="Tw"))
    reporter.report(Progress("running", text="Twelve"))  # too soon after
    assert rows.written == [
        {"status": "running", "space": "a/space", "queue_position": 2, "variant": 1},
        {"status": "running", "space": "a/space", "text": "Tw", "variant": 2},
    ]


def test_each_write_is_told() -> None:
    told: list[str] = []
    Reporter(Rows(), RUN, "a/space", told.append).report(Progress("waking"))
    assert told == ["g"]


def test_writes_of_two_threads_do_not_mix() -> None:
    inside, go_on = threading.Event(), threading.Event()

    class Slow(Rows):
        def record_generation_progress(self, *told: Any) -> str:
            inside.set()
            assert go_on.wait(20)
            return super().record_generation_progress(*told)

    rows = Slow()
    reporter = Reporter(rows, RUN, "a/space", lambda _: None)
    writing = threading.Thread(target=reporter.report, args=(Progress("running", text="a"),))
    writing.start()
    assert inside.wait(20)
    assert reporter.canceled() is False  # does not wait for the other
    go_on.set()
    writing.join(20)
    assert len(rows.written) == 1

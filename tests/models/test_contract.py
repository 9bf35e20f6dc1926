"""What every `Model` does, whichever kind it is: the same tests for a Gradio Space and for OpenAI-compatible endpoints."""

from __future__ import annotations

import array
import io
import math
import threading
import wave
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import pytest

from backend.core.errors import GenerationCanceled, SpaceTimedOut
from backend.core.models import Model, Progress, Turn
from tests.models import rigs
from tests.models.conftest import PATIENCE_SECONDS, Ran
from tests.models.endpoint import Endpoint
from tests.models.rigs import KEY, Part, Rig
from tests.space.conftest import LocalSpace
from tests.waiting import until

DRAFT = (
    "Lyon renovated twelve bridges in 2024. The work took three years. It cost less than planned. The steel came from "
    "old ships, which were taken apart in Marseille. The oldest bridge had been closed since the flood of 2003, and "
    "nobody expected it to open again. Now trams cross it every six minutes, on weekdays and on Sundays."
)


@pytest.fixture(scope="module")
def local_space() -> Iterator[LocalSpace]:
    running = LocalSpace()
    yield running
    running.stop()


@pytest.fixture(params=["Gradio Space", "face of the Space", "strict endpoint"])
def rig(request: pytest.FixtureRequest) -> Rig:
    """Each implementation in turn, without orders of other tests."""
    if request.param == "strict endpoint":
        running: Endpoint = request.getfixturevalue("endpoint")
        return rigs.endpoint(running)
    space: LocalSpace = request.getfixturevalue("local_space")
    space.control("orders", "DELETE")
    return rigs.space(space) if request.param == "Gradio Space" else rigs.face(space)


@pytest.fixture
def model(rig: Rig) -> Model:
    return rig.model


# ---- write


def test_it_writes_a_clean_text_within_the_asked_length(model: Model, ran: Ran) -> None:
    written = ran.write(model, max_length=300)
    assert 20 < len(written.text) <= 300
    assert written.text == written.text.strip()
    assert "bridges" in written.text
    assert (written.image, written.image_mime) == (None, None)


def test_an_image_comes_with_its_type_or_not_at_all(model: Model, ran: Ran) -> None:
    written = ran.write(model, image=True)
    assert written.text
    assert (written.image is None) == (written.image_mime is None)
    if written.image is not None:
        assert written.image_mime == "image/png"
        assert written.image.startswith(b"\x89PNG")


def test_it_reworks_a_draft(model: Model, ran: Ran) -> None:
    written = ran.write(model, title="", text=DRAFT, url=None, task="rework", instruction="shorter")
    assert written.text
    assert len(written.text) < len(DRAFT)
    assert "bridges" in written.text


# ---- chat


def test_it_answers_from_the_passages_and_cites_them(model: Model, ran: Ran) -> None:
    answer = ran.chat(model)
    assert "twelve bridges" in answer
    assert "[1]" in answer
    assert "bakery" not in answer


@pytest.mark.parametrize(
    "history",
    [
        (Turn("user", "Hello."), Turn("assistant", "Hello. What did you read?")),
        (Turn("assistant", "Hello."),),
        (Turn("user", "Hello."), Turn("user", "Are you there?")),
        (Turn("user", " "), Turn("assistant", "")),
    ],
    ids=["in turns", "its beginning cut off", "without an answer", "empty turns"],
)
def test_it_takes_any_history(model: Model, ran: Ran, history: Sequence[Turn]) -> None:
    assert "twelve bridges" in ran.chat(model, history=history, language="en")


# ---- progress


@pytest.mark.parametrize("part", ["write", "chat"])
def test_its_text_grows_until_it_is_the_answer(model: Model, ran: Ran, part: Part) -> None:
    answer = ran.chat(model) if part == "chat" else ran.write(model).text
    assert ran.states[-1] == "running"
    texts = ran.texts
    assert texts[-1] == answer
    assert all(after.startswith(before) for before, after in pairwise(texts))
    assert len(ran.progress) == len(set(ran.progress))


@pytest.mark.parametrize("part", ["write", "chat"])
def test_it_reports_the_first_piece_while_the_rest_is_still_to_come(
    rig: Rig, ran: Ran, part: Part
) -> None:
    rig.misbehave("slow", part)
    ran.on_progress = cancel_at_a_text(ran)
    with pytest.raises(GenerationCanceled):
        call(part, rig.model, ran)
    assert ran.texts


def cancel_at_a_text(ran: Ran) -> Callable[[Progress], None]:
    return lambda progress: ran.cancel.set() if progress.text else None


# ---- cancel and deadline


def call(part: Part, model: Model, ran: Ran, seconds: float = PATIENCE_SECONDS) -> object:
    match part:
        case "write":
            return ran.write(model, deadline_seconds=seconds)
        case "chat":
            return ran.chat(model, deadline_seconds=seconds)
        case "speak":
            return model.speak("Hello.", voice=None, canceled=ran.cancel.is_set, deadline_seconds=seconds)  # fmt: skip
        case _:
            return model.embed(["Hello."], deadline_seconds=seconds)


@pytest.mark.parametrize("part", ["write", "chat", "speak"])
def test_it_ends_when_it_is_canceled_though_nothing_comes(rig: Rig, ran: Ran, part: Part) -> None:
    def cancel() -> None:
        try:
            until(rig.reached, "the call to arrive")
        finally:
            ran.cancel.set()

    rig.misbehave("silent", part)
    canceling = threading.Thread(target=cancel)
    canceling.start()
    with pytest.raises(GenerationCanceled):
        call(part, rig.model, ran)
    canceling.join()
    assert rig.reached()


@pytest.mark.parametrize("part", ["write", "chat", "speak", "embed"])
def test_it_ends_at_the_deadline_though_nothing_comes(rig: Rig, ran: Ran, part: Part) -> None:
    rig.misbehave("silent", part)
    with pytest.raises(SpaceTimedOut, match="within 1 s"):
        call(part, rig.model, ran, seconds=1)


def test_it_serves_on_after_a_call_that_was_canceled(rig: Rig, ran: Ran) -> None:
    rig.misbehave("slow", "chat")
    ran.on_progress = cancel_at_a_text(ran)
    with pytest.raises(GenerationCanceled):
        ran.chat(rig.model)
    assert "twelve bridges" in Ran().chat(rig.model)


# ---- voice


def test_it_speaks_so_that_one_can_hear_it(model: Model) -> None:
    spoken = model.speak("Lyon renovated twelve bridges.", voice=None, canceled=lambda: False, deadline_seconds=PATIENCE_SECONDS)  # fmt: skip
    assert spoken.mime == "audio/wav"
    assert loudness(spoken.audio) > 300


def test_it_speaks_longer_about_more(model: Model) -> None:
    short, long = (
        model.speak(text, voice=None, canceled=lambda: False, deadline_seconds=PATIENCE_SECONDS)
        for text in ("Bridges.", "Lyon renovated twelve bridges, and the work took three years.")
    )
    assert seconds_of(long.audio) > 1.5 * seconds_of(short.audio) > 0


def seconds_of(audio: bytes) -> float:
    with wave.open(io.BytesIO(audio)) as file:
        return file.getnframes() / file.getframerate()


def loudness(audio: bytes) -> float:
    """The root of the mean square of 16-bit samples: 0 is silence, 32,767 the loudest."""
    with wave.open(io.BytesIO(audio)) as file:
        samples = array.array("h", file.readframes(file.getnframes()))
    return math.sqrt(sum(sample * sample for sample in samples) / max(1, len(samples)))


# ---- vectors


def test_it_embeds_each_text_to_a_vector_of_one_length(model: Model) -> None:
    texts = [f"Sentence number {number} is about bridges." for number in range(70)]
    vectors = model.embed(texts, deadline_seconds=PATIENCE_SECONDS)
    assert len(vectors) == 70
    assert len({len(vector) for vector in vectors}) == 1
    assert all(math.isfinite(number) for vector in vectors for number in vector)


def test_a_text_has_the_same_vector_wherever_it_stands(model: Model) -> None:
    texts = [f"Sentence number {number} is about bridges." for number in range(40)]
    forth = model.embed(texts, deadline_seconds=PATIENCE_SECONDS)
    back = model.embed(texts[::-1], deadline_seconds=PATIENCE_SECONDS)[::-1]
    assert all(math.dist(one, other) < 1e-4 for one, other in zip(forth, back, strict=True))
    assert math.dist(forth[0], forth[1]) > 1e-3


def test_similar_texts_are_nearer_than_different_ones(model: Model) -> None:
    bridge, crossing, bread = model.embed(
        ["The city renovated a bridge over the river.", "A bridge over the river was renovated by the city.", "Bakers sell fresh bread every morning."],
        deadline_seconds=PATIENCE_SECONDS,
    )  # fmt: skip
    assert cosine(bridge, crossing) > cosine(bridge, bread) + 0.1


def cosine(one: Sequence[float], other: Sequence[float]) -> float:
    product = sum(a * b for a, b in zip(one, other, strict=True))
    return product / (math.hypot(*one) * math.hypot(*other))


def test_no_texts_have_no_vectors(model: Model) -> None:
    assert model.embed([], deadline_seconds=PATIENCE_SECONDS) == []


# ---- sharing and secrets


def test_threads_share_it_without_mixing_their_answers(model: Model) -> None:
    def write(number: int) -> str:
        title = f"Story {number}"
        text = f"{title} tells of {number} bridges in Lyon. The work took {number} years."
        return Ran().write(model, title=title, text=text).text

    with ThreadPoolExecutor(4) as threads:
        texts = list(threads.map(write, range(101, 105)))
    assert all(texts)
    if len(set(texts)) > 1:  # an endpoint that always says the same mixes nothing
        assert all(str(number) in text for number, text in zip(range(101, 105), texts, strict=True))


def test_it_says_what_it_is_without_its_secrets(model: Model) -> None:
    assert model.space.startswith("http://127.0.0.1:")
    assert KEY not in f"{model!r} {model} {model.space} {vars(model)!r}"

"""The examples of ADDING.md, run as they stand there."""

from __future__ import annotations

import io
import re
import wave
from pathlib import Path

import pytest
from PIL import Image

from backend.spaces import embedding, mentor, voice, writer

GUIDE = Path(__file__).parents[3] / "backend" / "spaces" / "ADDING.md"
EXAMPLES = re.findall(r"```python\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)


@pytest.fixture(scope="module")
def served(apps):
    """The URL of an example by its number."""
    return [apps.serve(source) for source in EXAMPLES]


def test_there_are_two_examples():
    assert len(EXAMPLES) == 2


def test_the_first_example_writes_and_chats(served, connected, ran):
    space = connected(served[0])
    assert re.fullmatch(r"You wrote \d+ characters to me\.", ran.write(space).text)
    answer = ran.chat(space, "How many?")
    assert re.fullmatch(r"You wrote \d+ characters to me\.", answer)
    assert len({progress.text for progress in ran.progress if progress.text}) >= 4


def test_the_second_example_writes_speaks_and_embeds(served, connected, ran):
    space = connected(served[1])
    written = ran.write(space, max_length=100)
    assert written.text.startswith("Bridges of Lyon (warm): The city of Lyon renovated")
    assert Image.open(io.BytesIO(written.image)).size == (8, 6)
    spoken = space.speak("Hello.", voice="Blaise", canceled=lambda: False, deadline_seconds=30)
    with wave.open(io.BytesIO(spoken.audio)) as sound:
        assert (sound.getframerate(), sound.getnframes()) == (8000, 24)
    assert space.embed(["two words", "one"], deadline_seconds=30) == [[9.0, 1.0], [3.0, 0.0]]


@pytest.mark.parametrize("kind", [writer, mentor, voice, embedding])
def test_the_guide_names_every_endpoint_that_is_preferred(kind):
    told = GUIDE.read_text(encoding="utf-8")
    assert [name for name in kind.ENDPOINTS if f"`{name}`" not in told] == []

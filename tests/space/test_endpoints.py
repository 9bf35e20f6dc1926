"""`/chat`, `/speak`, `/embed` and reworking `/write` of the running Space, with Gradio's own client."""

from __future__ import annotations

import array
import io
import math
import urllib.request
import wave

import pytest

PASSAGES = [
    {
        "number": 1,
        "title": "Lyon renews its bridges",
        "text": "The city of Lyon renovated twelve bridges in 2024. The work cost thirty million euros.",
        "url": "https://news.example/bridges",
    },
    {"number": 2, "title": "Tomatoes", "text": "Tomatoes need sun.", "url": None},
]
SHORT, LONG = (
    "The bridges are open.",
    "The bridges are open. Cyclists have a lane. The work is done. " * 3,
)


class Sound:
    """A decoded WAV."""

    def __init__(self, content: bytes) -> None:
        with wave.open(io.BytesIO(content)) as sound:
            self.rate, self.channels = sound.getframerate(), sound.getnchannels()
            self.samples = array.array("h", sound.readframes(sound.getnframes()))

    @property
    def seconds(self) -> float:
        return len(self.samples) / self.rate

    @property
    def loudness(self) -> float:
        """Root mean square of the samples; silence is 0, full scale 32767."""
        return math.sqrt(sum(sample * sample for sample in self.samples) / len(self.samples))


def spoken(client, text: str, voice: str = "") -> Sound:
    file = client.predict(text, voice, api_name="/speak")
    with urllib.request.urlopen(file["url"], timeout=60) as answer:  # noqa: S310  loopback
        return Sound(answer.read())


def test_an_answer_streams_in_about_twelve_pieces_that_only_grow(client):
    job = client.submit("How much did the work cost?", [], PASSAGES, "", api_name="/chat")
    answer = job.result(60)
    assert "The work cost thirty million euros. [1]" in answer
    pieces = job.outputs()
    assert 8 <= len(pieces) <= 14
    assert all(answer.startswith(piece) for piece in pieces)
    assert len(pieces[0]) < len(answer) / 4


def test_history_and_passages_may_be_left_out(client):
    answer = client.predict("What about the bridges?", api_name="/chat")
    assert answer.startswith("I found nothing about this in your sources.")


def test_history_tells_what_a_short_question_is_about(client):
    history = [{"role": "user", "content": "Bridges?"}, {"role": "assistant", "content": "Yes."}]
    answer = client.predict("And what did they cost?", history, PASSAGES, "fr", api_name="/chat")
    assert answer.startswith("Vos sources disent :")


@pytest.mark.parametrize(
    ("message", "history", "passages", "said"),
    [
        (" ", [], [], "no question"),
        ("x", [], [{"number": "one", "text": ""}], "passages.0.number"),
        ("x", [], [{"number": 1}], "passages.0.text"),
        ("x", [], {"number": 1}, "passages"),
        ("x", ["hello"], [], "history.0"),
    ],
)
def test_a_chat_that_makes_no_sense_is_refused_in_words(client, message, history, passages, said):
    with pytest.raises(Exception, match=said):
        client.predict(message, history, passages, "", api_name="/chat")


def test_speech_is_audible_and_grows_with_the_text(client):
    short, long = spoken(client, SHORT, "en"), spoken(client, LONG, "en")
    assert (short.rate, short.channels) == (22050, 1)
    assert 0.8 < short.seconds < 4
    assert long.seconds > 5 * short.seconds
    assert min(short.loudness, long.loudness) > 500


def test_two_voices_sound_different_and_one_voice_always_the_same(client):
    english, french = spoken(client, SHORT, "en"), spoken(client, SHORT, "fr")
    assert english.samples != french.samples
    assert english.samples == spoken(client, SHORT, "EN").samples


def test_without_a_voice_the_language_of_the_text_decides(client):
    french = "La ville de Lyon a rénové les ponts et elle est contente."
    assert spoken(client, french).samples == spoken(client, french, "fr").samples
    assert spoken(client, french).samples != spoken(client, french, "en").samples


@pytest.mark.parametrize(
    ("text", "voice", "said"),
    [
        ("Hi", "klingon", "Voices: en, en-us, en-f, fr"),
        ("  ", "en", "nothing to say"),
        ("a" * 5001, "en", "at most 5000"),
    ],
)
def test_speech_that_cannot_be_is_refused_in_words(client, text, voice, said):
    with pytest.raises(Exception, match=said):
        client.predict(text, voice, api_name="/speak")


def test_related_texts_have_near_vectors(client):
    bridges, crossings, tomatoes, empty = client.predict(
        ["The bridges were renovated", "Repaired river crossings", "A recipe with tomatoes", ""],
        api_name="/embed",
    )
    for vector in (bridges, crossings, tomatoes, empty):
        assert len(vector) == 256
        assert math.isclose(math.hypot(*vector), 1, abs_tol=1e-4)
    near = sum(a * b for a, b in zip(bridges, crossings, strict=True))
    far = sum(a * b for a, b in zip(bridges, tomatoes, strict=True))
    assert near > far + 0.1


def test_a_text_has_the_same_vector_alone_and_among_others(client):
    alone = client.predict(["Bridges of Lyon"], api_name="/embed")
    among = client.predict(["x " * 200, "Bridges of Lyon"], api_name="/embed")
    assert alone[0] == among[1]
    assert client.predict([], api_name="/embed") == []


@pytest.mark.parametrize("texts", ["a text", [1, 2], {"a": "b"}, ["x"] * 257])
def test_texts_that_are_no_list_of_texts_are_refused(client, texts):
    with pytest.raises(Exception, match=r"list of strings|At most 256"):
        client.predict(texts, api_name="/embed")


def test_a_draft_is_reworked_as_told_and_variants_differ(client):
    def written(text: str, **more: object) -> str:
        return client.predict(
            title="", text=text, with_image=False, max_length=3000, api_name="/write", **more
        )[0]

    draft = written(PASSAGES[0]["text"] + " Cyclists have a lane. The mayor wants more.")
    warmer = written(draft, task="rework", instruction="warmer")
    assert warmer.startswith("Something worth sharing today: ")
    first, second = (written(PASSAGES[0]["text"], variant=number, variants=2) for number in (1, 2))
    assert first != second


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"task": "rework", "title": "x", "text": " "}, "nothing to rework"),
        ({"variant": 11, "title": "x", "text": ""}, "variant must be"),
    ],
)
def test_a_rework_of_nothing_and_a_far_variant_are_refused(client, more, said):
    with pytest.raises(Exception, match=said):
        client.predict(with_image=False, api_name="/write", **more)


def test_the_page_owns_up_to_what_each_of_its_parts_is(space):
    with urllib.request.urlopen(space.url, timeout=60) as answer:  # noqa: S310  loopback
        page = answer.read().decode()
    for said in ("There is no model here", "mechanical voice", "averages of static vectors"):
        assert said in page

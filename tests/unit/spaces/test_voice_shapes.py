"""What voices are sent and what they return: each shape from a real Gradio app."""

from __future__ import annotations

import array
import io
import struct
import threading
import wave

import pytest

from backend.core.errors import (
    GenerationCanceled,
    SpaceAnswerUnusable,
    SpaceFailed,
    SpaceTimedOut,
    SpaceUnavailable,
)
from backend.spaces import connect
from backend.spaces._signature import find_endpoint
from backend.spaces._sounds import read_sound, sound_mime
from backend.spaces.voice import arguments


def speak(model, text="Hello.", *, voice=None, canceled=lambda: False, deadline_seconds=30):
    return model.speak(text, voice=voice, canceled=canceled, deadline_seconds=deadline_seconds)


def samples_of(sound: bytes) -> array.array:
    with wave.open(io.BytesIO(sound)) as file:
        assert file.getframerate() == 16_000
        return array.array("h", file.readframes(file.getnframes()))


@pytest.mark.parametrize(
    "path", ["says", "says_file", "says_pair", "says_samples", "says_url", "says_url_text"]
)
def test_a_sound_is_found_wherever_the_space_puts_it(apps, model, path):
    spoken = speak(model(path))
    assert spoken.mime == "audio/wav"
    samples = samples_of(spoken.audio)
    assert len(samples) == 1600
    assert 7000 < max(samples) <= 32767, "a tone, at the loudness that the Space gave it"
    assert apps.received()[-1]["text"] == "Hello."


def test_a_voice_is_chosen_as_the_space_spells_it(apps, model):
    space = model("says")
    for asked, sent in (("ada", "Ada"), (None, "Blaise"), ("Nobody", "Blaise")):
        speak(space, voice=asked)
        assert apps.received()[-1] == {
            "text": "Hello.", "voice": sent, "language": "English", "speed": 0.5,
        }  # fmt: skip


@pytest.mark.parametrize(
    ("path", "complaint"),
    [
        ("says_nothing", "without any sound"),
        ("says_words", "without any sound"),
        ("says_fake", "not a WAV, MP3, OGG, FLAC or M4A"),
        ("says_huge", "larger than 20 MB"),
        ("number_only", "no named endpoint that makes a sound of a text"),
    ],
)
def test_an_answer_nobody_can_hear_says_why(model, path, complaint):
    with pytest.raises(SpaceAnswerUnusable) as refused:
        speak(model(path))
    assert complaint in str(refused.value)


def test_an_error_of_the_space_is_handed_on(model):
    with pytest.raises(SpaceFailed, match="reported: The voice is hoarse"):
        speak(model("says"), "fail")


def test_a_voice_that_hangs_is_left_at_the_deadline(silent_url):
    with pytest.raises(SpaceTimedOut, match=r"did not answer within 0\.5 s"):
        speak(connect(silent_url), deadline_seconds=0.5)


def test_a_voice_that_is_down_is_waited_for_until_the_deadline(free_port):
    with pytest.raises(SpaceUnavailable, match=r"did not wake up within 0\.6 s"):
        speak(connect(f"http://127.0.0.1:{free_port}"), deadline_seconds=0.6)


def test_speech_nobody_waits_for_is_canceled(silent_url):
    gone = threading.Event()
    gone.set()
    with pytest.raises(GenerationCanceled):
        speak(connect(silent_url), canceled=gone.is_set)


@pytest.mark.parametrize(
    ("start", "mime"),
    [
        (b"RIFF\x24\x00\x00\x00WAVEfmt ", "audio/wav"),
        (b"ID3\x04\x00\x00", "audio/mpeg"),
        (b"\xff\xfb\x90\x64", "audio/mpeg"),
        (b"\xff\xf3\x40\xc4", "audio/mpeg"),
        (b"OggS\x00\x02", "audio/ogg"),
        (b"fLaC\x00\x00\x00\x22", "audio/flac"),
        (b"\x00\x00\x00\x20ftypM4A \x00", "audio/mp4"),
    ],
)
def test_a_sound_is_what_its_first_bytes_say(start, mime):
    assert sound_mime(start + bytes(64)) == mime


@pytest.mark.parametrize(
    "start",
    [
        b"",
        b"\xff",
        b"\xff\xf1\x50\x80",
        b"RIFF\x00\x00\x00\x00WEBP",
        b"\x00\x00\x00\x20ftypheic",
        b"<html>",
    ],
)
def test_what_is_no_sound_is_refused(start):
    with pytest.raises(SpaceAnswerUnusable, match="not a WAV"):
        sound_mime(start)


def wav_of(value: object) -> tuple[int, list[int]]:
    sound = read_sound(value, lambda file: b"")
    with wave.open(io.BytesIO(sound)) as file:
        frames = file.readframes(file.getnframes())
        return file.getnchannels(), list(struct.unpack(f"<{len(frames) // 2}h", frames))


@pytest.mark.parametrize(
    ("samples", "channels", "numbers"),
    [
        ([0, 5, -5], 1, [0, 5, -5]),
        ([0.0, 1.0, -2.0], 1, [0, 32767, -32768]),
        ([40_000, -40_000], 1, [32767, -32768]),
        ([[1, 2], [3, 4], [5, 6]], 2, [1, 2, 3, 4, 5, 6]),
        ([[1, 3, 5], [2, 4, 6]], 2, [1, 2, 3, 4, 5, 6]),
        ([[1, 2, 3]], 1, [1, 2, 3]),
    ],
)
def test_samples_become_a_wav_file(samples, channels, numbers):
    assert wav_of([16_000, samples]) == (channels, numbers)
    assert wav_of({"sample_rate": 16_000, "data": samples}) == (channels, numbers)


@pytest.mark.parametrize(
    "value",
    [[16_000, []], [16_000, "abc"], [16_000, [[1], [2, 3]]], [3, [1, 2]], [True, [1]], {"audio": 3},
     [[1, 2], [3, 4]], {"sample_rate": 16_000, "data": ["a"]}],
)  # fmt: skip
def test_numbers_that_are_no_sound_are_not_taken_for_one(value):
    with pytest.raises(SpaceAnswerUnusable, match="without any sound"):
        read_sound(value, lambda file: b"")


def test_samples_that_are_no_numbers_are_refused():
    with pytest.raises(SpaceAnswerUnusable, match="samples are not numbers"):
        read_sound([16_000, [0.1, float("nan")]], lambda file: b"")


def test_a_data_url_that_cannot_be_read_is_refused():
    with pytest.raises(SpaceAnswerUnusable, match="not readable base64"):
        read_sound("data:audio/wav;base64,###", lambda file: b"")


def test_required_inputs_get_the_first_choice_and_the_usual_speed():
    told = {
        "/tts": {
            "parameters": [
                {"parameter_name": "text", "type": {"type": "string"}},
                {"parameter_name": "voice", "type": {"type": "string", "enum": ["a", "b"]}},
                {"parameter_name": "speed", "type": {"type": "number", "minimum": 1.5}},
            ],
            "returns": [{"label": "out", "component": "Audio"}],
        }
    }
    endpoint = find_endpoint({"named_endpoints": told}, ())
    assert arguments(endpoint, "Hi.", None) == {"text": "Hi.", "voice": "a", "speed": 1.5}

"""Reads a sound out of whatever a Gradio endpoint returns: a file, samples with their rate, or a data URL."""

from __future__ import annotations

import array
import base64
import binascii
import io
import sys
import wave
from collections.abc import Iterable, Mapping, Sequence

from backend.core.errors import SpaceAnswerUnusable

from ._answers import MAX_FILE_BYTES, RemoteFile, is_file, too_large
from ._call import Fetch

_RATES = range(4_000, 192_001)
_DEEPEST = 6
_RATE_KEYS = ("sampling_rate", "sample_rate", "sr", "rate")
_SAMPLES_KEYS = ("array", "audio", "data", "samples", "waveform")
_M4A_BRANDS = (b"M4A ", b"M4B ", b"mp42", b"mp41", b"isom", b"iso2", b"dash")


def read_sound(value: object, fetch: Fetch) -> bytes:
    """The first sound in an answer, as a file's bytes; samples become a WAV file.

    Raises SpaceAnswerUnusable when there is none, or one larger than MAX_FILE_BYTES.
    """
    found = _find(value)
    if found is None:
        raise SpaceAnswerUnusable("The Space answered without any sound.")
    return fetch(found) if isinstance(found, RemoteFile) else found


def sound_mime(content: bytes) -> str:
    """The MIME type by the first bytes. Raises SpaceAnswerUnusable when they are not WAV, MP3, OGG, FLAC or M4A."""
    if content.startswith(b"RIFF") and content[8:12] == b"WAVE":
        return "audio/wav"
    if content.startswith(b"ID3") or _is_mpeg_frame(content):
        return "audio/mpeg"
    if content.startswith(b"OggS"):
        return "audio/ogg"
    if content.startswith(b"fLaC"):
        return "audio/flac"
    if content[4:8] == b"ftyp" and content[8:12] in _M4A_BRANDS:
        return "audio/mp4"
    raise SpaceAnswerUnusable("The Space's sound is not a WAV, MP3, OGG, FLAC or M4A file.")


def _is_mpeg_frame(content: bytes) -> bool:
    """Eleven set bits, then a version and a layer that exist; AAC in ADTS has layer 0."""
    if len(content) < 3 or content[0] != 0xFF or content[1] & 0xE0 != 0xE0:
        return False
    version, layer = content[1] >> 3 & 3, content[1] >> 1 & 3
    return version != 1 and layer != 0 and content[2] >> 4 != 15


def _find(value: object, depth: int = 0) -> RemoteFile | bytes | None:
    if isinstance(value, str):
        return _from_data_url(value)
    if depth > _DEEPEST:
        return None
    if isinstance(value, Mapping):
        if is_file(value):
            return RemoteFile(value["path"])
        rate = next((value[key] for key in _RATE_KEYS if key in value), None)
        samples = next((value[key] for key in _SAMPLES_KEYS if key in value), None)
        return _wav(rate, samples) or _first(value.values(), depth)
    if isinstance(value, list | tuple):
        if len(value) == 2 and (sound := _wav(value[0], value[1])):
            return sound
        return None if value and _is_number(value[0]) else _first(value, depth)
    return None


def _first(values: Iterable[object], depth: int) -> RemoteFile | bytes | None:
    found = (_find(value, depth + 1) for value in values)
    return next((sound for sound in found if sound is not None), None)


def _wav(rate: object, samples: object) -> bytes | None:
    """A WAV file of 16-bit samples: whole numbers as they are, fractions as parts of full scale."""
    if isinstance(rate, bool) or not isinstance(rate, int | float) or int(rate) not in _RATES:
        return None
    if not isinstance(samples, Sequence) or isinstance(samples, str) or not samples:
        return None
    frames, channels = _frames(samples)
    if frames is None:
        return None
    scale = 32767 if any(isinstance(sample, float) for sample in frames) else 1
    try:
        numbers = array.array("h", (_clipped(sample * scale) for sample in frames))
    except (ValueError, OverflowError):  # not a number, or an infinite one
        raise SpaceAnswerUnusable("The Space's samples are not numbers.") from None
    if len(numbers) * 2 > MAX_FILE_BYTES:
        raise too_large()
    if sys.byteorder == "big":
        numbers.byteswap()
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setnchannels(channels)
        sound.setsampwidth(2)
        sound.setframerate(int(rate))
        sound.writeframes(numbers.tobytes())
    return file.getvalue()


def _frames(samples: Sequence[object]) -> tuple[list[float] | None, int]:
    """All samples one after the other, and how many channels; frames of channels or channels of samples."""
    if all(_is_number(sample) for sample in samples):
        return list(samples), 1  # type: ignore[arg-type]
    rows = [row for row in samples if isinstance(row, Sequence) and not isinstance(row, str)]
    if len(rows) != len(samples) or len({len(row) for row in rows}) != 1:
        return None, 0
    if len(rows) <= 2 < len(rows[0]):
        rows = list(zip(*rows, strict=True))
    flat = [sample for row in rows for sample in row]
    channels = len(rows[0])
    return (flat, channels) if channels in (1, 2) and all(map(_is_number, flat)) else (None, 0)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _clipped(sample: float) -> int:
    return max(-32768, min(32767, round(sample)))


def _from_data_url(text: str) -> bytes | None:
    head, comma, _ = text[:96].partition(",")
    if not comma or not head.startswith(("data:audio/", "data:application/octet-stream")):
        return None
    if not head.endswith(";base64"):
        return None
    if len(text) > MAX_FILE_BYTES * 4 // 3 + 128:
        raise too_large()
    try:
        return base64.b64decode(text[len(head) + 1 :], validate=True)
    except binascii.Error:
        raise SpaceAnswerUnusable("The Space's sound is not readable base64.") from None

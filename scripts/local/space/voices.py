"""The voices of the local Space, and speech in one of them by espeak-ng: a real engine, small and mechanical."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from .language import SMALL_WORDS, guess_language

LONGEST = 5000
"""Characters that are said at most."""

VOICES = {
    "en": "en",
    "en-us": "en-us",
    "en-f": "en+f3",
    "fr": "fr",
    "fr-f": "fr+f3",
    "de": "de",
    "es": "es",
    "it": "it",
    "nl": "nl",
    "pt": "pt",
    "pt-br": "pt-br",
}
"""The engine's voice by the name that it has here."""

_SCRIPTS = Path(__file__).parents[2]


class NotSpeakableError(Exception):
    """The text or the voice is not one that can be said; the message is for the caller."""


def voice_for(text: str, voice: str | None) -> str:
    """The name of the voice: as asked, else that of the text's language. Raises NotSpeakableError."""
    if not text.strip():
        raise NotSpeakableError("There is nothing to say: give a text.")
    if len(text) > LONGEST:
        raise NotSpeakableError(f"The text has {len(text)} characters; at most {LONGEST} are said.")
    asked = (voice or "").strip().casefold().replace("_", "-")
    if not asked:
        return guess_language(text, SMALL_WORDS)
    if asked not in VOICES:
        raise NotSpeakableError(f"There is no voice {asked[:40]}. Voices: {', '.join(VOICES)}.")
    return asked


async def speak(text: str, voice: str) -> bytes:
    """A WAV of the text in a voice of `VOICES`. A call that is cancelled ends the engine at once."""
    engine = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "local.space.espeak",
        VOICES[voice],
        cwd=_SCRIPTS,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        sound, said = await engine.communicate(text.encode("utf-8", "ignore"))
    finally:
        if engine.returncode is None:
            engine.kill()
    if engine.returncode != 0:
        last = said.decode(errors="replace").strip().splitlines()[-1:]
        raise RuntimeError(f"the engine ended with {engine.returncode}: {''.join(last)}")
    return sound

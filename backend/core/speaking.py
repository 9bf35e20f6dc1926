"""Speaking a text: from its words to a sound in the user's media, made once for one text, voice and Space."""

from __future__ import annotations

import hashlib
import io
import json
import logging
import time
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Protocol

from .aloud import read_aloud
from .error_classes import ERRORS, error_class
from .errors import (
    BeingMade,
    InvalidInput,
    LinError,
    MediaRejected,
    NotFound,
    SpaceAnswerUnusable,
    Unavailable,
)
from .models import Model
from .ports import Inspected, MediaInspector

log = logging.getLogger("lin.speaking")

LONGEST_TEXT = 5000
"""Characters of one text, as they are read aloud; the database holds the same limit."""
LONGEST_CALL_SECONDS = 60.0
"""The longest a request waits for the Space, whatever the deadline for drafts is."""

# how much longer than the call a booking lasts: enough to look at the sound and store it
_STORING_SECONDS = 45
_POLL_SECONDS = 0.2
_ENDINGS = {
    "audio/mpeg": "mp3",
    "audio/mp4": "m4a",
    "audio/wav": "wav",
    "audio/ogg": "ogg",
    "audio/flac": "flac",
}
_INTERNAL = "Something went wrong on Lin's side."


@dataclass(frozen=True)
class Sound:
    """A sound in a user's media; `duration` in seconds."""

    media_id: str
    path: str
    mime: str
    duration: float


@dataclass(frozen=True)
class Spoke:
    """An answer: the sound, where it can be played until when, and whether it was there already."""

    sound: Sound
    url: str
    expires_at: datetime
    cached: bool


class SpeechStore(Protocol):
    """What speaking needs from the database and the storage; see store/speech.py."""

    def begin_speech(
        self,
        user_id: str,
        digest: str,
        space: str,
        voice: str | None,
        characters: int,
        lease_seconds: int,
    ) -> dict[str, Any]: ...

    def speech_end(self, speech_id: str) -> dict[str, Any]: ...

    def put_sound(self, path: str, content: bytes, mime: str) -> None: ...

    def drop_sound(self, path: str) -> None: ...

    def finish_speech(
        self, speech_id: str, lease_token: int, result: dict[str, Any]
    ) -> str | None: ...

    def sign_sound(self, path: str) -> tuple[str, datetime]: ...

    def forget_sound(self, media_id: str) -> None: ...


class Speaker:
    """Speaks texts. `model` is None on a server without a VOICE_SPACE. Safe to share among threads.

    While another request makes the same sound, this one waits for it `patience_seconds` at most.
    """

    def __init__(
        self,
        store: SpeechStore,
        model: Model | None,
        inspector: MediaInspector,
        *,
        deadline_seconds: float,
        patience_seconds: float = 10.0,
    ) -> None:
        self._store = store
        self._model = model
        self._inspector = inspector
        self._deadline_seconds = min(deadline_seconds, LONGEST_CALL_SECONDS)
        self._patience_seconds = patience_seconds

    def speak(self, user_id: str, text: str, voice: str | None, *, field: str) -> Spoke:
        """The sound of a text of this user's, from the cache or made now; a problem of the text names `field`.

        Raises InvalidInput, TooMany (quota), BeingMade (another request makes it and takes long), Unavailable (no
        VOICE_SPACE, no storage), and the SpaceErrors. What fails leaves no row in media and no file.
        """
        if self._model is None:
            raise Unavailable("This server has no voice: its operator has not set VOICE_SPACE.")
        words = _speakable(text, field)
        digest = _digest(self._model.space, voice, words)
        deadline = time.monotonic() + self._patience_seconds
        while True:
            booked = self._store.begin_speech(
                user_id, digest, self._model.space, voice, len(words), self._lease_seconds
            )
            if booked["state"] == "ready":
                sound = Sound(*(booked[name] for name in ("media_id", "path", "mime", "duration")))
                try:
                    return Spoke(sound, *self._store.sign_sound(sound.path), cached=True)
                except NotFound:  # its owner removed the file, not the row: made again
                    self._store.forget_sound(sound.media_id)
                    continue
            if booked["state"] == "booked":
                sound = self._make(self._model, user_id, digest, words, voice, booked)
                return Spoke(sound, *self._store.sign_sound(sound.path), cached=False)
            self._wait(booked["speech_id"], deadline)

    @property
    def _lease_seconds(self) -> int:
        return int(self._deadline_seconds) + _STORING_SECONDS

    def _wait(self, speech_id: str, deadline: float) -> None:
        """Until another request has made the sound. Raises what that one failed with, or BeingMade."""
        while time.monotonic() < deadline:
            speech = self._store.speech_end(speech_id)
            if speech["state"] == "failed":
                raise ERRORS.get(speech["error_class"], Unavailable)(speech["error"])
            if speech["state"] == "ready":
                return
            time.sleep(_POLL_SECONDS)
        raise BeingMade("This text is being spoken already; ask again in a moment.")

    def _make(
        self,
        model: Model,
        user_id: str,
        digest: str,
        words: str,
        voice: str | None,
        booked: dict[str, Any],
    ) -> Sound:
        """Let the Space speak and keep the sound. Whatever happens, the booking ends."""
        started = time.monotonic()
        path: str | None = None
        try:
            content, facts = self._sound(model, words, voice)
            path = f"{user_id}/speech/{digest}.{_ENDINGS[facts.mime]}"
            self._store.put_sound(path, content, facts.mime)
            media_id = self._finish(booked, {"media": {"path": path, **asdict(facts)}})
        except Exception as error:
            self._give_up(booked, error, path)
            raise
        finally:
            log.info(
                "speech ended",
                extra={
                    "speech_id": booked["speech_id"], "characters": len(words),
                    "seconds": round(time.monotonic() - started, 3),
                },
            )  # fmt: skip
        return Sound(media_id, path, facts.mime, facts.duration or 0.0)

    def _sound(self, model: Model, words: str, voice: str | None) -> tuple[bytes, Inspected]:
        """The Space's sound and what it really is; what the Space calls it counts for nothing."""
        spoken = model.speak(
            words, voice=voice, canceled=lambda: False, deadline_seconds=self._deadline_seconds
        )
        try:
            facts = self._inspector.inspect(io.BytesIO(spoken.audio))
        except MediaRejected as error:
            raise SpaceAnswerUnusable(f"The voice Space's sound cannot be used: {error}") from error
        if facts.mime not in _ENDINGS:
            raise SpaceAnswerUnusable(
                f"The voice Space answered with a file that is no sound ({facts.mime})."
            )
        return spoken.audio, facts

    def _finish(self, booked: dict[str, Any], result: dict[str, Any]) -> str:
        """Record the sound; a database that is away for a moment is asked again. Raises Unavailable, BeingMade."""
        for pause in (0.2, 1.0, None):
            try:
                media_id = self._store.finish_speech(
                    booked["speech_id"], booked["lease_token"], result
                )
            except Unavailable:
                if pause is None:
                    raise
                time.sleep(pause)
            else:
                break
        if media_id is None:
            raise BeingMade("Making this sound took too long; ask again in a moment.")
        return media_id

    def _give_up(self, booked: dict[str, Any], error: Exception, path: str | None) -> None:
        """Say on the row why there is no sound, and take back a file that no row names."""
        word = error_class(error)
        said = str(error) if isinstance(error, LinError) else _INTERNAL
        try:
            ended = self._store.finish_speech(
                booked["speech_id"], booked["lease_token"], {"error_class": word, "error": said}
            )
            if path and ended is None and not isinstance(error, BeingMade):
                self._store.drop_sound(path)
        except Unavailable:
            return  # the booking ends with its lease; the same text replaces the file


def _speakable(text: str, field: str) -> str:
    """The words of the text. Raises InvalidInput when there are none, or too many."""
    words = read_aloud(text)
    if not words:
        raise InvalidInput.of(field, "There are no words in this text to read aloud.")
    if len(words) > LONGEST_TEXT:
        raise InvalidInput.of(
            field, f"This text has {len(words)} characters to read aloud; {LONGEST_TEXT} are the limit."
        )  # fmt: skip
    return words


def _digest(space: str, voice: str | None, words: str) -> str:
    return hashlib.sha256(json.dumps([space, voice, words]).encode()).hexdigest()

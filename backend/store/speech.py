"""Spoken texts, past row-level security: bookings, results, and the sounds in Storage."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from ..core.errors import NotFound
from .calls import Calls, readable
from .files import Files

PLAYABLE_SECONDS = 3600


class Speeches:
    """Rows of speeches and their sounds. Errors are those of `Calls` and `Files`."""

    def __init__(self, calls: Calls, files: Files) -> None:
        self._calls = calls
        self._files = files

    def begin_speech(
        self,
        user_id: str,
        digest: str,
        space: str,
        voice: str | None,
        characters: int,
        lease_seconds: int,
    ) -> dict[str, Any]:
        """The sound that is there, or a booking to make it; see the database function. Raises TooMany."""
        answer = self._calls.rpc(
            "begin_speech", speaker=user_id, text_digest=digest, with_space=space, with_voice=voice,
            length=characters, lease_seconds=lease_seconds,
        )  # fmt: skip
        return readable(dict, answer)

    def speech_end(self, speech_id: str) -> dict[str, Any]:
        """How a speech stands: state, error_class and error. Raises NotFound."""
        rows = self._calls.run(
            self._calls.table("speeches").select("state,error_class,error").eq("id", speech_id)
        )
        if not rows:
            raise NotFound("There is no such speech.")
        row: dict[str, Any] = rows[0]
        return row

    def finish_speech(self, speech_id: str, lease_token: int, result: dict[str, Any]) -> str | None:
        """End a speech with its sound or its error; the media's id, None without a sound."""
        made = self._calls.rpc("finish_speech", speech=speech_id, token=lease_token, result=result)
        return None if made is None else str(made)

    def forget_sound(self, media_id: str) -> None:
        """A sound's file is gone: nothing is answered with it any more."""
        self._calls.run(
            self._calls.table("speeches")
            .update({"media_id": None}, returning="minimal")
            .eq("media_id", media_id)
        )

    def put_sound(self, path: str, content: bytes, mime: str) -> None:
        """Store a sound. Raises Unavailable."""
        self._files.put(path, content, mime)

    def drop_sound(self, path: str) -> None:
        """Remove a sound that no row names. Raises Unavailable."""
        self._files.remove(path)

    def sign_sound(self, path: str) -> tuple[str, datetime]:
        """Where a sound can be played, and until when. Raises NotFound, Unavailable."""
        until = datetime.now(UTC) + timedelta(seconds=PLAYABLE_SECONDS)
        return self._files.sign(path, PLAYABLE_SECONDS), until

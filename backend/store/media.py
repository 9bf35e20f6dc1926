"""Media to look at and to read, past row-level security."""

from __future__ import annotations

import hashlib
from contextlib import AbstractContextManager
from dataclasses import asdict
from typing import BinaryIO

from ..core.errors import Conflict
from ..core.ports import Inspected
from ..core.records import (
    UploadedMedia,
)
from .calls import Calls
from .files import Files


class Media:
    """Rows of media and their bytes. Errors are those of `Calls` and `Files`."""

    def __init__(self, calls: Calls, files: Files) -> None:
        self._calls = calls
        self._files = files

    def claim_uploaded_media(self, take: int, retry_after_seconds: int) -> list[UploadedMedia]:
        """Uploaded files that nobody has looked at."""
        rows = self._calls.rpc(
            "claim_uploaded_media", take=take, retry_after_seconds=retry_after_seconds
        )
        return [
            UploadedMedia(row["id"], row["user_id"], row["path"], row["inspections"])
            for row in rows
        ]

    def open_media(self, path: str) -> AbstractContextManager[BinaryIO]:
        """The bytes of a media file. Raises NotFound, Unavailable."""
        return self._files.open(path)

    def put_fitted(self, user_id: str, content: bytes, mime: str) -> str:
        """Store a picture as a platform will fetch it; returns its path, the same for the same bytes."""
        path = f"{user_id}/fitted/{hashlib.sha256(content).hexdigest()}.{mime.rpartition('/')[2]}"
        self._files.put(path, content, mime)
        return path

    def accept_media(self, media_id: str, facts: Inspected) -> None:
        """Mark media as ready with what it is."""
        self._calls.run(
            self._calls.table("media")
            .update({**asdict(facts), "status": "ready", "reason": None}, returning="minimal")
            .eq("id", media_id)
        )

    def reject_media(self, media_id: str, reason: str) -> None:
        """Mark media as not usable, with the reason its owner reads."""
        self._calls.run(
            self._calls.table("media")
            .update({"status": "rejected", "reason": reason[:500]}, returning="minimal")
            .eq("id", media_id)
        )

    def discard_media(self, media_id: str, path: str) -> None:
        """Remove media that we made and nobody took. Raises Conflict when a post uses it."""
        self._calls.run(self._calls.table("media").delete(returning="minimal").eq("id", media_id))
        self._files.remove(path)

    def save_media(
        self,
        media_id: str,
        user_id: str,
        path: str,
        content: bytes,
        facts: Inspected,
        alt_text: str | None,
    ) -> None:
        """Store a file we made and its row; repeated with the same id it changes nothing."""
        self._files.put(path, content, facts.mime)
        row = {
            **asdict(facts),
            "id": media_id,
            "user_id": user_id,
            "path": path,
            "alt_text": alt_text,
            "status": "ready",
        }
        try:
            self._calls.run(self._calls.table("media").insert(row, returning="minimal"))
        except Conflict:
            return  # an earlier try of ours got as far as this

"""Files that a list of posts names by their addresses: fetched, looked at, stored, and removed again if no post takes them."""

from __future__ import annotations

import io
import logging
import time
import uuid
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

from .errors import Conflict, FetchError, FieldProblem, LinError, MediaRejected
from .ports import Inspected, MediaInspector, PublicDoor

log = logging.getLogger("lin.fetched_files")

MAX_FILES = 100
FILE_BYTES = 20_000_000
FETCH_SECONDS = 60.0  # for all files of one import
MAX_ALT_TEXT = 4086  # characters; of the column
_ONE_FETCH_SECONDS = 20.0
_AT_ONCE = 4  # files of 20 MB are held in memory while they are looked at

Ref = tuple[
    str, str
]  # an address (or the id of a file that is here), and the alt text it is to have


class FileStore(Protocol):
    """Where fetched files go; see store/media.py."""

    def save_media(
        self,
        media_id: str,
        user_id: str,
        path: str,
        content: bytes,
        facts: Inspected,
        alt_text: str | None,
    ) -> None: ...

    def discard_media(self, media_id: str, path: str) -> None: ...


class FetchedFiles:
    """The files of one import. After `fetch`, `ids` has the media of every address that could be had."""

    def __init__(
        self, door: PublicDoor, inspector: MediaInspector, files: FileStore, user_id: str
    ) -> None:
        self._door = door
        self._inspector = inspector
        self._files = files
        self._user_id = user_id
        self._deadline = time.monotonic() + FETCH_SECONDS
        self._paths: dict[str, str] = {}
        self.ids: dict[Ref, str] = {}

    def fetch(self, refs: Sequence[Ref]) -> dict[Ref, FieldProblem]:
        """Fetch each address once for each alt text; why some could not be had. Raises Unavailable."""
        distinct = list(dict.fromkeys(refs))
        taken, beyond = distinct[:MAX_FILES], distinct[MAX_FILES:]
        told = f"An import fetches at most {MAX_FILES} files; this one is beyond that."
        refused = {ref: FieldProblem("media", told) for ref in beyond}
        if taken:
            with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="import") as pool:
                for ref, reason in zip(taken, pool.map(self._one, taken), strict=True):
                    if reason is not None:
                        refused[ref] = FieldProblem("media", f"{ref[0][:200]}: {reason}")
        return refused

    def keep(self, refs: Iterable[Ref]) -> None:
        """Posts have taken these: they stay."""
        for ref in refs:
            self._paths.pop(self.ids.get(ref, ""), None)

    def clear(self) -> None:
        """Remove the others. What cannot be removed stays in its owner's list of files, where they see it."""
        for media_id, path in self._paths.items():
            try:
                self._files.discard_media(media_id, path)
            except Conflict:
                pass  # a post took it: the answer of the database was lost on its way
            except LinError:
                log.warning("a fetched file could not be removed", extra={"media_id": media_id})

    def _one(self, ref: Ref) -> str | None:
        """Fetch one and store it; None, or why not."""
        url, alt_text = ref
        if len(alt_text) > MAX_ALT_TEXT:
            return f"Its alt text has {len(alt_text)} characters; {MAX_ALT_TEXT} are the most."
        left = self._deadline - time.monotonic()
        if left <= 0:
            return f"There was no time left to fetch it ({FETCH_SECONDS:g} s for all files); import the rest again."
        try:
            answer = self._door.fetch(
                url, max_bytes=FILE_BYTES, deadline_seconds=min(left, _ONE_FETCH_SECONDS)
            )
            facts = self._inspector.inspect(io.BytesIO(answer.body))
        except (FetchError, MediaRejected) as error:
            return str(error)
        media_id = str(uuid.uuid4())
        path = f"{self._user_id}/imported/{media_id}.{facts.mime.rsplit('/', 1)[-1]}"
        self._paths[media_id] = path
        self._files.save_media(media_id, self._user_id, path, answer.body, facts, alt_text or None)
        self.ids[ref] = media_id
        return None

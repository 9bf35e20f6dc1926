"""Looking at uploaded media: what the bytes are decides, never the name."""

from __future__ import annotations

import logging
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import BinaryIO, Protocol

from .errors import MediaRejected, NotFound
from .ports import Inspected, MediaInspector
from .records import UploadedMedia

log = logging.getLogger("lin.checking")

_BATCH = 10
_RETRY_AFTER_SECONDS = 60
# a browser may write the row before its upload has ended
_PATIENCE = 5


class MediaStore(Protocol):
    """What checking needs from the database; see store/media.py."""

    def claim_uploaded_media(self, take: int, retry_after_seconds: int) -> list[UploadedMedia]: ...

    def open_media(self, path: str) -> AbstractContextManager[BinaryIO]: ...

    def accept_media(self, media_id: str, facts: Inspected) -> None: ...

    def reject_media(self, media_id: str, reason: str) -> None: ...


@dataclass(frozen=True)
class MediaChecker:
    """Sets uploaded media to ready or rejected."""

    store: MediaStore
    inspector: MediaInspector

    def run(self) -> int:
        """Look at what was uploaded; returns how many files were looked at."""
        waiting = self.store.claim_uploaded_media(_BATCH, _RETRY_AFTER_SECONDS)
        for media in waiting:
            self._check(media)
        return len(waiting)

    def _check(self, media: UploadedMedia) -> None:
        try:
            with self.store.open_media(media.path) as file:
                facts = self.inspector.inspect(file)
        except MediaRejected as error:
            self.store.reject_media(media.media_id, str(error))
        except NotFound as error:
            if media.inspections >= _PATIENCE:
                self.store.reject_media(media.media_id, f"{error} Upload it and add it again.")
        else:
            self.store.accept_media(media.media_id, facts)
            log.info(
                "media checked",
                extra={"media_id": media.media_id, "kind": facts.kind, "bytes": facts.bytes},
            )

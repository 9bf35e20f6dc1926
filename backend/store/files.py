"""The bytes of media, in the Storage bucket `media`."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import islice
from typing import Any, BinaryIO

import httpx
from storage3 import SyncStorageClient
from storage3.exceptions import StorageApiError

from ..core.errors import NotFound, Unavailable

_CHUNK = 1 << 20
_MOST_AT_ONCE = 500  # Storage takes a thousand names a request
_NO_ROOM = "This server has no room for the file just now; it tries again."


class Files:
    """Reads and writes objects of the bucket with the service key."""

    def __init__(self, storage: SyncStorageClient, http: httpx.Client) -> None:
        self._bucket = storage.from_("media")
        self._http = http

    @contextmanager
    def open(self, path: str, *, max_bytes: int = 600_000_000) -> Iterator[BinaryIO]:
        """The object's bytes as a file on disk, removed afterwards; memory use does not grow with the size.

        Raises NotFound, Unavailable.
        """
        signed = self.sign(path, 300)
        with _temporary() as file:
            try:
                with self._http.stream(
                    "GET", signed, timeout=httpx.Timeout(60, connect=5)
                ) as answer:
                    if answer.status_code in (400, 404):
                        raise NotFound("The file is not in the storage.")
                    answer.raise_for_status()
                    for chunk in answer.iter_bytes(_CHUNK):
                        file.write(chunk)
                        if file.tell() > max_bytes:
                            raise NotFound(f"The file is larger than {max_bytes} bytes.")
                file.seek(0)
            except httpx.HTTPError as error:
                raise Unavailable("The storage does not answer; try again in a moment.") from error
            except OSError as error:
                raise Unavailable(_NO_ROOM) from error
            yield file

    def sign(self, path: str, seconds: int) -> str:
        """An address under which anybody who has it gets the object for so many seconds. Raises NotFound, Unavailable."""
        try:
            return str(self._bucket.create_signed_url(path, seconds)["signedURL"])
        except StorageApiError as error:
            # a refusal says which status it means in its body, a gateway's page has none but its own
            if str(error.status) not in ("400", "404"):
                raise Unavailable("The storage does not answer; try again in a moment.") from error
            raise NotFound("The file is not in the storage.") from error
        except httpx.HTTPError as error:
            raise Unavailable("The storage does not answer; try again in a moment.") from error

    def put(self, path: str, content: bytes, mime: str) -> None:
        """Store an object, replacing an older one at this path. Raises Unavailable."""
        try:
            self._bucket.upload(path, content, {"content-type": mime, "upsert": "true"})
        except (StorageApiError, httpx.HTTPError) as error:
            raise Unavailable(
                "The storage does not take the file; try again in a moment."
            ) from error

    def names(self, folder: str) -> Iterator[str]:
        """The paths of all objects below a folder. Raises Unavailable."""
        folders = [folder]
        while folders:
            place, offset = folders.pop(), 0
            while page := self._listed(place, offset):
                offset += len(page)
                for one in page:
                    path = f"{place}/{one['name']}"
                    # Storage has no folders: one is a name that others begin with, and has no id
                    if one.get("id") is None:
                        folders.append(path)
                    else:
                        yield path

    def remove_folder(self, folder: str) -> None:
        """Remove every object below a folder. Raises Unavailable."""
        while found := list(islice(self.names(folder), _MOST_AT_ONCE)):
            try:
                gone = self._bucket.remove(found)
            except (StorageApiError, httpx.HTTPError) as error:
                raise Unavailable("The storage does not answer; try again in a moment.") from error
            if not gone:
                # asked again it would name the same objects for ever
                raise Unavailable("The storage keeps files it was told to remove.")

    def remove(self, path: str) -> None:
        """Remove an object; one that is gone already is no error. Raises Unavailable."""
        try:
            self._bucket.remove([path])
        except (StorageApiError, httpx.HTTPError) as error:
            raise Unavailable("The storage does not answer; try again in a moment.") from error

    def _listed(self, folder: str, offset: int) -> list[dict[str, Any]]:
        """A page of what lies directly in a folder. Raises Unavailable."""
        try:
            page = self._bucket.list(folder, {"limit": _MOST_AT_ONCE, "offset": offset})
        except (StorageApiError, httpx.HTTPError) as error:
            raise Unavailable("The storage does not answer; try again in a moment.") from error
        if not isinstance(page, list):
            raise Unavailable("The storage's answer cannot be read; try again in a moment.")
        return page


@contextmanager
def _temporary() -> Iterator[BinaryIO]:
    """A file that is gone when it is closed. Raises Unavailable when there is none to be had."""
    try:
        file = tempfile.TemporaryFile(prefix="lin-media-")  # noqa: SIM115 - closed below
    except OSError as error:
        raise Unavailable(_NO_ROOM) from error
    try:
        yield file
    finally:
        # what a full disk did not take is still in the buffer, and closing tries to write it; the file is gone all the same
        with suppress(OSError):
            file.close()

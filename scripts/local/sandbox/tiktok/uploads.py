"""``open-upload.tiktokapis.com``: where the bytes of a video go (platform facts 5.3)."""

from __future__ import annotations

import re

from flask import Blueprint, Response, request

from .errors import answer
from .publications import add_media, complete
from .state import Publication, State

UPLOAD_SECONDS = 3600
_TYPES = ("video/mp4", "video/quicktime", "video/webm")
_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+)")


class _RefusedError(Exception):
    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


def blueprint(state: State) -> Blueprint:
    """PUT of chunks."""
    views = Blueprint("uploads", __name__)

    @views.errorhandler(_RefusedError)
    def refused(error: _RefusedError) -> Response:
        return answer("invalid_file_upload", str(error), error.status)

    @views.put("/video/")
    def put() -> Response:
        publication = _found(state)
        if request.headers.get("Authorization") or request.mimetype not in _TYPES:
            # That a token is refused here is the strict reading of "no Authorization".
            raise _RefusedError(400, f"Content-Type: {' or '.join(_TYPES)}, and no Authorization")
        first, last = _range(publication)
        with publication.lock:
            return _take(state, publication, first, last, request.get_data())

    return views


def _found(state: State) -> Publication:
    publication = state.by_upload.get(request.args.get("upload_token", ""))
    if publication is None or publication.fail_reason is not None:
        raise _RefusedError(404, "there is no such upload")
    if str(publication.post_id) != request.args.get("upload_id"):
        raise _RefusedError(404, "there is no such upload")
    if state.now(publication.member) >= publication.opened + UPLOAD_SECONDS:
        # Row 11.
        raise _RefusedError(403, "the upload URL has expired")
    return publication


def _range(publication: Publication) -> tuple[int, int]:
    """Row 10: 400 for a header that cannot be read, 416 for another file's size."""
    sent = _RANGE.fullmatch(request.headers.get("Content-Range", ""))
    if sent is None:
        raise _RefusedError(400, "Content-Range: must be bytes FIRST-LAST/TOTAL")
    if int(sent[3]) != publication.size:
        raise _RefusedError(416, f"Content-Range: the file has {publication.size} bytes")
    return int(sent[1]), int(sent[2])


def _take(state: State, publication: Publication, first: int, last: int, data: bytes) -> Response:
    """Row 10. Chunks come one after the other, all but the last of the size that was named.

    The chunk before may come again, since a client whose answer was lost repeats it; after the
    last one nothing may.
    """
    number = first // publication.chunk_size
    here = len(publication.parts)
    if publication.complete is not None or number not in (here, here - 1):
        raise _RefusedError(416, f"Content-Range: chunk {here} is expected")
    begin = number * publication.chunk_size
    is_last = number == publication.chunks - 1
    end = publication.size - 1 if is_last else begin + publication.chunk_size - 1
    if (first, last) != (begin, end):
        raise _RefusedError(416, f"Content-Range: {begin}-{end} is expected")
    if len(data) != last - first + 1:
        raise _RefusedError(416, f"Content-Range: {len(data)} bytes came")
    publication.parts[number:] = [data]
    if not is_last:
        return Response(status=206)
    whole = b"".join(publication.parts)
    publication.parts.clear()
    add_media(state, publication, whole)
    complete(state, publication)
    return Response(status=201)

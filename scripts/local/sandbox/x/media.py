"""``/2/media``: chunked and one-shot uploads, status, alt text (platform facts 2.4)."""

from __future__ import annotations

import base64
import binascii
from typing import Any

from flask import Blueprint, Response, request

from . import uploads
from .errors import SegmentTooLargeError, invalid
from .gateway import Session, check_query, session, writer
from .schemas import Description, NewUpload, Segment, read
from .state import State, Upload

_SCOPE = "media.write"
_IN_ONE = ("tweet_image", "dm_image", "subtitles")


def blueprint(state: State) -> Blueprint:
    """Everything that ends in a media id."""
    views = Blueprint("media", __name__)

    @views.post("/2/media/upload/initialize")
    def initialize() -> dict[str, Any]:
        me = writer(state, _SCOPE)
        asked = read(NewUpload)
        upload = uploads.start(state, me, asked.media_type, asked.media_category, asked.total_bytes)
        return {"data": _described(state, upload)}

    @views.post("/2/media/upload/<urn>/append")
    def append(urn: str) -> dict[str, Any]:
        me = writer(state, _SCOPE)
        upload = uploads.own(state, me, urn)
        index, data = _segment()
        if len(data) > state.setting("segment_bytes", me.member):
            raise SegmentTooLargeError
        uploads.append(upload, index, data)
        return {"data": {"expires_at": int(upload.expires)}}

    @views.post("/2/media/upload/<urn>/finalize")
    def finalize(urn: str) -> dict[str, Any]:
        upload = uploads.own(state, writer(state, _SCOPE), urn)
        uploads.finalize(state, upload)
        return {"data": _finished(state, upload)}

    @views.get("/2/media/upload")
    def status() -> dict[str, Any]:
        me = session(_SCOPE)
        check_query("command", "media_id")
        if request.args.get("command") != "STATUS":
            raise invalid("command must be STATUS", "command", request.args.get("command"))
        upload = uploads.own(state, me, request.args.get("media_id", ""))
        if upload.finalized is None:
            raise invalid("The upload was not finalized.", "media_id", upload.id)
        body = _described(state, upload)
        info = uploads.processing_info(state, upload)
        return {"data": body | ({"processing_info": info} if info else {})}

    @views.post("/2/media/upload")
    def one_shot() -> dict[str, Any]:
        return {"data": _described(state, _in_one(state, writer(state, _SCOPE)))}

    @views.post("/2/media/metadata")
    def describe() -> Response | dict[str, Any]:
        me = writer(state, _SCOPE)
        asked = read(Description)
        upload = uploads.own(state, me, asked.id)
        upload.alt_text = asked.metadata.alt_text.text
        metadata = {"alt_text": {"text": upload.alt_text}}
        return {"data": {"id": upload.id, "associated_metadata": metadata}}

    return views


def _segment() -> tuple[int, bytes]:
    """From a multipart form or from JSON."""
    if request.mimetype == "application/json":
        sent = read(Segment)
        return sent.segment_index, _decoded(sent.media)
    index = request.form.get("segment_index", "")
    if not index.isdecimal():
        raise invalid("segment_index must be a whole number", "segment_index", index)
    return int(index), _file()


def _file() -> bytes:
    if request.mimetype != "multipart/form-data" or "media" not in request.files:
        raise invalid("media must be a file in a multipart form", "media")
    data: bytes = request.files["media"].read()
    return data


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        raise invalid("media must be base64", "media") from None


def _in_one(state: State, me: Session) -> Upload:
    """Small pictures only. The type is optional here: X looks at the bytes."""
    check_query()
    data, category = _file(), request.form.get("media_category", "")
    if category not in _IN_ONE:
        raise invalid(f"media_category must be {' or '.join(_IN_ONE)}", "media_category", category)
    unknown = set(request.form) - {"media_category", "media_type"}
    if unknown:
        raise invalid("is not a field of this call", min(unknown))
    media_type = request.form.get("media_type") or _looks_like(data)
    upload = uploads.start(state, me, media_type, category, len(data))
    uploads.append(upload, 0, data)
    uploads.finalize(state, upload)
    return upload


def _looks_like(data: bytes) -> str:
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return "image/webp"
    starts = {b"\xff\xd8\xff": "image/jpeg", b"\x89PNG": "image/png", b"GIF8": "image/gif"}
    found = (kind for start, kind in starts.items() if data.startswith(start))
    return next(found, "application/octet-stream")


def _described(state: State, upload: Upload) -> dict[str, Any]:
    left = upload.expires - state.now(upload.media.member)
    return {"id": upload.id, "media_key": upload.key, "expires_after_secs": int(left + 0.5)}


def _finished(state: State, upload: Upload) -> dict[str, Any]:
    body = _described(state, upload) | {"size": upload.total}
    info = uploads.processing_info(state, upload)
    # What is ready at once carries no processing_info.
    if info and info["state"] != "succeeded":
        body["processing_info"] = info
    return body

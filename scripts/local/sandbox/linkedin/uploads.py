"""``www.linkedin.com/dms-uploads``: where the bytes go (platform facts 1.5)."""

from __future__ import annotations

import hashlib
import re

from flask import Blueprint, Response, request

from .errors import LinkedInError, denied
from .gateway import authenticate, bearer
from .inspecting import inspect_document, inspect_image
from .state import Asset, State

#: LinkedIn documents no byte limit for images; clients are held to the cautious 10 MB.
_LARGEST_IMAGE = 10_000_000


def blueprint(state: State) -> Blueprint:
    """PUT of images, documents, video parts, captions and thumbnails."""
    views = Blueprint("uploads", __name__)

    @views.put("/dms-uploads/sp/v2/<key>/<what>")
    def put(key: str, what: str) -> Response:
        asset = _asset(state, key)
        data = request.get_data()
        if part := re.fullmatch(r"uploadedVideo-(\d+)", what):
            return _take_part(state, asset, int(part[1]), data)
        if asset.media.kind == "video" and what in ("captions", "thumbnail"):
            _check_bearer(state, asset, required=False)
            asset.extras[what] = data
            return Response(status=201)
        if what != f"uploaded-{asset.media.kind}":
            raise LinkedInError(404, "no such upload", "NOT_FOUND")
        # Row 32. For documents it is unconfirmed whether the token is needed; strict: yes.
        _check_bearer(state, asset, required=True)
        _take_whole(state, asset, data)
        return Response(status=201)

    return views


def _asset(state: State, key: str) -> Asset:
    asset = state.assets_by_key.get(key)
    if asset is None:
        raise LinkedInError(404, "no such upload", "NOT_FOUND")
    if request.args.get("ut") != asset.signature:
        raise LinkedInError(403, "the upload URL's signature does not match", "ACCESS_DENIED")
    # Row 33: 400; a 403 is also thinkable on this host.
    if state.now(asset.media.member) >= asset.urls_expire:
        raise LinkedInError(400, "the upload URL has expired", "EXPIRED_UPLOAD_URL")
    return asset


def _check_bearer(state: State, asset: Asset, *, required: bool) -> None:
    header = request.headers.get("Authorization")
    if not required and bearer(header) is None:
        return
    if authenticate(state, header).member != asset.media.member:
        raise denied(f"{asset.media.kind}s.UPLOAD")


def _take_whole(state: State, asset: Asset, data: bytes) -> None:
    if not data:
        raise LinkedInError(400, "the upload has no bytes")
    if asset.media.kind == "image" and len(data) > _LARGEST_IMAGE:
        raise LinkedInError(413, f"{len(data)} bytes, an image has at most {_LARGEST_IMAGE}")
    with asset.lock:
        # The same PUT again replaces the bytes: a client whose answer was lost repeats it.
        asset.media.data, asset.media.failure = data, None
        inspect = inspect_image if asset.media.kind == "image" else inspect_document
        inspect(asset.media)
        asset.uploaded = state.now(asset.media.member)


def _take_part(state: State, asset: Asset, number: int, data: bytes) -> Response:
    """Row 34. The video URLs carry their own signature; a token is tolerated."""
    if number >= len(asset.parts):
        raise LinkedInError(404, "no such part", "NOT_FOUND")
    part = asset.parts[number]
    expected = part.last - part.first + 1
    if len(data) != expected:
        message = f"part {number} must have {expected} bytes, came with {len(data)}"
        raise LinkedInError(400, message)
    with asset.lock:
        if asset.uploaded is not None:
            raise LinkedInError(400, "the upload was finalized already")
        part.data, part.etag = data, hashlib.md5(data, usedforsecurity=False).hexdigest()
        # Two equal parts would have equal ETags, which would hide a wrong order.
        part.etag = f"{part.etag}-{number}"
    return Response(status=200, headers={"ETag": f'"{part.etag}"'})

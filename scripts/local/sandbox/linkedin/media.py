"""``/rest/images``, ``/rest/videos``, ``/rest/documents`` (platform facts 1.5)."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, request

from .assets import PART_BYTES, open_upload, status_of
from .errors import LinkedInError, denied, invalid_value
from .fields import Fields
from .gateway import Session, json_object, session
from .inspecting import inspect_video
from .state import Asset, Part, State

_LARGEST_VIDEO = 500_000_000
_VETTED_READS = ("r_member_social", "r_organization_social", "w_organization_social")


def blueprint(state: State) -> Blueprint:
    """The three resources; the bytes themselves go to ``uploads.py``."""
    views = Blueprint("media", __name__)

    @views.post("/rest/images")
    def images() -> dict[str, Any]:
        _only_action("initializeUpload")
        asset, _ = _initialize(state, "image", ("owner",))
        expires = int(asset.urls_expire * 1000)
        url = asset.url("uploaded-image")
        return {"value": {"uploadUrlExpiresAt": expires, "uploadUrl": url, "image": asset.urn}}

    @views.post("/rest/documents")
    def documents() -> dict[str, Any]:
        _only_action("initializeUpload")
        asset, _ = _initialize(state, "document", ("owner",))
        expires = int(asset.urls_expire * 1000)
        url = asset.url("uploaded-document")
        return {"value": {"uploadUrlExpiresAt": expires, "uploadUrl": url, "document": asset.urn}}

    @views.post("/rest/videos")
    def videos() -> dict[str, Any]:
        if _only_action("initializeUpload", "finalizeUpload") == "finalizeUpload":
            return _finalize(state)
        return _initialize_video(state)

    @views.get("/rest/images/<urn>")
    def image(urn: str) -> dict[str, Any]:
        # Row 36: reading an image back is not part of self-serve.
        session().require("images.GET", *_VETTED_READS)
        return _described(state, session(), urn, "image")

    @views.get("/rest/videos/<urn>")
    def video(urn: str) -> dict[str, Any]:
        # Mostly reported as allowed with w_member_social; an app can be set to the other report.
        me = session()
        if me.app.video_status_denied:
            raise denied(f"videos.GET.{me.version}")
        me.require("videos.GET", "w_member_social", *_VETTED_READS)
        return _described(state, me, urn, "video")

    @views.get("/rest/documents/<urn>")
    def document(urn: str) -> dict[str, Any]:
        session().require("documents.GET", "w_member_social", *_VETTED_READS)
        return _described(state, session(), urn, "document")

    return views


def _only_action(*allowed: str) -> str:
    action = request.args.get("action", "")
    if action not in allowed:
        raise LinkedInError(400, f"action must be {' or '.join(allowed)}, not {action!r}")
    return action


def _initialize(state: State, kind: str, known: tuple[str, ...]) -> tuple[Asset, Fields]:
    me = session()
    me.require(f"{kind}s.ACTION-initializeUpload", "w_member_social", "w_organization_social")
    outer = Fields(json_object(), "", ("initializeUploadRequest",))
    fields = outer.inner("initializeUploadRequest", known)
    owner = fields.text("owner")
    if kind == "video":
        _check_size(fields)
    return open_upload(state, me, kind, owner), fields


def _check_size(fields: Fields) -> None:
    """Row 35. The docs say 500 MB and, in one place, 5 GB; the stricter holds here."""
    size = fields.whole("fileSizeBytes")
    if not 0 < size <= _LARGEST_VIDEO:
        why = f"{size} must be between 1 and {_LARGEST_VIDEO}"
        raise invalid_value(fields.path("fileSizeBytes"), why)


def _initialize_video(state: State) -> dict[str, Any]:
    known = ("owner", "fileSizeBytes", "uploadCaptions", "uploadThumbnail")
    asset, fields = _initialize(state, "video", known)
    asset.file_size = fields.whole("fileSizeBytes")
    firsts = range(0, asset.file_size, PART_BYTES)
    asset.parts = [Part(first, min(first + PART_BYTES, asset.file_size) - 1) for first in firsts]
    value: dict[str, Any] = {
        "uploadUrlsExpireAt": int(asset.urls_expire * 1000),
        "video": asset.urn,
        "uploadInstructions": [
            {
                "uploadUrl": asset.url(f"uploadedVideo-{number}"),
                "firstByte": part.first,
                "lastByte": part.last,
            }
            for number, part in enumerate(asset.parts)
        ],
        "uploadToken": asset.upload_token,
    }
    if fields.flag("uploadCaptions"):
        value["captionsUploadUrl"] = asset.url("captions")
    if fields.flag("uploadThumbnail"):
        value["thumbnailUploadUrl"] = asset.url("thumbnail")
    return {"value": value}


def _finalize(state: State) -> dict[str, Any]:
    """Row 34: the ETags of all parts, all of them, in part order."""
    me = session()
    me.require("videos.ACTION-finalizeUpload", "w_member_social", "w_organization_social")
    outer = Fields(json_object(), "", ("finalizeUploadRequest",))
    fields = outer.inner("finalizeUploadRequest", ("video", "uploadToken", "uploadedPartIds"))
    asset = _own_asset(state, me, fields.text("video"), "video")
    if fields.text("uploadToken", empty=True) != asset.upload_token:
        raise invalid_value(fields.path("uploadToken"), "is not the one that was given out")
    sent = fields.items("uploadedPartIds")
    with asset.lock:
        missing = [number for number, part in enumerate(asset.parts) if part.etag is None]
        if missing:
            why = f"parts {missing} were not uploaded yet"
            raise invalid_value(fields.path("uploadedPartIds"), why)
        if sent != [part.etag for part in asset.parts]:
            why = "must be the ETags of all parts, without quotes, in part order"
            raise invalid_value(fields.path("uploadedPartIds"), why)
        if asset.uploaded is None:
            asset.media.data = b"".join(part.data for part in asset.parts)
            for part in asset.parts:
                part.data = b""
            inspect_video(asset.media)
            asset.uploaded = state.now(asset.media.member)
    return {}


def _own_asset(state: State, me: Session, urn: str, kind: str) -> Asset:
    asset = state.assets.get(urn)
    if asset is None or asset.media.kind != kind:
        raise LinkedInError(404, f"no {kind} {urn}", "NOT_FOUND")
    if asset.media.member != me.member:
        raise denied(f"{kind}s.{me.version}")
    return asset


def _described(state: State, me: Session, urn: str, kind: str) -> dict[str, Any]:
    asset = _own_asset(state, me, urn, kind)
    status = status_of(state, asset)
    body = {"id": asset.urn, "owner": asset.media.owner, "status": status}
    if kind == "video" and status == "PROCESSING_FAILED" and asset.media.failure:
        body["processingFailureReason"] = asset.media.failure
    return body

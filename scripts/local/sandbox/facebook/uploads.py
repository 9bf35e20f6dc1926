"""``/{app-id}/uploads`` and ``/upload:…``: bytes in several requests (platform facts 3.4)."""

from __future__ import annotations

import secrets
from typing import Any

from flask import Blueprint, request

from local.sandbox.graph.errors import bad_parameter, no_node
from local.sandbox.graph.gateway import Session, session
from local.sandbox.graph.nodes import Kind
from local.sandbox.graph.parameters import parameters
from local.sandbox.graph.transfers import Transfer, header_number, take

from .state import FacebookState, UploadSession

_TYPES = ("video/mp4", "video/quicktime", "image/jpeg", "image/jpg", "image/png", "application/pdf")


def blueprint(state: FacebookState) -> Blueprint:
    """Start and go on; ``upload_kind`` tells how far an upload is."""
    views = Blueprint("uploads", __name__)

    @views.post("/<app_id>/uploads")
    def start(app_id: str) -> dict[str, Any]:
        me, sent = session(), parameters()
        if app_id != me.app.client_id:
            raise no_node(app_id, "post")
        size = sent.whole("file_length")
        if size is None or size < 1:
            raise bad_parameter("The parameter file_length is required")
        kind = sent.choice("file_type", _TYPES)
        made = UploadSession(f"upload:{secrets.token_urlsafe(40)}", Transfer(me.member, size), kind)
        state.uploads[made.id] = made
        return {"id": made.id}

    @views.post("/<identity>")
    def go_on(identity: str) -> dict[str, Any]:
        upload = _own(state, session(), identity)
        if upload is None:
            raise no_node(identity, "post")
        offset = header_number("file_offset")
        take(state, upload.transfer, offset, request.get_data())
        if upload.transfer.finished is None:
            # What a part is answered that is not the last one is not documented.
            return {"id": upload.id, "file_offset": upload.transfer.offset}
        upload.handle = upload.handle or secrets.token_urlsafe(90)
        state.handles[upload.handle] = upload
        return {"h": upload.handle}

    return views


def upload_kind(state: FacebookState) -> Kind:
    """``GET /upload:…`` gives the offset to go on from."""
    return Kind(
        "UploadSession",
        lambda me, identity: _own(state, me, identity),
        lambda me, upload: {"id": upload.id, "file_offset": upload.transfer.offset},
        ("id", "file_offset"),
    )


def _own(state: FacebookState, me: Session, identity: str) -> UploadSession | None:
    upload = state.uploads.get(identity)
    return upload if upload and upload.transfer.member == me.member else None

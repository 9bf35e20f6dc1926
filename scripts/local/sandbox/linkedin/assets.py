"""Uploaded images, videos and documents: from the upload URL to AVAILABLE (platform facts 1.5)."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from local.sandbox.records import Media

from .errors import LinkedInError, denied
from .organizations import require_role
from .state import Asset, State

if TYPE_CHECKING:
    from .gateway import Session

#: How long upload URLs live is not documented; they carry their own end, and clients go by that.
UPLOAD_URL_SECONDS = 3600
PART_BYTES = 4_194_304


def open_upload(state: State, session: Session, kind: str, owner: str) -> Asset:
    """A new asset waiting for its bytes. Raises LinkedInError 403 for a foreign owner."""
    check_owner(state, session, owner, f"{kind}s.ACTION-initializeUpload", "owner")
    key = f"D4E{secrets.token_urlsafe(14)}"
    media = Media(f"urn:li:{kind}:{key}", "linkedin", session.member, owner, kind)
    expire = state.now(session.member) + UPLOAD_URL_SECONDS
    asset = Asset(media, key, secrets.token_urlsafe(12), expire)
    with state.world.lock:
        state.assets[asset.urn] = asset
        state.assets_by_key[key] = asset
        state.world.media[asset.urn] = media
    return asset


def check_owner(
    state: State, session: Session, owner: str, method: str, field: str = "author"
) -> None:
    """Rows 18 to 20: whether the caller may act as ``owner``.

    Raises LinkedInError: 400 for what is no person or organisation URN, 403 for somebody else.
    """
    prefix, _, identity = owner.rpartition(":")
    if not prefix:
        raise LinkedInError(400, f"{owner!r} is not a URN", "INVALID_URN_ID", field=field)
    if prefix not in ("urn:li:person", "urn:li:organization"):
        raise LinkedInError(
            400, f"{owner} is not a person or organization", "INVALID_URN_TYPE", field=field
        )
    if not identity:
        raise LinkedInError(400, f"{owner} has no id", "INVALID_URN_ID", field=field)
    bare, method = method, f"{method}.{session.version}"
    if prefix == "urn:li:person":
        if owner != session.author or not session.token.allows("w_member_social"):
            raise denied(method)
        return
    if not session.token.allows("w_organization_social"):
        raise denied(method)
    require_role(state, session, owner, bare)


def status_of(state: State, asset: Asset) -> str:
    """WAITING_UPLOAD, PROCESSING, AVAILABLE or PROCESSING_FAILED."""
    if asset.uploaded is None:
        return "WAITING_UPLOAD"
    member = asset.media.member
    if state.now(member) < asset.uploaded + state.processing_seconds(member):
        return "PROCESSING"
    return "PROCESSING_FAILED" if asset.media.failure else "AVAILABLE"


def usable(state: State, urn: str, kind: str, author: str, field: str) -> Media:
    """The media a post names, when the post may have it.

    Rows 26 to 28. An asset still PROCESSING is refused as waiting: documented are both that and a
    post nobody sees. Raises LinkedInError 400.
    """
    asset = state.assets.get(urn)
    if asset is None or asset.media.kind != kind:
        code = "INVALID_IMAGE_ID" if kind == "image" else "INVALID_URN_ID"
        raise LinkedInError(400, f"{field} :: no {kind} {urn}", code, field=field)
    if asset.media.owner != author:
        message = f"{field} :: {urn} is not owned by {author}"
        raise LinkedInError(400, message, "INVALID_CONTENT_OWNERSHIP", field=field)
    status = status_of(state, asset)
    if status == "PROCESSING_FAILED":
        message = f"{field} :: {urn} failed to process: {asset.media.failure}"
        raise LinkedInError(400, message, "MEDIA_ASSET_PROCESSING_FAILED", field=field)
    if status != "AVAILABLE":
        message = f"{field} :: {urn} is waiting for its upload ({status})"
        raise LinkedInError(400, message, "MEDIA_ASSET_WAITING_UPLOAD", field=field)
    return asset.media

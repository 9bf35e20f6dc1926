"""Uploaded media, from initialize to usable (platform facts 2.4)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from local.sandbox.records import Media

from .errors import invalid, not_found
from .inspecting import LIMITS, inspect, kind_of
from .state import State, Upload

if TYPE_CHECKING:
    from .gateway import Session

LIFE_SECONDS = 86_400
_LAST_SEGMENT = 999
#: At most this long until the next look at the status.
_LOOK_AGAIN_SECONDS = 5


def check_kind(media_type: str, category: str, total: int) -> None:
    """Row 19. Raises XError 400."""
    if category not in LIMITS:
        raise invalid(
            f"media_category is not one of {', '.join(LIMITS)}", "media_category", category
        )
    largest, types = LIMITS[category]
    if media_type not in types:
        raise invalid(f"{category} takes {', '.join(types)}", "media_type", media_type)
    if total > largest:
        raise invalid(f"File size exceeds {largest} bytes.", "total_bytes", total)


def start(state: State, me: Session, media_type: str, category: str, total: int) -> Upload:
    """A new upload without bytes. Raises XError 400."""
    check_kind(media_type, category, total)
    urn = str(state.world.new_id())
    media = Media(urn, "x", me.member, me.subject, kind_of(category))
    upload = Upload(media, media_type, category, total, state.now(me.member) + LIFE_SECONDS)
    state.uploads[urn] = upload
    state.world.media[urn] = media
    return upload


def own(state: State, me: Session, urn: str) -> Upload:
    """The caller's upload. One that expired, or is somebody else's, is not found."""
    upload = state.uploads.get(urn)
    if upload is None or upload.media.member != me.member or upload.expires <= state.now(me.member):
        raise not_found("media", "id", urn)
    return upload


def append(upload: Upload, index: int, data: bytes) -> None:
    """Row 17. A segment may be sent again, as a client does whose answer was lost; a gap may not
    be left. Raises XError 400."""
    if not 0 <= index <= _LAST_SEGMENT:
        raise invalid(f"segment_index must be 0 to {_LAST_SEGMENT}", "segment_index", index)
    if not data:
        raise invalid("media has no bytes", "media")
    with upload.lock:
        if upload.finalized is not None:
            raise invalid("The upload was finalized already.", "id", upload.id)
        if index > len(upload.segments):
            why = f"segments come in order, the next is {len(upload.segments)}"
            raise invalid(why, "segment_index", index)
        upload.segments[index] = data


def finalize(state: State, upload: Upload) -> None:
    """Row 18, and what the bytes are. Doing it again changes nothing. Raises XError 400.

    Pictures are judged here, videos and GIFs by the processing that follows.
    """
    with upload.lock:
        if upload.finalized is not None:
            return
        data = b"".join(upload.segments[index] for index in sorted(upload.segments))
        if len(data) != upload.total:
            why = f"{len(data)} bytes came, total_bytes was {upload.total}"
            raise invalid(why, "total_bytes", upload.total)
        upload.media.data = data
        inspect(upload.media, upload.media_type)
        if upload.media.failure and not _is_processed(upload):
            raise invalid(f"Invalid media: {upload.media.failure}", "media", upload.id)
        upload.segments.clear()
        upload.finalized = state.now(upload.media.member)


def processing_info(state: State, upload: Upload) -> dict[str, Any] | None:
    """``state`` and what goes with it; None for what needs no processing."""
    if upload.finalized is None or not _is_processed(upload):
        return None
    member = upload.media.member
    passed = state.now(member) - upload.finalized
    needed = state.setting("processing_seconds", member)
    if passed < needed:
        wait = max(1, min(_LOOK_AGAIN_SECONDS, math.ceil(needed - passed)))
        if passed * 2 < needed:
            return {"state": "pending", "check_after_secs": wait}
        percent = int(100 * passed / needed)
        return {"state": "in_progress", "check_after_secs": wait, "progress_percent": percent}
    failure = upload.media.failure
    if state.setting("processing_fails", member):
        failure = failure or "processing failed"
    if failure:
        error = {"code": 1, "name": "InvalidMedia", "message": failure}
        return {"state": "failed", "error": error}
    return {"state": "succeeded", "progress_percent": 100}


def usable(state: State, me: Session, urn: str) -> Upload:
    """Row 13: what a post may carry. Raises XError 400."""
    upload = state.uploads.get(urn)
    wrong = invalid("Your media IDs are invalid.", "media.media_ids", urn)
    if upload is None or upload.media.member != me.member or upload.finalized is None:
        raise wrong
    if upload.expires <= state.now(me.member) or not upload.category.startswith(("tweet", "amp")):
        raise wrong
    info = processing_info(state, upload)
    if info is not None and info["state"] != "succeeded":
        why = f"The media is not ready to be posted ({info['state']})."
        raise invalid(why, "media.media_ids", urn)
    return upload


def _is_processed(upload: Upload) -> bool:
    return upload.media.kind in ("video", "gif")

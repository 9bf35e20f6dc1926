"""``POST /{page}/videos`` and how a video is doing (platform facts 3.4)."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, request

from local.sandbox.fetching import FetchError, fetch
from local.sandbox.graph.directory import Page
from local.sandbox.graph.errors import GraphError, bad_parameter
from local.sandbox.graph.gateway import Session, session
from local.sandbox.graph.inspecting import read_video
from local.sandbox.graph.nodes import Kind
from local.sandbox.graph.parameters import Parameters, parameters
from local.sandbox.records import Media

from .publishing import (
    WHEN,
    When,
    ignored,
    keep,
    new_post,
    new_post_id,
    read_message,
    read_when,
)
from .state import FacebookState, Video

#: Out of clients' error tables: 2 GB and 40 minutes.
MOST_BYTES = 2_000_000_000
_MOST_SECONDS = 2400
_KNOWN = ("file_url", "source", "fbuploader_video_file_chunk", "description", "title", *WHEN)


def blueprint(state: FacebookState) -> Blueprint:
    """Whole videos: by URL, in the request, or by the handle of a resumable upload."""
    views = Blueprint("videos", __name__)

    @views.post("/<identity>/videos")
    def create(identity: str) -> dict[str, Any]:
        me, sent = session(), parameters()
        page = state.page_to_write(me, identity)
        message = read_message(sent, "description")
        when = read_when(state, me, sent)
        video = new_video(state, me, page, "video")
        video.media.data = _bytes(state, me, sent)
        video.title = sent.text("title") or None
        clip = read_video(video.media)
        if clip is None or clip.seconds > _MOST_SECONDS:
            message = "(#352) The video file you selected is in a format that we don't support."
            raise GraphError(352, message)
        register(state, video)
        commit(state, me, page, video, message, when, ignored(sent, *_KNOWN))
        return {"id": video.media.urn}

    return views


def new_video(state: FacebookState, me: Session, page: Page, kind: str) -> Video:
    """A video without bytes."""
    media = Media(str(state.world.new_id()), "facebook", me.member, page.id, "video")
    return Video(media, page.id, kind, me.now)


def register(state: FacebookState, video: Video) -> None:
    """From now on it can be asked for."""
    with state.world.lock:
        state.videos[video.media.urn] = video
        state.world.media[video.media.urn] = video.media


def commit(
    state: FacebookState,
    me: Session,
    page: Page,
    video: Video,
    message: str,
    when: When,
    defects: list[str],
) -> None:
    """Publish once processing ends. A video whose processing fails never becomes a post."""
    fails = state.settings.get("processing_fails", me.member)
    video.failure = video.failure or fails or None
    video.description, video.committed = message, me.now
    if video.failure:
        return
    video.post_id = new_post_id(state, page)
    kind = "video" if video.kind == "story" else video.kind
    post = new_post(state, me, page, video.media.urn, message, when, kind)
    post.content |= {"post_id": video.post_id}
    post.content |= {"processing": state.settings.get("processing_seconds", me.member)}
    post.media = [video.media.as_json() | {"alt_text": None, "title": video.title}]
    post.defects = defects
    if video.kind == "story":
        post.distribution = "STORY"
    keep(state, post)
    video.post = post


def _bytes(state: FacebookState, me: Session, sent: Parameters) -> bytes:
    source = request.files.get("source")
    if source is not None:
        return bytes(source.read())
    if sent.has("fbuploader_video_file_chunk"):
        upload = state.handles.get(sent.text("fbuploader_video_file_chunk"))
        if upload is None or upload.transfer.member != me.member:
            raise bad_parameter("fbuploader_video_file_chunk is not the handle of an upload")
        return bytes(upload.transfer.data)
    if not sent.has("file_url"):
        raise bad_parameter("No video file was sent: file_url, source or an upload's handle")
    return fetched(state, sent.text("file_url"))


def fetched(state: FacebookState, url: str) -> bytes:
    """Download a ``file_url``. The code for one that cannot be fetched is unconfirmed: 100."""
    known = state.world.public_origins
    try:
        return fetch(url, known, largest=MOST_BYTES, schemes=("http", "https")).data
    except FetchError as error:
        raise bad_parameter(f"Unable to fetch video file from URL: {error}") from None


def video_kind(state: FacebookState) -> Kind:
    """Videos as nodes."""

    def find(me: Session, identity: str) -> Video | None:
        video = state.videos.get(identity)
        if video is None or (video.post is not None and video.post.deleted is not None):
            return None
        return video if state.page_for(me, video.page) else None

    def delete(me: Session, video: Video) -> None:
        state.page_to_write(me, video.page)
        if video.post is not None:
            video.post.deleted = me.now
        else:
            del state.videos[video.media.urn]

    def read(me: Session, video: Video) -> dict[str, Any]:
        me.require("pages_read_engagement", 10)
        return _fields(state, video)

    return Kind("Video", find, read, ("id",), delete)


def _fields(state: FacebookState, video: Video) -> dict[str, Any]:
    ready = _stage(state, video) == "ready" and video.post is not None
    return {
        "id": video.media.urn,
        "title": video.title,
        "description": video.description or None,
        "length": video.media.seconds,
        "status": _status(state, video),
        "post_id": video.post_id if ready else None,
        "permalink_url": f"https://www.facebook.com/{video.post_id}" if ready else None,
        "published": ready,
    }


def _stage(state: FacebookState, video: Video) -> str:
    """``uploading``, ``processing``, ``ready`` or ``error``."""
    if video.committed is None:
        return "uploading"
    member = video.media.member
    seconds = state.settings.get("processing_seconds", member)
    if state.now(member) < video.committed + seconds:
        return "processing"
    return "error" if video.failure else "ready"


def _status(state: FacebookState, video: Video) -> dict[str, Any]:
    stage, transfer = _stage(state, video), video.transfer
    uploading: dict[str, Any] = {"status": "complete"}
    if transfer is not None and transfer.finished is None:
        begun = "in_progress" if transfer.offset else "not_started"
        uploading = {"status": begun, "bytes_transferred": transfer.offset}
    processing: dict[str, Any] = {"status": "not_started"}
    publishing: dict[str, Any] = {"status": "not_started"}
    if stage == "processing":
        processing = {"status": "in_progress"}
    elif stage == "error":
        processing = {"status": "error", "errors": [{"code": 1363008, "message": video.failure}]}
    elif stage == "ready":
        processing = {"status": "complete"}
        shown = (video.post.visibility if video.post else "UNPUBLISHED").lower()
        publish_status = {"public": "published", "unpublished": "draft"}.get(shown, shown)
        publishing = {"status": "complete", "publish_status": publish_status}
    complete = uploading["status"] == "complete"
    names = {"uploading": "upload_complete" if complete else "uploading"}
    return {
        "video_status": names.get(stage, stage),
        "uploading_phase": uploading,
        "processing_phase": processing,
        "publishing_phase": publishing,
    }

"""``POST /{page}/video_reels`` and ``/video_stories``: start, bytes, finish (platform facts 3.4)."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, request

from local.sandbox.graph.directory import Page
from local.sandbox.graph.errors import GraphError, bad_parameter, no_node
from local.sandbox.graph.gateway import Session, session
from local.sandbox.graph.inspecting import Clip, read_video
from local.sandbox.graph.parameters import Parameters, parameters
from local.sandbox.graph.transfers import Transfer, announce_size, header_number, take
from local.sandbox.records import Media

from .publishing import When, ignored, read_message
from .state import FacebookState, Video
from .videos import commit, fetched, new_video, register

RUPLOAD = "rupload.facebook.com"
_KNOWN = ("upload_phase", "video_id", "video_state", "description", "title")
_REEL_SECONDS, _STORY_SECONDS = (3.0, 90.0), (3.0, 60.0)
_SMALLEST = (540, 960)
_FRAMES = (24.0, 60.0)


def blueprint(state: FacebookState) -> Blueprint:
    """The calls on ``graph.facebook.com``."""
    views = Blueprint("reels", __name__)

    @views.post("/<identity>/video_reels", defaults={"kind": "reel"})
    @views.post("/<identity>/video_stories", defaults={"kind": "story"})
    def step(identity: str, kind: str) -> dict[str, Any]:
        me, sent = session(), parameters()
        page = state.page_to_write(me, identity)
        if sent.choice("upload_phase", ("start", "finish")) == "start":
            video = new_video(state, me, page, kind)
            video.transfer = Transfer(me.member)
            register(state, video)
            version = f"v{me.version[0]}.{me.version[1]}"
            address = f"https://{RUPLOAD}/video-upload/{version}/{video.media.urn}"
            return {"video_id": video.media.urn, "upload_url": address}
        return _finish(state, me, page, kind, sent)

    return views


def bytes_blueprint(state: FacebookState) -> Blueprint:
    """The call on ``rupload.facebook.com``."""
    views = Blueprint("reel_bytes", __name__)

    @views.post("/video-upload/<version>/<identity>")
    def upload(version: str, identity: str) -> dict[str, Any]:
        video = state.videos.get(identity)
        me = session()
        if video is None or video.transfer is None or not state.page_for(me, video.page):
            raise no_node(identity, "post")
        if address := request.headers.get("file_url"):
            data = fetched(state, address)
            video.transfer.size = len(data)
            offset: int | None = video.transfer.offset
            data = data[video.transfer.offset :]
        else:
            # Row 12: a wrong place, or another size than before.
            announce_size(video.transfer)
            offset, data = header_number("offset"), request.get_data()
            if not data:
                raise bad_parameter("the request has no bytes")
        take(state, video.transfer, offset, data)
        return {"success": True}

    return views


def _finish(
    state: FacebookState, me: Session, page: Page, kind: str, sent: Parameters
) -> dict[str, Any]:
    """The commit. Rows 12 and 13; whether finishing twice is refused is unconfirmed, here it is."""
    video = state.videos.get(sent.text("video_id"))
    if video is None or video.page != page.id or video.kind != kind or video.transfer is None:
        raise bad_parameter("video_id is not an upload of the page")
    states = ("PUBLISHED", "DRAFT") if kind == "reel" else ("PUBLISHED",)
    shown = sent.choice("video_state", states, "" if kind == "reel" else "PUBLISHED")
    message = read_message(sent, "description")
    with video.transfer.lock:
        if video.transfer.finished is None:
            raise bad_parameter("The upload is not complete")
        if video.committed is not None:
            raise bad_parameter("The video was finished already")
        _count_reel(state, me, page, kind, shown)
        video.media.data = bytes(video.transfer.data)
        video.failure = _why_not(video.media, read_video(video.media), kind)
        video.title = sent.text("title") or None
        when = When("PUBLIC" if shown == "PUBLISHED" else "UNPUBLISHED")
        commit(state, me, page, video, message, when, ignored(sent, *_KNOWN))
    return {"success": True} | _named(state, me, video)


def _named(state: FacebookState, me: Session, video: Video) -> dict[str, str]:
    names = video.kind == "story" or state.settings.get("reel_answers_post_id", me.member)
    return {"post_id": video.post_id} if video.post_id and names else {}


def _count_reel(state: FacebookState, me: Session, page: Page, kind: str, shown: str) -> None:
    """Row 13; which code says so is not documented: the page's limit, 32."""
    if kind != "reel" or shown != "PUBLISHED":
        return
    most = state.settings.get("reels_per_day", me.member)
    if not state.windows.spend(f"reels/{page.id}", most, me.now):
        raise GraphError(32, f"(#32) Page request limit reached: {most} reels in 24 hours")


def _why_not(media: Media, clip: Clip | None, kind: str) -> str | None:
    """A file that does not fit is not refused: its processing fails."""
    if clip is None or clip.container != "MP4":
        return "The file is not an MP4 video."
    shortest, longest = _REEL_SECONDS if kind == "reel" else _STORY_SECONDS
    if not shortest <= clip.seconds <= longest:
        return f"The video is {clip.seconds:g} s long, must be {shortest:g} to {longest:g} s."
    width, height = media.width or 0, media.height or 0
    if width < _SMALLEST[0] or height < _SMALLEST[1]:
        return f"The video is {width} × {height}, must be at least 540 × 960."
    if abs(width / height - 9 / 16) > 0.01:
        return f"The video is {width} × {height}, must be 9:16."
    if not _FRAMES[0] <= clip.frames <= _FRAMES[1]:
        return f"The video has {clip.frames:g} frames a second, must be 24 to 60."
    return None

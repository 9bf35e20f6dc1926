"""The call that publishes on a Facebook page, and what has to be uploaded before it.

Source: Pages API, Video and Reels Publishing API (2025-2026).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from ..core.errors import Rejected
from ..core.platform_contract import Accepted, Content, Notes, Published
from .facebook_content import message
from .facebook_media import FacebookMedia, forget_uploads
from .facebook_reading import post_url
from .graph import Graph

_VIDEO_HOST = "https://graph-video.facebook.com"


@dataclass(frozen=True)
class Call:
    """The call that makes the post visible."""

    kind: Literal["post", "video", "reel"]
    page: str
    fields: dict[str, Any]


def call_for(media: FacebookMedia, token: str, page: str, content: Content, notes: Notes) -> Call:
    """Upload the files; returns the call that publishes. Photos go up unpublished, one like many, so that the call which
    may not be repeated is a small one."""
    text, files = message(content).text, content.attachments
    if files and files[0].kind == "video":
        described = {"description": text} if text.strip() else {}
        if content.options.get("reel"):
            reel = media.reel(token, page, files[0], notes)
            finish = {"upload_phase": "finish", "video_id": reel, "video_state": "PUBLISHED"}
            return Call("reel", page, finish | described)
        handle = media.video(token, files[0], notes)
        return Call("video", page, {"fbuploader_video_file_chunk": handle} | described)
    fields: dict[str, Any] = {"message": text} if text.strip() else {}
    if content.options.get("link"):
        fields["link"] = content.options["link"]
    if files:
        photos = media.photos(token, page, files, notes)
        fields["attached_media"] = [{"media_fbid": photo} for photo in photos]
    return Call("post", page, fields)


def published(
    graph: Graph, token: str, call: Call, notes: Notes, *, check_after: float
) -> Published | Accepted:
    """Make the call. 2xx means that the post exists, or will, even without an id."""
    try:
        return _posted(graph, token, call) if call.kind == "post" else _filmed(graph, token, call, notes, check_after)  # fmt: skip
    except Rejected:
        forget_uploads(notes)
        raise


def _posted(graph: Graph, token: str, call: Call) -> Published:
    answer = graph.send(
        "POST", f"{call.page}/feed", token,
        committing=True, json=call.fields, params={"fields": "id,permalink_url"},
    )  # fmt: skip
    body = graph.read(answer)
    post = str(body.get("id") or "") or None
    url = post_url(post, body.get("permalink_url")) if post else None
    return Published(post, url, http_status=answer.status)


def _filmed(
    graph: Graph, token: str, call: Call, notes: Notes, check_after: float
) -> Published | Accepted:
    place, host = ("videos", _VIDEO_HOST) if call.kind == "video" else ("video_reels", None)
    answer = graph.send(
        "POST", f"{call.page}/{place}", token, committing=True, form=call.fields, host=host
    )
    if call.kind == "video":
        video = graph.read(answer).get("id")
        if not video:
            return Published(None, None, http_status=answer.status)
        notes.keep(video=str(video))
    return Accepted(check_after, http_status=answer.status)

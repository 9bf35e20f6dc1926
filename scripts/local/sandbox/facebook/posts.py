"""Read posts back, delete them, count them (platform facts 3.6 and 3.8)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from flask import Blueprint

from local.sandbox.graph.errors import missing_permission
from local.sandbox.graph.gateway import Session, session
from local.sandbox.graph.nodes import Kind
from local.sandbox.graph.paging import paged
from local.sandbox.graph.parameters import parameters
from local.sandbox.graph.projecting import project
from local.sandbox.records import ReceivedPost

from .state import HOST, FacebookState

_LISTED = ("created_time", "message", "id")


def blueprint(state: FacebookState) -> Blueprint:
    """What a page published, newest first."""
    views = Blueprint("posts", __name__)

    @views.get("/<identity>/published_posts")
    @views.get("/<identity>/feed")
    @views.get("/<identity>/posts")
    def published(identity: str) -> dict[str, Any]:
        me, sent = session(), parameters()
        page = state.page_to_read(me, identity)
        since, until = sent.whole("since"), sent.whole("until")
        found = state.world.posts.newest(
            lambda post: (
                post.author == page.id
                and _readable(state, post)
                and (since is None or int(appeared(post)) >= since)
                and (until is None or int(appeared(post)) <= until)
            )
        )
        fields = sent.text("fields")
        entries = [project("Post", post_fields(state, post), fields, _LISTED) for post in found]
        return paged(entries, HOST)

    return views


def post_kind(state: FacebookState) -> Kind:
    """Posts as nodes."""

    def find(me: Session, identity: str) -> ReceivedPost | None:
        post = by_id(state, identity)
        if post is None or post.deleted is not None:
            return None
        return post if state.page_for(me, post.author) else None

    def read(me: Session, post: ReceivedPost) -> dict[str, Any]:
        me.require("pages_read_engagement", 10)
        return post_fields(state, post)

    def delete(me: Session, post: ReceivedPost) -> None:
        state.page_to_write(me, post.author)
        post.deleted = me.now

    return Kind("Post", find, read, _LISTED, delete, lambda me, post: _insights(state, me, post))


def by_id(state: FacebookState, identity: str) -> ReceivedPost | None:
    """A post by ``{page}_{post}``. Videos are answered with the video's id, so look there too."""
    post = state.world.post_by_urn.get(identity)
    if post is not None and post.platform == "facebook" and "_" in identity:
        return post
    for video in state.videos.values():
        if video.post is not None and video.post_id == identity:
            return video.post
    return None


def id_of(post: ReceivedPost) -> str:
    """``{page}_{post}``, also for what was answered with a video's id."""
    return str(post.content.get("post_id", post.urn))


def appeared(post: ReceivedPost) -> float:
    """When its readers could see it."""
    return float(post.content.get("scheduled", post.created))


def _readable(state: FacebookState, post: ReceivedPost) -> bool:
    """Whether it is in the lists of published posts by now."""
    if post.platform != "facebook" or post.deleted is not None or post.visibility == "UNPUBLISHED":
        return False
    ready = appeared(post) + float(post.content.get("processing", 0))
    wait = float(state.settings.get("readback_seconds", post.member))
    return state.now(post.member) >= ready + wait


def statistics_of(state: FacebookState, post: ReceivedPost) -> dict[str, Any]:
    """The numbers set for all of the member's posts, and over them those of this post."""
    settings = state.settings
    own = settings.get("statistics_of", post.member).get(id_of(post), {})
    numbers: dict[str, Any] = settings.get("statistics", post.member) | own
    return numbers


def post_fields(state: FacebookState, post: ReceivedPost) -> dict[str, Any]:
    """Every field of a post."""
    identity, numbers = id_of(post), statistics_of(state, post)
    created = datetime.fromtimestamp(appeared(post), UTC).strftime("%Y-%m-%dT%H:%M:%S+0000")
    shares = numbers.get("shares", 0)
    return {
        "id": identity,
        "message": post.commentary or None,
        "created_time": created,
        "permalink_url": f"https://www.facebook.com/{identity}",
        "is_published": post.visibility == "PUBLIC",
        "scheduled_publish_time": post.content.get("scheduled"),
        "from": {"id": post.author, "name": post.author_name},
        "reactions": _counted(numbers.get("reactions", 0)),
        "likes": _counted(numbers.get("reactions", 0)),
        "comments": _counted(numbers.get("comments", 0)),
        # Absent until the first share.
        "shares": {"count": shares} if shares else None,
        "attachments": {"data": _attachments(post)} if post.media else None,
        "full_picture": None,
        "status_type": "added_photos" if post.media else "mobile_status_update",
    }


def _counted(number: int) -> dict[str, Any]:
    return {"data": [], "summary": {"total_count": number}}


def _attachments(post: ReceivedPost) -> list[dict[str, Any]]:
    kinds = {"image": "photo", "multiImage": "album"}
    return [
        {
            "type": kinds.get(post.kind, "video_inline"),
            "media_type": each["kind"],
            "target": {"id": each["urn"]},
        }
        for each in post.media
    ]


def _insights(state: FacebookState, me: Session, post: ReceivedPost) -> dict[str, Any]:
    """The ``*_impressions*`` metrics were removed; the ones of media views need v23."""
    if not me.allows("read_insights"):
        raise missing_permission("Requires read_insights permission to manage the object")
    numbers = statistics_of(state, post)
    metrics = {
        "post_clicks": numbers.get("clicks", 0),
        "post_reactions_by_type_total": numbers.get("reactions_by_type", {}),
    }
    if me.version >= (23, 0):
        metrics |= {
            "post_media_view": numbers.get("views", 0),
            "post_total_media_view_unique": numbers.get("viewers", 0),
        }
    return metrics

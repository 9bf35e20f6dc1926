"""Published media: lists, links, numbers, deletion (platform facts 4.3, 4.6 and 4.7)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from flask import Blueprint

from local.sandbox.graph.gateway import Session, session
from local.sandbox.graph.nodes import Kind
from local.sandbox.graph.paging import paged
from local.sandbox.graph.parameters import parameters
from local.sandbox.graph.projecting import project
from local.sandbox.records import ReceivedPost

from .access import Product, account_for, account_to_read, product_of
from .state import InstagramState

_TYPES = {"image": "IMAGE", "multiImage": "CAROUSEL_ALBUM", "carousel": "CAROUSEL_ALBUM"}


def blueprint(state: InstagramState, host: str) -> Blueprint:
    """``GET /{ig-id}/media``, newest first. Stories are not in it."""
    views = Blueprint("media", __name__)

    @views.get("/<identity>/media")
    def listed(identity: str) -> dict[str, Any]:
        me, sent = session(), parameters()
        account = account_to_read(me, identity)
        found = state.world.posts.newest(
            lambda post: (
                post.platform == "instagram"
                and post.author == account.id
                and post.distribution != "STORY"
                and _readable(state, post)
            )
        )
        fields = sent.text("fields")
        entries = [project("IGMedia", _fields(state, post), fields, ("id",)) for post in found]
        return paged(entries, host)

    return views


def media_kind(state: InstagramState, product: Product) -> Kind:
    """Media as nodes. Row 16: only Facebook Login can delete them."""

    def find(me: Session, identity: str) -> ReceivedPost | None:
        post = state.world.post_by_urn.get(identity)
        if post is None or post.platform != "instagram" or post.deleted is not None:
            return None
        return post if account_for(me, post.author) else None

    def read(me: Session, post: ReceivedPost) -> dict[str, Any]:
        me.require(product_of(me).basic, 10)
        return _fields(state, post)

    def delete(me: Session, post: ReceivedPost) -> None:
        me.require(product.delete or "")
        post.deleted = me.now

    def insights(me: Session, post: ReceivedPost) -> dict[str, Any]:
        """``impressions`` and ``plays`` are gone."""
        me.require(product.insights, 10)
        numbers = _statistics(state, post)
        names = ("views", "reach", "likes", "comments", "shares", "saved", "total_interactions")
        return {name: numbers.get(name, 0) for name in names}

    allowed = delete if product.delete else None
    return Kind("IGMedia", find, read, ("id",), allowed, insights)


def _readable(state: InstagramState, post: ReceivedPost) -> bool:
    wait = float(state.settings.get("readback_seconds", post.member))
    return post.deleted is None and state.now(post.member) >= post.created + wait


def _statistics(state: InstagramState, post: ReceivedPost) -> dict[str, Any]:
    """The numbers set for all of the member's posts, and over them those of this post."""
    own = state.settings.get("statistics_of", post.member).get(post.urn, {})
    numbers: dict[str, Any] = state.settings.get("statistics", post.member) | own
    return numbers


def permalink(post: ReceivedPost) -> str:
    """The public address; it cannot be built from the numeric id."""
    path = "reel" if post.kind == "reel" else "p"
    return f"https://www.instagram.com/{path}/{post.content['shortcode']}/"


def _fields(state: InstagramState, post: ReceivedPost) -> dict[str, Any]:
    numbers = _statistics(state, post)
    products = {"reel": "REELS"}
    story = post.distribution == "STORY"
    timestamp = datetime.fromtimestamp(post.created, UTC).strftime("%Y-%m-%dT%H:%M:%S+0000")
    children = [{"id": each["urn"]} for each in post.media]
    return {
        "id": post.urn,
        # Absent without a caption, not empty.
        "caption": post.commentary or None,
        "permalink": permalink(post),
        "shortcode": post.content["shortcode"],
        "timestamp": timestamp,
        "media_type": _TYPES.get(post.kind, "VIDEO"),
        "media_product_type": "STORY" if story else products.get(post.kind, "FEED"),
        "username": post.author_name,
        "like_count": numbers.get("likes", 0),
        "comments_count": numbers.get("comments", 0),
        "alt_text": post.media[0]["alt_text"],
        "children": {"data": children} if len(children) > 1 else None,
        "owner": {"id": post.author},
    }

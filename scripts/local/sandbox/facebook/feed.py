"""``POST /{page}/feed``: text, link, several photos (platform facts 3.3)."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from flask import Blueprint

from local.sandbox.graph.errors import GraphError, bad_parameter
from local.sandbox.graph.gateway import session
from local.sandbox.graph.nodes import Kind
from local.sandbox.graph.parameters import Parameters, parameters
from local.sandbox.graph.projecting import project

from .posts import post_fields
from .publishing import (
    WHEN,
    described,
    ignored,
    keep,
    new_post,
    new_post_id,
    read_message,
    read_when,
)
from .state import FacebookState, Photo

#: The usual cap, seen in clients.
_MOST_PHOTOS = 10
_KNOWN = ("message", "link", "attached_media", "targeting", "place", "tags", *WHEN)


def blueprint(state: FacebookState) -> Blueprint:
    """The commit call of texts, links and sets of photos."""
    views = Blueprint("feed", __name__)

    @views.post("/<identity>/feed")
    def create(identity: str) -> dict[str, Any]:
        me, sent = session(), parameters()
        page = state.page_to_write(me, identity)
        message, link = read_message(sent, "message"), _link(state, me.member, sent)
        photos = _attached(state, page.id, sent)
        if not message.strip() and not link and not photos:
            raise bad_parameter("Missing message or attachment")
        when = read_when(state, me, sent)
        kind = "link" if link else "text"
        if photos:
            kind = "image" if len(photos) == 1 else "multiImage"
        post = new_post(state, me, page, new_post_id(state, page), message, when, kind)
        post.content |= {"link": link} if link else {}
        post.media = [described(photo) for photo in photos]
        post.defects = ignored(sent, *_KNOWN)
        if link and photos:
            # Not documented; readers see the photos only.
            post.defects.append("link beside attached_media: the link is not shown")
        keep(state, post, once=True)
        for photo in photos:
            photo.post = post.urn
        return project("Post", post_fields(state, post), sent.text("fields"), ("id",))

    return views


def _link(state: FacebookState, member: str, sent: Parameters) -> str:
    link = sent.text("link")
    if not link:
        return ""
    parts = urlsplit(link)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise bad_parameter("The url you supplied is invalid")
    if state.settings.get("link_preview_fails", member):
        raise GraphError(1609005, "The link preview could not be made.")
    return link


def _attached(state: FacebookState, page: str, sent: Parameters) -> list[Photo]:
    """Row 10."""
    entries = sent.items("attached_media")
    if len(entries) > _MOST_PHOTOS:
        raise bad_parameter(f"attached_media has {len(entries)} entries, at most {_MOST_PHOTOS}")
    photos: list[Photo] = []
    for entry in entries:
        if not isinstance(entry, dict) or not isinstance(entry.get("media_fbid"), str | int):
            raise bad_parameter('attached_media must be a list of {"media_fbid": "…"}')
        photo = state.photos.get(str(entry["media_fbid"]))
        if photo is None or photo.page != page or _dropped(state, photo):
            raise bad_parameter(f"{entry['media_fbid']} is not an unpublished photo of the page")
        if photo.post is not None or photo in photos:
            # Unconfirmed; strict: a photo is posted once.
            raise bad_parameter("These photos were already posted.")
        photos.append(photo)
    return photos


def _dropped(state: FacebookState, photo: Photo) -> bool:
    """Unpublished photos go after about a day."""
    member = photo.media.member
    life = state.settings.get("unpublished_seconds", member)
    return photo.post is None and state.now(member) >= photo.created + life


def photo_kind(state: FacebookState) -> Kind:
    """Photos as nodes, published or not."""

    def find(_: object, identity: str) -> Photo | None:
        photo = state.photos.get(identity)
        return None if photo is None or _dropped(state, photo) else photo

    def read(_: object, photo: Photo) -> dict[str, Any]:
        return {
            "id": photo.media.urn,
            "alt_text_custom": photo.alt_text,
            "width": photo.media.width,
            "height": photo.media.height,
            "link": f"https://www.facebook.com/{photo.media.urn}",
            "page_story_id": photo.post,
        }

    return Kind("Photo", find, read)

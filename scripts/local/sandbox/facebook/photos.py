"""``POST /{page}/photos``: one photo, published or kept for a set (platform facts 3.4)."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, request

from local.sandbox.fetching import FetchError, fetch
from local.sandbox.graph.directory import Page
from local.sandbox.graph.errors import GraphError, bad_parameter
from local.sandbox.graph.gateway import Session, session
from local.sandbox.graph.inspecting import read_image
from local.sandbox.graph.parameters import Parameters, parameters
from local.sandbox.records import Media

from .publishing import (
    WHEN,
    When,
    described,
    ignored,
    keep,
    new_post,
    new_post_id,
    read_message,
    read_when,
)
from .state import FacebookState, Photo

_FORMATS = ("JPEG", "BMP", "PNG", "GIF", "TIFF")
_KNOWN = ("url", "source", "message", "caption", "alt_text_custom", "temporary", "no_story", *WHEN)
_SCHEMES = ("http", "https")


def blueprint(state: FacebookState) -> Blueprint:
    """Photos and photo stories."""
    views = Blueprint("photos", __name__)

    @views.post("/<identity>/photos")
    def create(identity: str) -> dict[str, Any]:
        me, sent = session(), parameters()
        page = state.page_to_write(me, identity)
        message = read_message(sent, "message", "caption")
        when = read_when(state, me, sent)
        photo = _upload(state, me, page, sent)
        answer = {"id": photo.media.urn}
        if when.visibility == "UNPUBLISHED":
            return answer
        post_id = new_post_id(state, page)
        post = new_post(state, me, page, post_id, message, when, "image")
        post.media, post.defects = [described(photo)], ignored(sent, *_KNOWN)
        keep(state, post)
        photo.post = post_id
        return answer | {"post_id": post_id}

    @views.post("/<identity>/photo_stories")
    def story(identity: str) -> dict[str, Any]:
        me = session()
        page = state.page_to_write(me, identity)
        photo = state.photos.get(parameters().text("photo_id"))
        if photo is None or photo.page != page.id or photo.post is not None:
            raise bad_parameter("photo_id is not an unpublished photo of the page")
        post_id = new_post_id(state, page)
        post = new_post(state, me, page, post_id, "", When("PUBLIC"), "image")
        post.media, post.distribution = [described(photo)], "STORY"
        keep(state, post)
        photo.post = post_id
        return {"success": True, "post_id": post_id}

    return views


def _upload(state: FacebookState, me: Session, page: Page, sent: Parameters) -> Photo:
    """Row 11. Code 324 for both: 100 is reported as well."""
    most = int(state.settings.get("photo_bytes", me.member))
    urn = str(state.world.new_id())
    media = Media(urn, "facebook", me.member, page.id, "image")
    media.data = _bytes(state, sent, most)
    if len(media.data) > most:
        raise GraphError(324, f"(#324) {len(media.data)} bytes, a photo has at most {most}")
    if not read_image(media, _FORMATS):
        raise GraphError(324, "(#324) Missing or invalid image file")
    photo = Photo(media, page.id, me.now, sent.text("alt_text_custom") or None)
    with state.world.lock:
        state.photos[urn] = photo
        state.world.media[urn] = media
    return photo


def _bytes(state: FacebookState, sent: Parameters, most: int) -> bytes:
    source = request.files.get("source")
    if source is not None:
        return bytes(source.read())
    if not sent.has("url"):
        raise GraphError(324, "(#324) Requires upload file")
    try:
        return fetch(
            sent.text("url"), state.world.public_origins, largest=most, schemes=_SCHEMES
        ).data
    except FetchError as error:
        raise GraphError(324, f"(#324) Missing or invalid image file: {error}") from None

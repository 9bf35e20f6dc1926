"""``POST /{ig-id}/media``: the container, and how it is doing (platform facts 4.3)."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, request

from local.sandbox.graph.errors import GraphError, bad_parameter, no_node
from local.sandbox.graph.gateway import Session, session
from local.sandbox.graph.nodes import Kind
from local.sandbox.graph.parameters import Parameters, parameters
from local.sandbox.graph.tokens import DAY
from local.sandbox.graph.transfers import Transfer, announce_size, header_number, take
from local.sandbox.records import Media

from .access import Account, account_for, account_to_publish, product_of
from .checking import (
    check_collaborators,
    check_thumbnail,
    judge_video,
    read_alt_text,
    read_caption,
    take_image,
    take_video,
)
from .state import Container, InstagramState

LIFE_SECONDS = DAY
_OPTIONAL = (
    "share_to_feed",
    "cover_url",
    "thumb_offset",
    "audio_name",
    "user_tags",
    "collaborators",
    "location_id",
    "product_tags",
    "is_ai_generated",
)
_KNOWN = (
    *_OPTIONAL,
    "image_url",
    "video_url",
    "upload_type",
    "media_type",
    "caption",
    "alt_text",
    "is_carousel_item",
    "children",
)


def blueprint(state: InstagramState) -> Blueprint:
    """Create a container."""
    views = Blueprint("containers", __name__)

    @views.post("/<identity>/media")
    def create(identity: str) -> dict[str, Any]:
        me, sent = session(), parameters()
        account = account_to_publish(state, me, identity)
        container = _read(state, me, account, sent)
        _count(state, me, account)
        with state.world.lock:
            state.containers[container.id] = container
        if container.transfer is None:
            return {"id": container.id}
        version = f"v{me.version[0]}.{me.version[1]}"
        return {
            "id": container.id,
            "uri": f"https://rupload.facebook.com/ig-api-upload/{version}/{container.id}",
        }

    return views


def bytes_blueprint(state: InstagramState) -> Blueprint:
    """``rupload.facebook.com/ig-api-upload/…``: the bytes of a resumable upload."""
    views = Blueprint("container_bytes", __name__)

    @views.post("/ig-api-upload/<version>/<identity>")
    def upload(version: str, identity: str) -> dict[str, Any]:
        container = state.containers.get(identity)
        if container is None or container.transfer is None or not _owns(session(), container):
            raise no_node(identity, "post")
        announce_size(container.transfer)
        data = request.get_data()
        if not data:
            raise bad_parameter("the request has no bytes")
        take(state, container.transfer, header_number("offset"), data)
        if container.transfer.finished is not None:
            media = container.media[0]
            media.data = bytes(container.transfer.data)
            container.failure = container.failure or judge_video(media, container.kind)
        return {"success": True, "message": "Upload successful."}

    return views


def container_kind(state: InstagramState) -> Kind:
    """Containers as nodes: they tell how they are doing, but not which media became of them."""

    def find(me: Session, identity: str) -> Container | None:
        container = state.containers.get(identity)
        return container if container and _owns(me, container) else None

    def read(me: Session, container: Container) -> dict[str, Any]:
        me.require(product_of(me).basic, 10)
        code, text = status_of(state, container)
        return {"id": container.id, "status_code": code, "status": text}

    return Kind("IGContainer", find, read, ("id",))


def _owns(me: Session, container: Container) -> bool:
    """The same account through the same app: the two products do not share containers."""
    return me.app is container.app and account_for(me, container.account) is not None


def status_of(state: InstagramState, container: Container) -> tuple[str, str]:
    """``status_code`` and ``status``. A published container stays PUBLISHED."""
    now = state.now(container.member)
    if container.published is not None:
        return "PUBLISHED", "Published: Media has been successfully published."
    if now >= container.created + LIFE_SECONDS:
        return "EXPIRED", "Expired: The container was not published within 24 hours."
    ready = ready_at(state, container)
    if ready is None or now < ready:
        return "IN_PROGRESS", "In Progress: Media is still being processed."
    if container.failure is not None:
        subcode, why = container.failure
        return "ERROR", f"Error: Media upload has failed with error code {subcode}: {why}"
    return "FINISHED", "Finished: Media has been uploaded and it is ready to be published."


def ready_at(state: InstagramState, container: Container) -> float | None:
    """When processing ends; None while bytes are missing."""
    begun = container.created if container.transfer is None else container.transfer.finished
    seconds = float(state.settings.get("processing_seconds", container.member))
    return None if begun is None else begun + seconds


def _read(state: InstagramState, me: Session, account: Account, sent: Parameters) -> Container:
    child = sent.flag("is_carousel_item", False)
    kind = _kind(sent, child)
    media_kind = "IMAGE" if sent.has("image_url") and kind == "STORIES" else kind
    caption = read_caption(state, me.member, sent, child=child)
    alt_text, notes = read_alt_text(state, me.member, sent, kind)
    check_collaborators(sent)
    container = Container(
        id=str(state.world.new_id()),
        app=me.app,
        account=account.id,
        member=me.member,
        kind=kind,
        created=me.now,
        caption=caption,
        alt_text=alt_text,
        is_child=child,
        sent={name: sent.values[name] for name in _OPTIONAL if sent.has(name)},
        defects=notes,
    )
    unknown = sent.unknown(_KNOWN)
    container.defects += [f"{name} is not documented and was ignored" for name in unknown]
    if kind == "CAROUSEL":
        container.children = _children(state, me, sent)
        container.media = [child.media[0] for child in container.children]
    else:
        _fill(state, container, media_kind, sent)
        check_thumbnail(container.media[0], sent)
    if fails := state.settings.get("processing_fails", me.member):
        container.failure = (int(state.settings.get("processing_subcode", me.member)), fails)
    return container


def _fill(state: InstagramState, container: Container, kind: str, sent: Parameters) -> None:
    what = "image" if kind == "IMAGE" else "video"
    media = Media(container.id, "instagram", container.member, container.account, what)
    container.media = [media]
    if kind == "IMAGE":
        take_image(state, media, sent.text("image_url"), story=container.kind == "STORIES")
    elif sent.has("video_url"):
        container.failure = take_video(state, media, sent.text("video_url"), container.kind)
    else:
        container.transfer = Transfer(container.member)
    state.world.media[media.urn] = media


def _kind(sent: Parameters, child: bool) -> str:
    """Rows 5 and 11: which kind, and whether it has what it needs."""
    kind = sent.text("media_type")
    resumable = sent.has("upload_type")
    if resumable and sent.text("upload_type") != "resumable":
        raise bad_parameter("upload_type must be resumable")
    video = sent.has("video_url") or resumable
    sources = [sent.has("image_url"), sent.has("video_url"), resumable, sent.has("children")]
    if not any(sources):
        raise bad_parameter("The parameter image_url is required")
    if sum(sources) > 1:
        raise bad_parameter(
            "Only one of image_url, video_url, upload_type and children can be sent"
        )
    right = {
        "": sent.has("image_url"),
        "VIDEO": video and child,
        "REELS": video and not child,
        "STORIES": (video or sent.has("image_url")) and not child,
        "CAROUSEL": sent.has("children") and not child,
    }
    if not right.get(kind, False):
        message = f"The media type {kind or 'IMAGE'} does not fit; use REELS for a single video"
        raise bad_parameter(message, 2207023)
    return kind or "IMAGE"


def _children(state: InstagramState, me: Session, sent: Parameters) -> list[Container]:
    """Row 10; the children are finished containers of the same account."""
    ids = [str(each) for each in sent.items("children")]
    most = state.settings.get("carousel_most", me.member)
    if not 2 <= len(ids) <= most:
        raise bad_parameter(f"A carousel has 2 to {most} children, not {len(ids)}", 2207028)
    children = []
    for identity in ids:
        child = state.containers.get(identity)
        if child is None or not _owns(me, child) or not child.is_child:
            raise GraphError(24, f"{identity} is not a carousel item of the account", 2207006)
        status, _ = status_of(state, child)
        if status == "IN_PROGRESS":
            # Unconfirmed; strict.
            raise GraphError(9007, f"The carousel item {identity} is not ready", 2207027)
        if status != "FINISHED":
            raise GraphError(24, f"The carousel item {identity} is {status}", 2207006)
        children.append(child)
    if len({child.id for child in children}) < len(children):
        raise bad_parameter("A carousel item can be used once only", 2207028)
    return children


def _count(state: InstagramState, me: Session, account: Account) -> None:
    """Row 17; which code says so is not documented."""
    most = state.settings.get("containers_per_day", me.member)
    if not state.windows.spend(f"containers/{account.id}", most, me.now):
        raise GraphError(4, f"(#4) Application request limit reached: {most} containers in 24 h")

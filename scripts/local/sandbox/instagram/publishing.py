"""``POST /{ig-id}/media_publish``: the only commit (platform facts 4.3, 4.5 and 4.6)."""

from __future__ import annotations

import secrets
from typing import Any, cast

from flask import Blueprint, request

from local.sandbox.graph.errors import GraphError, bad_parameter
from local.sandbox.graph.gateway import Session, session
from local.sandbox.graph.parameters import parameters
from local.sandbox.graph.text import pieces_of_caption
from local.sandbox.records import ReceivedPost, SeenRequest

from .access import Account, account_to_publish
from .checking import shown_size
from .containers import ready_at, status_of
from .state import Container, InstagramState

_KINDS = {"IMAGE": "image", "REELS": "reel", "VIDEO": "video"}


def blueprint(state: InstagramState) -> Blueprint:
    """Publish a container."""
    views = Blueprint("publishing", __name__)

    @views.post("/<identity>/media_publish")
    def publish(identity: str) -> dict[str, str]:
        me = session()
        account = account_to_publish(state, me, identity)
        creation_id = parameters().text("creation_id")
        if not creation_id:
            raise bad_parameter("The parameter creation_id is required")
        container = state.containers.get(creation_id)
        if container is None or container.account != account.id or container.app is not me.app:
            raise _not_found()
        # Two at once: exactly one of them publishes.
        with container.lock:
            if container.published is not None:
                return {"id": _again(state, me, container)}
            _check_ready(state, me, container)
            _count(state, me, account)
            post = _post(me, account, container)
            container.published = post.urn = str(state.world.new_id())
            for child in container.children:
                child.published = post.urn
            state.shortcodes[post.content["shortcode"]] = post.urn
            state.world.add_post(post)
            return {"id": post.urn}

    return views


def _check_ready(state: InstagramState, me: Session, container: Container) -> None:
    """Rows 12 and 13. What a container with an error is answered is unconfirmed: not ready."""
    status, _ = status_of(state, container)
    if status == "EXPIRED":
        raise GraphError(-2, "The container has expired.", 2207020)
    if status != "FINISHED":
        message = "The media is not ready for publishing, please wait for a moment"
        raise GraphError(9007, message, 2207027)
    if container.is_child:
        raise bad_parameter("A carousel item cannot be published by itself", 2207023)
    found_from = (ready_at(state, container) or 0) + state.settings.get(
        "missing_seconds", me.member
    )
    if me.now < found_from:
        raise GraphError(24, "The requested resource does not exist (yet).", 2207008)


def _count(state: InstagramState, me: Session, account: Account) -> None:
    """Row 14. A carousel counts as one."""
    most = state.settings.get("quota_total", me.member)
    if not state.windows.spend(f"published/{account.id}", most, me.now):
        status = state.settings.get("limit_status", me.member)
        message = f"The account published {most} posts within 24 hours."
        raise GraphError(9, message, 2207042, status)


def _again(state: InstagramState, me: Session, container: Container) -> str:
    """A second publish is unconfirmed. Here it is an error: the container is gone, 24/2207006.

    The setting ``second_publish`` lets it answer the same media instead; never is there a second.
    """
    if state.settings.get("second_publish", me.member) == "same":
        return container.published or ""
    raise _not_found()


def _not_found() -> GraphError:
    return GraphError(24, "The requested resource does not exist.", 2207006)


def _post(me: Session, account: Account, container: Container) -> ReceivedPost:
    seen = cast("SeenRequest", request.environ["sandbox.seen"])
    sources = container.children or [container]
    kinds = {source.media[0].kind for source in sources}
    kind = _KINDS.get(container.kind, "image" if kinds == {"image"} else "video")
    if container.kind == "CAROUSEL":
        kind = "multiImage" if kinds == {"image"} else "carousel"
    return ReceivedPost(
        urn="",
        platform="instagram",
        member=me.member,
        author=account.id,
        author_name=account.username,
        app=me.app.client_id,
        commentary=container.caption,
        visible_text=container.caption,
        pieces=pieces_of_caption(container.caption),
        visibility="PUBLIC",
        created=me.now,
        kind=kind,
        content={
            "container": container.id,
            "media_type": container.kind,
            "shortcode": secrets.token_urlsafe(8),
            **container.sent,
        },
        media=[_described(source) for source in sources],
        defects=list(container.defects),
        distribution="STORY" if container.kind == "STORIES" else "MAIN_FEED",
        request=seen.number,
        client_request_id=seen.client_request_id,
    )


def _described(source: Container) -> dict[str, Any]:
    media = source.media[0]
    described = media.as_json() | {"alt_text": source.alt_text, "title": None}
    if media.kind == "image":
        described["shown_width"], described["shown_height"] = shown_size(media)
    return described

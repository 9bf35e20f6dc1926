"""``/2/tweets``: create and delete (platform facts 2.3, 2.8)."""

from __future__ import annotations

from typing import Any, cast

from flask import Blueprint, request

from local.sandbox.records import SeenRequest

from .creating import keep, read_post
from .errors import forbidden, not_found
from .gateway import check_query, writer
from .schemas import NewPost, read
from .showing import created
from .state import State

#: All three are needed, as in X's own description of the call.
_SCOPES = ("tweet.read", "tweet.write", "users.read")


def blueprint(state: State) -> Blueprint:
    """What makes posts and takes them away."""
    views = Blueprint("posts", __name__)

    @views.post("/2/tweets")
    def create() -> tuple[dict[str, Any], int]:
        me = writer(state, *_SCOPES)
        check_query()
        post = read_post(state, me, read(NewPost), request.get_json())
        seen = cast("SeenRequest", request.environ["sandbox.seen"])
        post.request, post.client_request_id = seen.number, seen.client_request_id
        keep(state, post)
        return {"data": created(state, post)}, 201

    @views.delete("/2/tweets/<urn>")
    def delete(urn: str) -> dict[str, Any]:
        """Row 23. A post deleted already is not found any more."""
        me = writer(state, *_SCOPES)
        post = state.world.post_by_urn.get(urn)
        if post is None or post.platform != "x" or post.deleted:
            raise not_found("tweet", "id", urn)
        if post.member != me.member:
            raise forbidden("You are not authorized to delete this Tweet.")
        post.deleted = state.now(me.member)
        return {"data": {"deleted": True}}

    return views

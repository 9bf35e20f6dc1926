"""``/rest/posts``: create, read, edit, delete (platform facts 1.3, 1.7, 1.9)."""

from __future__ import annotations

from typing import Any, cast

from flask import Blueprint, Response, request

from local.sandbox.records import ReceivedPost, SeenRequest

from .creating import check_readonly, keep, read_commentary, read_post
from .errors import LinkedInError, denied
from .gateway import Session, json_object, session
from .organizations import is_page, require_role
from .state import State

_READS = ("r_member_social", "r_organization_social")
_WRITES = ("w_member_social", "w_organization_social")
_RESOURCE = "partnerApiPostsExternal"


def blueprint(state: State) -> Blueprint:
    """The resource named ``partnerApiPostsExternal`` in LinkedIn's messages."""
    views = Blueprint("posts", __name__)

    @views.post("/rest/posts")
    def create() -> Response:
        post = read_post(state, session(), json_object())
        seen = cast("SeenRequest", request.environ["sandbox.seen"])
        post.request, post.client_request_id = seen.number, seen.client_request_id
        keep(state, post)
        return Response(status=201, headers={"x-restli-id": post.urn})

    @views.get("/rest/posts")
    def find() -> dict[str, Any]:
        # Row 36: with w_member_social alone nothing can be read back.
        session().require(f"{_RESOURCE}.FINDER-author", *_READS)
        author = request.args.get("author", "")
        _check_author(state, session(), author, "FINDER-author", _READS)
        mine = state.world.posts.newest(lambda post: post.author == author, 100)
        return {"elements": [_shown(post) for post in mine if post.deleted is None]}

    @views.get("/rest/posts/<urn>")
    def get(urn: str) -> dict[str, Any]:
        session().require(f"{_RESOURCE}.GET", *_READS)
        return _shown(_own(state, session(), urn, "GET", _READS))

    @views.post("/rest/posts/<urn>")
    def edit(urn: str) -> Response:
        # Whether self-serve apps may edit is unconfirmed; here they may.
        me = session()
        me.require(f"{_RESOURCE}.PARTIAL_UPDATE", *_WRITES)
        if request.headers.get("X-RestLi-Method", "").upper() != "PARTIAL_UPDATE":
            raise LinkedInError(400, "X-RestLi-Method must be PARTIAL_UPDATE")
        commentary = check_readonly(json_object())
        post = _own(state, me, urn, "PARTIAL_UPDATE", _WRITES)
        text = read_commentary(state, commentary)
        post.commentary, post.visible_text, post.pieces = commentary, text.visible, text.pieces
        post.defects, post.edited = text.defects, state.now(me.member)
        return Response(status=204)

    @views.delete("/rest/posts/<urn>")
    def delete(urn: str) -> Response:
        """Documented as idempotent, so a post that is not there gives 204 too (a probe saw 404)."""
        me = session()
        me.require(f"{_RESOURCE}.DELETE", *_WRITES)
        _check_type(urn)
        post = state.world.post_by_urn.get(urn)
        if post is not None:
            _check_author(state, me, post.author, "DELETE", _WRITES)
            post.deleted = post.deleted or state.now(me.member)
        return Response(status=204)

    return views


def _check_type(urn: str) -> None:
    if urn.rpartition(":")[0] not in ("urn:li:share", "urn:li:ugcPost"):
        raise LinkedInError(400, f"{urn} is not a share or ugcPost", "INVALID_URN_TYPE")


def _check_author(
    state: State, me: Session, author: str, method: str, scopes: tuple[str, str]
) -> None:
    """Row 39: the caller's own posts, and those of pages the caller may post for.

    ``scopes`` are for a member's posts and for a page's.
    """
    name = f"{_RESOURCE}.{method}"
    if is_page(author):
        me.require(name, scopes[1])
        require_role(state, me, author, name)
        return
    me.require(name, scopes[0])
    if author != me.author:
        raise denied(f"{name}.{me.version}")


def _own(state: State, me: Session, urn: str, method: str, scopes: tuple[str, str]) -> ReceivedPost:
    _check_type(urn)
    post = state.world.post_by_urn.get(urn)
    if post is None or post.deleted is not None:
        raise LinkedInError(404, f"no post {urn}", "NOT_FOUND")
    _check_author(state, me, post.author, method, scopes)
    return post


def _shown(post: ReceivedPost) -> dict[str, Any]:
    created = int(post.created * 1000)
    return {
        "id": post.urn,
        "author": post.author,
        "commentary": post.commentary,
        "visibility": post.visibility,
        "lifecycleState": "PUBLISHED",
        "createdAt": created,
        "publishedAt": created,
        "lastModifiedAt": int((post.edited or post.created) * 1000),
        "isReshareDisabledByAuthor": post.reshare_disabled,
        "distribution": {"feedDistribution": post.distribution},
        **({"content": post.content} if post.content else {}),
    }

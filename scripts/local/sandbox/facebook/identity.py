"""Who the person is, which pages there are, what was granted (platform facts 3.1 and 3.2)."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response

from local.sandbox.graph.directory import Page
from local.sandbox.graph.errors import bad_parameter, no_node
from local.sandbox.graph.gateway import Session, session
from local.sandbox.graph.nodes import Kind
from local.sandbox.graph.paging import paged
from local.sandbox.graph.parameters import parameters
from local.sandbox.graph.projecting import project
from local.sandbox.portraits import portrait

from .state import HOST, FacebookState

_PAGE_DEFAULTS = ("id", "name")
_ACCOUNT_DEFAULTS = ("access_token", "category", "name", "id", "tasks")


def kinds(state: FacebookState) -> list[Kind]:
    """The person and the pages as nodes."""
    user = Kind(
        "User",
        lambda me, identity: _user(state, me, identity),
        lambda me, member: _user_fields(state, me, member),
        ("id", "name"),
    )
    page = Kind(
        "Page", state.page_for, lambda me, page: page_fields(state, me, page), _PAGE_DEFAULTS
    )
    return [user, page]


def blueprint(state: FacebookState) -> Blueprint:
    """Lists below a person."""
    views = Blueprint("identity", __name__)

    @views.get("/<identity>/accounts")
    def accounts(identity: str) -> dict[str, Any]:
        me = _person(state, identity)
        # Pages held by a Business may be missing here; in the sandbox they are.
        pages = [page for page in _listed(state, me) if page.business is None]
        return _as_list(state, me, pages)

    @views.get("/<identity>/permissions")
    def permissions(identity: str) -> dict[str, Any]:
        me = _person(state, identity)
        granted = state.grants.granted(me.token.app, me.member).permissions
        return {"data": [{"permission": name, "status": how} for name, how in granted.items()]}

    @views.delete("/<identity>/permissions", defaults={"permission": None})
    @views.delete("/<identity>/permissions/<permission>")
    def revoke(identity: str, permission: str | None) -> dict[str, Any]:
        me = _person(state, identity)
        granted = state.grants.granted(me.token.app, me.member).permissions
        if permission is None:
            state.grants.forget(me.token.app, me.member)
        elif permission in granted:
            granted[permission] = "declined"
        else:
            raise bad_parameter(f"The permission {permission} was not granted")
        return {"success": True}

    @views.get("/<identity>/businesses")
    def businesses(identity: str) -> dict[str, Any]:
        me = _person(state, identity)
        me.require("business_management")
        held = {page.business for page in state.granted_pages(me.token) if page.business}
        entries = [{"id": one, "name": f"Business {one}"} for one in sorted(held)]
        return paged(entries, HOST)

    @views.get("/<business>/owned_pages", defaults={"owned": True})
    @views.get("/<business>/client_pages", defaults={"owned": False})
    def business_pages(business: str, owned: bool) -> dict[str, Any]:
        me = session()
        me.require("business_management")
        pages = [page for page in _listed(state, me) if page.business == business]
        if not pages:
            raise no_node(business)
        return _as_list(state, me, pages if owned else [])

    @views.get("/<identity>/picture")
    def picture(identity: str) -> Response:
        return Response(portrait(identity), content_type="image/png")

    return views


def _person(state: FacebookState, identity: str) -> Session:
    me = session()
    if _user(state, me, identity) is None:
        raise no_node(identity)
    return me


def _user(state: FacebookState, me: Session, identity: str) -> str | None:
    """The member when the token is the person's and the id the person's."""
    mine = (state.user_id(me.app, me.member), "me")
    return me.member if me.token.kind == "user" and identity in mine else None


def _user_fields(state: FacebookState, me: Session, identity: str) -> dict[str, Any]:
    member = state.member(identity)
    user = state.user_id(me.app, identity)
    return {
        "id": user,
        "name": member.name,
        "first_name": member.given_name,
        "last_name": member.family_name or None,
        "email": member.email if me.allows("email") else None,
        "picture": _picture(user),
    }


def page_fields(state: FacebookState, me: Session, page: Page) -> dict[str, Any]:
    """Every field of a page. ``access_token`` only where the person's token asks."""
    token = None
    if me.allows("pages_show_list"):
        token = me.token if me.token.page else state.grants.page_token(me.token, page.id, me.now)
    return {
        "id": page.id,
        "name": page.name,
        "access_token": token.text if token else None,
        "tasks": list(page.tasks),
        "category": "Local business",
        "username": page.username,
        "link": f"https://www.facebook.com/{page.id}",
        "picture": _picture(page.id),
        "instagram_business_account": {"id": page.instagram} if page.instagram else None,
    }


def _listed(state: FacebookState, me: Session) -> list[Page]:
    # Without the permission the list is empty, not refused.
    return state.granted_pages(me.token) if me.allows("pages_show_list") else []


def _as_list(state: FacebookState, me: Session, pages: list[Page]) -> dict[str, Any]:
    fields = parameters().text("fields")
    entries = [
        project("Page", page_fields(state, me, page), fields, _ACCOUNT_DEFAULTS) for page in pages
    ]
    return paged(entries, HOST)


def _picture(identity: str) -> dict[str, Any]:
    url = f"https://{HOST}/{identity}/picture"
    data = {"height": 200, "width": 200, "is_silhouette": False, "url": url}
    return {"data": data}

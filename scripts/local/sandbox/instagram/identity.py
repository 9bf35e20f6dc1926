"""The account behind a token (platform facts 4.2) and what it may still publish (4.4)."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response

from local.sandbox.facebook.state import FacebookState
from local.sandbox.graph.gateway import Session, session
from local.sandbox.graph.nodes import Kind, shown
from local.sandbox.graph.parameters import parameters
from local.sandbox.graph.projecting import project
from local.sandbox.graph.windows import DAY
from local.sandbox.portraits import portrait

from .access import Account, account_for, account_to_read, product_of
from .state import HOST, InstagramState


def account_kind(state: InstagramState) -> Kind:
    """Accounts as nodes."""

    def read(me: Session, account: Account) -> dict[str, Any]:
        me.require(product_of(me).basic, 10)
        return _fields(state, me, account)

    return Kind("IGUser", account_for, read, ("id",))


def _fields(state: InstagramState, me: Session, account: Account) -> dict[str, Any]:
    fields = {
        "id": account.id,
        "username": account.username,
        "name": account.member.name,
        "profile_picture_url": f"https://{HOST}/{account.id}/picture",
        "followers_count": 1,
        "media_count": 0,
    }
    if isinstance(me.state, FacebookState):
        return fields
    # ``id`` is the app's id of the person, ``user_id`` the account's: publishing needs that one.
    own = state.scoped_id(me.app, me.member)
    return fields | {"id": own, "user_id": account.id, "account_type": "BUSINESS"}


def me_blueprint(state: InstagramState) -> Blueprint:
    """``/me`` and pictures on ``graph.instagram.com``; documents show ``/me`` in a list."""
    views = Blueprint("me", __name__)
    kind = account_kind(state)

    @views.get("/me")
    def who() -> dict[str, Any]:
        me = session()
        body = shown(me, kind, account_to_read(me, "me"), parameters().text("fields"))
        return {"data": [body]} if getattr(me.app, "wraps_data", False) else body

    @views.get("/<identity>/picture")
    def picture(identity: str) -> Response:
        return Response(portrait(identity, "JPEG"), content_type="image/jpeg")

    return views


def limit_blueprint(state: InstagramState) -> Blueprint:
    """``/{ig-id}/content_publishing_limit``, on both hosts (unconfirmed for Instagram's own)."""
    views = Blueprint("publishing_limit", __name__)

    @views.get("/<identity>/content_publishing_limit")
    def limit(identity: str) -> dict[str, Any]:
        me = session()
        account = account_to_read(me, identity)
        values = {
            "quota_usage": state.windows.used(f"published/{account.id}", me.now),
            "config": {
                "quota_total": state.settings.get("quota_total", me.member),
                "quota_duration": int(DAY),
            },
        }
        fields = parameters().text("fields")
        return {"data": [project("ContentPublishingLimit", values, fields, ("quota_usage",))]}

    return views

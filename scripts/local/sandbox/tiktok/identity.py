"""Who the member is and what the account may do (platform facts 5.2)."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, request

from .errors import TikTokError, envelope, invalid
from .fields import Fields
from .gateway import Session, json_object, session
from .publishing import check_caps
from .state import State
from .tokens import union_id_of

_CREATOR_INFOS, USER_INFOS = 20, 600
_FIELDS = {
    "open_id": "user.info.basic",
    "union_id": "user.info.basic",
    "avatar_url": "user.info.basic",
    "display_name": "user.info.basic",
    "username": "user.info.profile",
    "bio_description": "user.info.profile",
    "profile_deep_link": "user.info.profile",
    "follower_count": "user.info.stats",
    "following_count": "user.info.stats",
    "likes_count": "user.info.stats",
    "video_count": "user.info.stats",
}


def blueprint(state: State) -> Blueprint:
    """User info and creator info."""
    views = Blueprint("identity", __name__)

    @views.get("/v2/user/info/")
    def user() -> dict[str, Any]:
        me = session()
        me.spend("user", USER_INFOS)
        names = requested(_FIELDS)
        for name in names:
            me.require(_FIELDS[name])
        known = _known(state, me)
        return envelope({"user": {name: known[name] for name in names if name in known}})

    @views.post("/v2/post/publish/creator_info/query/")
    def creator() -> dict[str, Any]:
        me = session()
        me.require("video.publish")
        me.spend("creator", _CREATOR_INFOS)
        Fields(json_object(empty=True), "", ())
        try:
            check_caps(me, "direct")
        except TikTokError as error:
            # Documented so: a cap comes with HTTP 200 here.
            return envelope({}, error.code, str(error))
        state.asked_creator.add((me.app.client_id, me.member))
        return envelope(_creator(state, me))

    return views


def requested(known: dict[str, str]) -> list[str]:
    """The query's ``fields``. Row 6: they have to be named. Raises TikTokError."""
    names = list(filter(None, request.args.get("fields", "").split(",")))
    if not names:
        raise invalid("fields", "is required")
    if unknown := [name for name in names if name not in known]:
        raise invalid("fields", f"unknown: {', '.join(unknown)}")
    return names


def _known(state: State, me: Session) -> dict[str, Any]:
    member, username = state.member(me.member), state.username(me.member)
    public = [each for each in state.publications.values() if each.member == me.member]
    known: dict[str, Any] = {
        "open_id": me.subject,
        "union_id": union_id_of(me.member),
        "display_name": member.name,
        "username": username,
        "bio_description": "",
        "profile_deep_link": f"https://www.tiktok.com/@{username}",
        "follower_count": 0,
        "following_count": 0,
        "likes_count": 0,
        "video_count": sum(each.is_public(state) for each in public),
    }
    return known | ({"avatar_url": _avatar(me)} if member.picture else {})


def _creator(state: State, me: Session) -> dict[str, Any]:
    creator = state.creator(me.member)
    return {
        "creator_avatar_url": _avatar(me),
        "creator_username": state.username(me.member),
        "creator_nickname": state.member(me.member).name,
        "privacy_level_options": list(creator.options),
        "comment_disabled": creator.comment_disabled,
        "duet_disabled": creator.duet_disabled,
        "stitch_disabled": creator.stitch_disabled,
        "max_video_post_duration_sec": creator.max_video_post_duration_sec,
    }


def _avatar(me: Session) -> str:
    return f"https://p16-sign.tiktokcdn.com/avatar/{me.subject}.jpeg"

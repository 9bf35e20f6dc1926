"""``/2/users/me`` (platform facts 2.2)."""

from __future__ import annotations

from typing import Any

from flask import Blueprint

from .gateway import check_query, chosen, session
from .state import State

_FIELDS = (
    "id",
    "name",
    "username",
    "profile_image_url",
    "verified",
    "verified_type",
    "description",
    "created_at",
    "protected",
    "public_metrics",
    "url",
)


def blueprint(state: State) -> Blueprint:
    """Who the caller is."""
    views = Blueprint("identity", __name__)

    @views.get("/2/users/me")
    def me() -> dict[str, Any]:
        # ``users.read`` alone does not suffice.
        caller = session("users.read", "tweet.read")
        check_query("user.fields", "tweet.fields", "expansions")
        fields = chosen("user.fields", _FIELDS)
        return {"data": described(state, caller.member, fields)}

    return views


def described(state: State, member: str, fields: set[str]) -> dict[str, Any]:
    """A user object: id, name and username always, the rest when asked for."""
    subject = state.subject(member)
    user: dict[str, Any] = {
        "id": subject,
        "name": state.member(member).name,
        "username": state.username(member),
    }
    more: dict[str, Any] = {
        "profile_image_url": f"https://pbs.twimg.com/profile_images/{subject}/photo_normal.png",
        "verified": bool(state.setting("premium", member)),
        "verified_type": "blue" if state.setting("premium", member) else "none",
        "description": "",
        "created_at": "2020-01-01T00:00:00.000Z",
        "protected": False,
        "url": "",
        "public_metrics": {"followers_count": 0, "following_count": 0, "tweet_count": 0},
    }
    return user | {name: value for name, value in more.items() if name in fields}

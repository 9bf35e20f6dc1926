"""``/v2/video``: public videos and their numbers (platform facts 5.6)."""

from __future__ import annotations

from typing import Any

from flask import Blueprint

from .errors import envelope, invalid
from .fields import Fields
from .gateway import Session, json_object, session
from .identity import requested
from .state import Publication, State

_REQUESTS = 600
_MOST = 20
_SCOPE = "video.list"
_NUMBERS = ("like_count", "comment_count", "share_count", "view_count")
_FIELDS = dict.fromkeys(
    ("id", "create_time", "share_url", "title", "video_description", "duration", *_NUMBERS), _SCOPE
)


def blueprint(state: State) -> Blueprint:
    """The list and the query. Public videos only: no photos, nothing before its moderation."""
    views = Blueprint("videos", __name__)

    @views.post("/v2/video/list/")
    def newest() -> dict[str, Any]:
        me, names = _entering()
        body = Fields(json_object(empty=True), "", ("cursor", "max_count"))
        count = body.whole("max_count", least=1) if body.has("max_count") else 10
        if count > _MOST:
            raise invalid("max_count", f"at most {_MOST}")
        # A moment in thousandths of a second: what is older comes next.
        cursor = body.whole("cursor") if body.has("cursor") else None
        found = [each for each in _public(state, me) if not cursor or _moment(each) < cursor]
        page = found[:count]
        return envelope(
            {
                "videos": [_shown(state, each, names) for each in page],
                "cursor": _moment(page[-1]) if page else cursor or 0,
                "has_more": len(found) > count,
            }
        )

    @views.post("/v2/video/query/")
    def query() -> dict[str, Any]:
        me, names = _entering()
        filters = Fields(json_object(), "", ("filters",)).inner("filters", ("video_ids",))
        ids = filters.items("video_ids", 1, _MOST)
        if not all(isinstance(each, str) for each in ids):
            raise invalid("filters.video_ids", "must be strings")
        found = [each for each in _public(state, me) if str(each.post_id) in ids]
        return envelope({"videos": [_shown(state, each, names) for each in found]})

    return views


def _entering() -> tuple[Session, list[str]]:
    me = session()
    me.require(_SCOPE)
    me.spend("videos", _REQUESTS)
    return me, requested(_FIELDS)


def _public(state: State, me: Session) -> list[Publication]:
    mine = [
        each
        for each in list(state.publications.values())
        if each.member == me.member and each.kind == "video" and each.is_public(state)
    ]
    return sorted(mine, key=_moment, reverse=True)


def _moment(publication: Publication) -> int:
    return int((publication.published or 0) * 1000)


def _shown(state: State, publication: Publication, names: list[str]) -> dict[str, Any]:
    username = state.username(publication.member)
    known: dict[str, Any] = {
        "id": str(publication.post_id),
        "create_time": int(publication.published or 0),
        "share_url": f"https://www.tiktok.com/@{username}/video/{publication.post_id}",
        "title": publication.caption,
        "video_description": publication.caption,
        "duration": int(publication.media[0].seconds or 0),
        **state.creator(publication.member).statistics,
    }
    return {name: known[name] for name in names}

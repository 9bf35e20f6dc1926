"""Numbers of posts, for vetted apps only (platform facts 1.9). What they are, tests set."""

from __future__ import annotations

import re
from typing import Any

from flask import Blueprint, request

from local.sandbox.records import ReceivedPost

from .errors import LinkedInError, denied
from .gateway import Session, session
from .organizations import require_role
from .state import State

_YEAR = 365 * 86_400
QUERY_TYPES = ("IMPRESSION", "MEMBERS_REACHED", "RESHARE", "REACTION", "COMMENT")
#: What can be set: the kinds a member may ask for, and clicks, which only pages are told.
COUNTED = (*QUERY_TYPES, "CLICK")
_ENTITY = re.compile(r"\((share|ugc):(urn:li:(share|ugcPost):\d+)\)")
_LIST = re.compile(r"List\((.*)\)")


def blueprint(state: State) -> Blueprint:
    """Statistics of members' posts and of pages' posts."""
    views = Blueprint("statistics", __name__)

    @views.get("/rest/memberCreatorPostAnalytics")
    def of_a_member() -> dict[str, Any]:
        me = session()
        me.require("memberCreatorPostAnalytics.FINDER-entity", "r_member_postAnalytics")
        _only("q", "entity")
        _only("aggregation", "TOTAL")
        kind = _only("queryType", *QUERY_TYPES)
        post = _post(state, me, _entity())
        numbers = state.statistics_of(post.member)
        return {"elements": [{"count": numbers[kind], "metricType": kind}], "paging": {}}

    @views.get("/rest/organizationalEntityShareStatistics")
    def of_a_page() -> dict[str, Any]:
        me = session()
        finder = "organizationalEntityShareStatistics.FINDER-organizationalEntity"
        me.require(finder, "rw_organization_admin")
        _only("q", "organizationalEntity")
        page = request.args.get("organizationalEntity", "")
        require_role(state, me, page, finder, ("ADMINISTRATOR",))
        posts = [_page_post(state, page, urn) for urn in _urns()]
        since = state.now(me.member) - _YEAR
        elements = [
            {
                "organizationalEntity": page,
                post.urn.split(":")[2]: post.urn,
                "totalShareStatistics": _totals(state, post),
            }
            for post in posts
            if post.created > since
        ]
        return {"elements": elements, "paging": {"start": 0, "count": len(elements), "links": []}}

    return views


def _only(name: str, *allowed: str) -> str:
    value = request.args.get(name, "")
    if value not in allowed:
        why = f"{name} must be {' or '.join(allowed)}, not {value!r}"
        raise LinkedInError(400, why, "INVALID_VALUE_FOR_FIELD")
    return value


def _entity() -> str:
    """``(share:{urn})``, or ``(ugc:{urn})`` for a ugcPost."""
    found = _ENTITY.fullmatch(request.args.get("entity", ""))
    if found is None or (found[1] == "ugc") != (found[3] == "ugcPost"):
        message = "entity must be (share:{share URN}) or (ugc:{ugcPost URN})"
        raise LinkedInError(400, message, "INVALID_URN_TYPE")
    return found[2]


def _urns() -> list[str]:
    # That posts are named is the only form documented; figures of a whole page are left out.
    found = _LIST.fullmatch(request.args.get("shares", ""))
    urns = found[1].split(",") if found else []
    if not all(re.fullmatch(r"urn:li:(share|ugcPost):\d+", urn) for urn in urns or [""]):
        raise LinkedInError(400, "shares must be List({URN},…)", "INVALID_URN_TYPE")
    return urns


def _post(state: State, me: Session, urn: str) -> ReceivedPost:
    post = state.world.post_by_urn.get(urn)
    if post is None or post.deleted is not None:
        raise LinkedInError(404, f"no post {urn}", "NOT_FOUND")
    if post.author != me.author:
        raise denied(f"memberCreatorPostAnalytics.FINDER-entity.{me.version}")
    return post


def _page_post(state: State, page: str, urn: str) -> ReceivedPost:
    post = state.world.post_by_urn.get(urn)
    if post is None or post.author != page:
        raise LinkedInError(404, f"{page} has no post {urn}", "NOT_FOUND")
    return post


def _totals(state: State, post: ReceivedPost) -> dict[str, float]:
    """The document names what is counted, not the fields; these are LinkedIn's customary ones."""
    numbers = state.statistics_of(post.member)
    seen = numbers["IMPRESSION"]
    done = sum(numbers[kind] for kind in ("CLICK", "REACTION", "COMMENT", "RESHARE"))
    return {
        "impressionCount": seen,
        "uniqueImpressionsCount": numbers["MEMBERS_REACHED"],
        "clickCount": numbers["CLICK"],
        "likeCount": numbers["REACTION"],
        "commentCount": numbers["COMMENT"],
        "shareCount": numbers["RESHARE"],
        "engagement": done / seen if seen else 0.0,
    }

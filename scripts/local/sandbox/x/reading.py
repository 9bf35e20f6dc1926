"""Posts read back: the timeline of a user, posts by id (platform facts 2.6, 2.8)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask import Blueprint, g, request

from local.sandbox.records import ReceivedPost

from .errors import XError, invalid, not_found, unsupported_authentication
from .gateway import check_query, chosen, session
from .showing import FIELDS, PRIVATE, keeps_private, shown
from .state import State

_SCOPES = ("tweet.read", "users.read")
_MOST_IDS = 100
_TWEET = ("tweet.fields", "post.fields", "expansions", "user.fields", "media.fields")
_TIMELINE = ("max_results", "start_time", "end_time", "since_id", "until_id", "pagination_token")


def blueprint(state: State) -> Blueprint:
    """Reading needs no writing scope, and an app-only token may do it as well."""
    views = Blueprint("reading", __name__)

    @views.get("/2/users/<subject>/tweets")
    def timeline(subject: str) -> dict[str, Any]:
        _may_read()
        check_query(*_TIMELINE, "exclude", *_TWEET)
        return _timeline(state, subject)

    @views.get("/2/tweets")
    def several() -> dict[str, Any]:
        _may_read()
        check_query("ids", *_TWEET)
        ids = request.args.get("ids", "").split(",")
        if not 1 <= len(ids) <= _MOST_IDS or not all(urn.isdecimal() for urn in ids):
            raise invalid(f"ids must be 1 to {_MOST_IDS} ids with commas between", "ids", ids)
        return _looked_up(state, ids)

    @views.get("/2/tweets/<urn>")
    def one(urn: str) -> dict[str, Any]:
        _may_read()
        check_query(*_TWEET)
        found = _looked_up(state, [urn])
        return found | ({"data": found["data"][0]} if "data" in found else {})

    return views


def _may_read() -> None:
    if g.session is not None:
        session(*_SCOPES)


def _subject() -> str | None:
    return None if g.session is None else session().subject


def _timeline(state: State, subject: str) -> dict[str, Any]:
    """Newest first. An empty timeline has no ``data`` at all, only ``meta``."""
    fields = chosen("tweet.fields", FIELDS)
    member = state.member_of(subject)
    if member is None:
        raise not_found("user", "id", subject)
    if fields & set(PRIVATE) and _subject() is None:
        raise unsupported_authentication()
    most = _number("max_results", 10, 5, 100)
    skip = _number("pagination_token", 0, 0, 3200)
    wanted = _span()
    lag = state.setting("timeline_lag_seconds", member.id)
    now = state.now(member.id)
    posts = state.world.posts.newest(
        lambda post: (
            post.platform == "x"
            and post.member == member.id
            and post.deleted is None
            and post.edited is None
            and post.created + lag <= now
            and wanted(post)
        ),
        skip + most + 1,
    )[skip:]
    page = posts[:most]
    meta: dict[str, Any] = {"result_count": len(page)}
    if not page:
        return {"meta": meta}
    meta |= {"newest_id": page[0].urn, "oldest_id": page[-1].urn}
    if len(posts) > most:
        meta["next_token"] = str(skip + most)
    return {"data": [shown(state, post, fields) for post in page], "meta": meta}


def _span() -> Any:
    start, end = _moment("start_time"), _moment("end_time")
    since, until = _id("since_id"), _id("until_id")

    def wanted(post: ReceivedPost) -> bool:
        return (
            (start is None or post.created >= start)
            and (end is None or post.created < end)
            and (since is None or int(post.urn) > since)
            and (until is None or int(post.urn) < until)
        )

    return wanted


def _number(name: str, default: int, least: int, most: int) -> int:
    text = request.args.get(name)
    if text is None:
        return default
    if not text.isdecimal() or not least <= int(text) <= most:
        raise invalid(f"{name} must be {least} to {most}", name, text)
    return int(text)


def _id(name: str) -> int | None:
    text = request.args.get(name)
    if text is not None and not text.isdecimal():
        raise invalid(f"{name} must be an id", name, text)
    return None if text is None else int(text)


def _moment(name: str) -> float | None:
    """``YYYY-MM-DDTHH:mm:ssZ``, in UTC and with nothing below the second (strict reading)."""
    text = request.args.get(name)
    if text is None:
        return None
    if not text.endswith("Z"):
        raise _no_moment(name, text)
    try:
        return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S%z").timestamp()
    except ValueError:
        raise _no_moment(name, text) from None


def _no_moment(name: str, text: str) -> XError:
    return invalid(f"{name} must be like 2026-08-31T12:00:00Z", name, text)


def _looked_up(state: State, ids: list[str]) -> dict[str, Any]:
    """Posts in the order asked; those that are not there are told of in ``errors``."""
    fields = chosen("tweet.fields", FIELDS)
    data, errors = [], []
    for urn in ids:
        post = state.world.post_by_urn.get(urn)
        if post is None or post.platform != "x" or post.deleted is not None:
            errors.append(_told(not_found("tweet", "ids", urn)))
            continue
        allowed = fields
        if fields & set(PRIVATE) and keeps_private(state, post, _subject()):
            allowed = fields - set(PRIVATE)
            errors.append(_told(_not_yours(urn)))
        data.append(shown(state, post, allowed))
    return ({"data": data} if data else {}) | ({"errors": errors} if errors else {})


def _not_yours(urn: str) -> XError:
    detail = f"Sorry, you are not authorized to access the private metrics of [{urn}]."
    more = {"resource_type": "tweet", "parameter": "ids", "value": urn}
    kind = "not-authorized-for-field"
    return XError(403, "Field Authorization Error", detail, kind, **more)


def _told(error: XError) -> dict[str, Any]:
    # Inside an answer of 200 a problem has no status of its own.
    return {name: value for name, value in error.body().items() if name != "status"}

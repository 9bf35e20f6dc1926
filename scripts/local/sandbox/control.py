"""The control path, ``/_control``: orders, time, tokens, and what was received. JSON in and out.

=============================  =====================================================================
``POST GET DELETE /orders``    faults for coming requests, see ``orders.py``
``POST /release``              let held answers go: ``{"member"?}``
``POST /reset``                forget everything
``POST /clock``                ``{"advance_seconds", "member"?}``
``POST /latency``              ``{"ms"}`` every platform answer takes at least
``POST /apps``                 ``{"platform", "client_id", "client_secret", "redirect_uris", …}``
``POST /members``              ``{"name"?, "email"?, "picture"?, "organizations"?}``
``POST /tokens``               ``{"platform", "count"?, "client_id"?, "scopes"?, "member"?}``
``POST /tokens/revoke``        ``{"member"}`` or ``{"token"}``; ``/tokens/expire`` likewise
``POST /quotas``               ``{"member", "used"}``
``POST /settings``             ``{"platform", "member"?, "processing_seconds"?, …}``, see each
                               platform's ``settings``
``POST /origins``              ``{"origins": […]}`` platforms may fetch from, though not public
``GET /requests``, ``/posts``  newest first; ``?member=&limit=``, requests also by host, method, path
``GET /media/{urn}``           the bytes as received
``GET /wait``                  ``?posts=N`` or ``requests=N`` or ``held=N``, ``&timeout=S``, filters
=============================  =====================================================================

Whatever takes ``member`` accepts the sandbox's member id, the platform's id (LinkedIn's ``sub``)
or the author URN; ``/posts`` takes a page's id too.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeVar

from flask import Flask, Response, abort, request
from werkzeug.exceptions import HTTPException

from . import fetching, orders
from .records import ReceivedPost, SeenRequest
from .world import Platform, World

_LONGEST_WAIT = 120.0
Entry = TypeVar("Entry")


def control_app(world: World) -> Flask:
    """The application mounted at ``/_control``."""
    app = Flask("sandbox_control", static_folder=None)

    @app.errorhandler(HTTPException)
    def explained(error: HTTPException) -> tuple[dict[str, Any], int]:
        return {"error": error.description or error.name}, error.code or 500

    @app.errorhandler(ValueError)
    def bad_value(error: ValueError) -> tuple[dict[str, Any], int]:
        return {"error": str(error)}, 400

    _orders(app, world)
    _setup(app, world)
    _accounts(app, world)
    _behaviour(app, world)
    _received(app, world)
    return app


def _orders(app: Flask, world: World) -> None:
    @app.post("/orders")
    def add_order() -> tuple[dict[str, Any], int]:
        order = orders.parse(_body())
        order.member = world.people.find(order.member)
        return world.orders.add(order).as_json(), 201

    @app.get("/orders")
    def waiting_orders() -> dict[str, Any]:
        return {"orders": [order.as_json() for order in world.orders.waiting()]}

    @app.delete("/orders")
    def clear_orders() -> dict[str, Any]:
        return {"removed": world.orders.clear(_member(world))}

    @app.post("/release")
    def release() -> dict[str, Any]:
        return {"released": world.release(world.people.find(_body().get("member")))}


def _setup(app: Flask, world: World) -> None:
    @app.post("/reset")
    def reset() -> dict[str, Any]:
        world.reset()
        return {}

    @app.post("/clock")
    def clock() -> dict[str, Any]:
        body = _body()
        member = world.people.find(body.get("member"))
        world.clock.advance(_number(body, "advance_seconds"), member)
        return {"now": world.clock.moment(member).isoformat()}

    @app.post("/origins")
    def public_origins() -> dict[str, Any]:
        asked = _body().get("origins")
        if not isinstance(asked, list):
            abort(400, 'origins must be a list such as ["http://127.0.0.1:8000"]')
        world.public_origins = tuple(fetching.origin(str(each)) for each in asked)
        return {"origins": list(world.public_origins)}

    @app.post("/latency")
    def latency() -> dict[str, Any]:
        milliseconds = _number(_body(), "ms")
        if milliseconds < 0:
            raise ValueError("ms must not be negative")
        world.latency = milliseconds / 1000
        return {"ms": milliseconds}


def _accounts(app: Flask, world: World) -> None:
    @app.post("/apps")
    def add_app() -> tuple[dict[str, Any], int]:
        body = _body()
        return _platform(world, body).register_app(**body), 201

    @app.post("/members")
    def add_member() -> tuple[dict[str, Any], int]:
        body = _body()
        allowed = {"name", "email", "picture", "organizations"}
        if set(body) - allowed:
            raise ValueError(f"a member has only {', '.join(sorted(allowed))}")
        member = world.people.add(body.pop("name", None), **body)
        return {"member": member.id, "name": member.name}, 201

    @app.post("/tokens")
    def issue_tokens() -> tuple[dict[str, Any], int]:
        body = _body()
        platform = _platform(world, body)
        if "member" in body:
            body["member"] = world.people.find(body["member"])
        try:
            return {"tokens": platform.issue_tokens(**body)}, 201
        except TypeError as error:
            raise ValueError(str(error)) from None

    @app.post("/tokens/<how>")
    def end_tokens(how: str) -> dict[str, Any]:
        ends = {"revoke": "revoked", "expire": "expired"}
        if how not in ends:
            abort(404)
        body = _body()
        member = world.people.find(body.get("member"))
        platform = _platform(world, body)
        return {ends[how]: platform.end_tokens(ends[how], member=member, token=body.get("token"))}


def _behaviour(app: Flask, world: World) -> None:
    @app.post("/quotas")
    def quotas() -> dict[str, Any]:
        body = _body()
        member = world.people.find(body.get("member"))
        if member is None:
            raise ValueError("member is required")
        used = int(_number(body, "used"))
        _platform(world, body).set_quota_used(member, used)
        return {"member": member, "used": used}

    @app.post("/settings")
    def settings() -> dict[str, Any]:
        body = _body()
        platform = _platform(world, body)
        if "member" in body:
            body["member"] = world.people.find(body["member"])
        return platform.settings(**body)


def _received(app: Flask, world: World) -> None:
    @app.get("/requests")
    def requests() -> dict[str, Any]:
        found = world.requests.newest(_wanted_requests(world), _limit())
        return {"total": len(world.requests), "requests": [seen.as_json() for seen in found]}

    @app.get("/posts")
    def posts() -> dict[str, Any]:
        found = world.posts.newest(_wanted_posts(world), _limit())
        return {"total": len(world.posts), "posts": [post.as_json() for post in found]}

    @app.get("/media/<urn>")
    def media(urn: str) -> Response:
        found = world.media.get(urn)
        if found is None or not found.data:
            abort(404, f"no bytes for {urn}")
        kind = found.mime or "application/octet-stream"
        headers = {"X-Content-Type-Options": "nosniff"}
        return Response(found.data, content_type=kind, headers=headers)

    @app.get("/wait")
    def wait() -> dict[str, Any]:
        """Until ``posts``, ``requests`` or ``held`` = N match, or ``timeout`` seconds passed."""
        wanted_requests = _wanted_requests(world)
        asked = [name for name in ("posts", "requests", "held") if name in request.args]
        if len(asked) != 1:
            raise ValueError("name exactly one of posts, requests, held")
        count = int(request.args[asked[0]])
        timeout = min(float(request.args.get("timeout", 10)), _LONGEST_WAIT)
        if math.isnan(timeout):
            raise ValueError("timeout must be a number of seconds")
        if asked == ["posts"]:
            have = world.posts.wait(_wanted_posts(world), count, timeout)
        else:
            ledger = world.held if asked == ["held"] else world.requests
            have = ledger.wait(wanted_requests, count, timeout)
        return {"reached": have >= count, asked[0]: have}


def _wanted_requests(world: World) -> Callable[[SeenRequest], bool]:
    member = _member(world)
    exact = {
        name: request.args[name]
        for name in ("host", "method", "path", "platform", "action")
        if name in request.args
    }

    def wanted(seen: SeenRequest) -> bool:
        return member in (None, seen.member) and all(
            getattr(seen, name) == value for name, value in exact.items()
        )

    return wanted


def _wanted_posts(world: World) -> Callable[[ReceivedPost], bool]:
    member, platform = _member(world), request.args.get("platform")

    def wanted(post: ReceivedPost) -> bool:
        # A page's posts are found by the page's id, whoever of its people wrote them.
        whose = member in (None, post.member, post.author, post.author.rpartition(":")[2])
        return whose and platform in (None, post.platform)

    return wanted


def _member(world: World) -> str | None:
    return world.people.find(request.args.get("member"))


def _limit() -> int | None:
    return request.args.get("limit", type=int)


def _body() -> dict[str, Any]:
    if not request.data:
        return {}
    body = request.get_json(force=True, silent=True)
    if not isinstance(body, dict):
        abort(400, "the body must be a JSON object")
    return dict(body)


def _number(body: dict[str, Any], name: str) -> float:
    value = body.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        abort(400, f"{name} must be a number")
    return float(value)


def _platform(world: World, body: dict[str, Any]) -> Platform:
    name = body.pop("platform", "linkedin")
    platform = world.platforms.get(name)
    if platform is None:
        raise ValueError(f"platform: {name!r} is not one of {', '.join(world.platforms)}")
    return platform

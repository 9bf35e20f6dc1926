"""What people see: an index, the received posts as a feed, one post, its media."""

from __future__ import annotations

from flask import Flask, Response, abort, redirect, request
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as AnyResponse

from .templating import page
from .world import World

_PER_PAGE = 30


def pages_app(world: World) -> Flask:
    """The application for every path that is neither a platform nor the control path."""
    app = Flask("sandbox_pages", static_folder=None)

    @app.errorhandler(HTTPException)
    def lost(error: HTTPException) -> Response:
        host = request.path.strip("/").partition("/")[0]
        why = f"Nothing is mounted at “{host}”." if "." in host else str(error.description)
        return page("lost.html", error.code or 500, why=why, platforms=world.platforms.values())

    @app.get("/")
    def index() -> Response:
        return page(
            "index.html",
            platforms=world.platforms.values(),
            posts=len(world.posts),
            requests=len(world.requests),
            orders=world.orders.waiting(),
            members=world.people.shown_on_consent_page(),
        )

    @app.get("/feed", defaults={"platform": None, "member": None})
    @app.get("/feed/<platform>", defaults={"member": None})
    @app.get("/feed/<platform>/<member>")
    def feed(platform: str | None, member: str | None) -> Response:
        if platform is not None and platform not in world.platforms:
            abort(404, f"There is no platform “{platform}”.")
        who = world.people.find(member)
        skip = max(0, request.args.get("skip", 0, type=int))
        found = world.posts.newest(
            lambda post: platform in (None, post.platform) and who in (None, post.member),
            skip + _PER_PAGE + 1,
        )[skip:]
        older = skip + _PER_PAGE if len(found) > _PER_PAGE else None
        shown = found[:_PER_PAGE]
        return page("feed.html", posts=shown, older=older, platform=platform, member=member)

    @app.get("/post/<urn>")
    def post(urn: str) -> Response:
        found = world.post_by_urn.get(urn)
        if found is None:
            abort(404, f"There is no post {urn}.")
        return page("post.html", post=found)

    @app.get("/media/<urn>")
    def media(urn: str) -> AnyResponse:
        return redirect(f"/_control/media/{urn}")

    return app

"""A step for each request, where somebody is told of steps (see core/following.py); nothing otherwise."""

from __future__ import annotations

from contextlib import ExitStack

from flask import Flask, Response, g, request

from ..core import following


def follow_requests(app: Flask) -> None:
    """Let each request of this application be a step; its end is the answer's, of a stream its beginning."""
    if not following.is_followed():
        return

    @app.before_request
    def begin() -> None:
        route = request.url_rule.rule if request.url_rule else "none"
        g.step = ExitStack()
        g.tell = g.step.enter_context(
            following.step(f"{request.method} {route}", "answering", method=request.method, route=route)
        )  # fmt: skip

    @app.after_request
    def told(response: Response) -> Response:
        if "tell" in g:
            g.tell(http_status=response.status_code)
        return response

    @app.teardown_request
    def end(_error: BaseException | None) -> None:
        if "step" in g:
            g.pop("step").close()

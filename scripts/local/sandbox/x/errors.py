"""X's error bodies (platform facts 2.5): problem documents, and the two of OAuth."""

from __future__ import annotations

import json
from typing import Any

from flask import Flask, Response
from werkzeug.exceptions import HTTPException

_PROBLEMS = "https://api.twitter.com/2/problems/"


class XError(Exception):
    """An answer of 400 and above."""

    def __init__(
        self,
        status: int,
        title: str,
        detail: str,
        type: str = "about:blank",  # noqa: A002 - the name it has in the body
        **more: Any,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.title = title
        self.detail = detail
        self.type = type if ":" in type else _PROBLEMS + type
        self.more = more

    def body(self) -> dict[str, Any]:
        """The problem document."""
        plain = {"title": self.title, "detail": self.detail, "type": self.type}
        return plain | {"status": self.status} | self.more


class SegmentTooLargeError(Exception):
    """413 with an empty body (row 17)."""


class OAuthError(Exception):
    """``{"error": …, "error_description": …}``."""

    def __init__(self, error: str, description: str, status: int = 400) -> None:
        super().__init__(description)
        self.error = error
        self.status = status


def invalid(message: str, parameter: str = "", value: Any = None) -> XError:
    """A request that does not fit (400)."""
    return invalid_many([problem(message, parameter, value)])


def problem(message: str, parameter: str = "", value: Any = None) -> dict[str, Any]:
    """One entry of ``errors``."""
    return {"message": message, "parameters": {parameter: [value]} if parameter else {}}


def invalid_many(problems: list[dict[str, Any]]) -> XError:
    """Several things that do not fit."""
    detail = "One or more parameters to your request was invalid."
    return XError(400, "Invalid Request", detail, "invalid-request", errors=problems)


def unauthorized() -> XError:
    """Row 7."""
    return XError(401, "Unauthorized", "Unauthorized")


def forbidden(detail: str = "You are not permitted to perform this action.") -> XError:
    """Row 9 and everything else that is refused without a problem type of its own."""
    return XError(403, "Forbidden", detail)


def unsupported_authentication() -> XError:
    """Row 8."""
    detail = (
        "Authenticating with OAuth 2.0 Application-Only is forbidden for this endpoint. "
        "Supported authentication types are [OAuth 1.0a User Context, OAuth 2.0 User Context]."
    )
    return XError(403, "Unsupported Authentication", detail, "unsupported-authentication")


def not_found(kind: str, parameter: str, value: str) -> XError:
    """Something that is not there, or was deleted."""
    detail = f"Could not find {kind} with {parameter}: [{value}]."
    more = {"resource_type": kind, "parameter": parameter, "value": value, "resource_id": value}
    return XError(404, "Not Found Error", detail, "resource-not-found", **more)


def install(app: Flask) -> None:
    """Give every error its JSON body."""

    @app.errorhandler(XError)
    def _ours(error: XError) -> Response:
        kind = "application/problem+json"
        return Response(json.dumps(error.body()), error.status, content_type=kind)

    @app.errorhandler(SegmentTooLargeError)
    def _too_large(_: SegmentTooLargeError) -> Response:
        return Response(b"", 413)

    @app.errorhandler(OAuthError)
    def _of_oauth(error: OAuthError) -> tuple[dict[str, str], int]:
        return {"error": error.error, "error_description": str(error)}, error.status

    @app.errorhandler(HTTPException)
    def _of_the_framework(error: HTTPException) -> Response:
        status = error.code or 500
        return _ours(XError(status, error.name, error.description or error.name))

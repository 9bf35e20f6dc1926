"""The error envelope of the Graph API (platform facts 3.5)."""

from __future__ import annotations

import json
import secrets
from typing import Any

from flask import Flask, Response
from werkzeug.exceptions import HTTPException


class GraphError(Exception):
    """An error answer. Clients go by ``code`` and ``subcode``; the status differs among reports."""

    def __init__(
        self,
        code: int,
        message: str,
        subcode: int | None = None,
        status: int = 400,
        *,
        kind: str = "OAuthException",
        transient: bool = False,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.subcode = subcode
        self.status = status
        self.kind = kind
        self.transient = transient

    def body(self) -> dict[str, Any]:
        """``error_subcode`` and ``is_transient`` only where they say something."""
        error: dict[str, Any] = {"message": self.message, "type": self.kind, "code": self.code}
        if self.subcode is not None:
            error["error_subcode"] = self.subcode
            error["error_user_title"] = "Something went wrong"
            error["error_user_msg"] = self.message
        if self.transient:
            error["is_transient"] = True
        return {"error": error | {"fbtrace_id": f"A{secrets.token_urlsafe(15)}"}}


def bad_parameter(message: str, subcode: int | None = None) -> GraphError:
    """Code 100."""
    return GraphError(100, f"(#100) {message}", subcode)


def missing_permission(message: str, code: int = 200) -> GraphError:
    """Code 200 (or 10 where only reading is meant) with status 403; 400 is seen as well."""
    return GraphError(code, f"(#{code}) {message}", status=403)


def no_node(identity: str, method: str = "get") -> GraphError:
    """An id that does not exist, or that the token may not see: the Graph API does not say which."""
    message = (
        f"Unsupported {method} request. Object with ID '{identity}' does not exist, cannot be "
        "loaded due to missing permissions, or does not support this operation."
    )
    return GraphError(100, message, 33, kind="GraphMethodException")


def answer(error: GraphError) -> Response:
    """The error as a JSON response."""
    return Response(json.dumps(error.body()), error.status, content_type="application/json")


def install(app: Flask) -> None:
    """Give every error of ``app`` the envelope."""

    @app.errorhandler(GraphError)
    def _ours(error: GraphError) -> Response:
        return answer(error)

    @app.errorhandler(HTTPException)
    def _of_the_framework(error: HTTPException) -> Response:
        # Paths that lead nowhere: "Unknown path components", code 2500.
        status = error.code or 500
        if status in (404, 405):
            return answer(GraphError(2500, f"Unknown path components: {error.name}", status=400))
        return answer(GraphError(1, error.name, status=status, transient=status >= 500))

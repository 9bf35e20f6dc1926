"""LinkedIn's error bodies ("Error handling" and Posts API docs; platform facts 1.6)."""

from __future__ import annotations

import json
import secrets
from typing import Any
from uuid import uuid4

from flask import Flask, Response
from werkzeug.exceptions import HTTPException

_BAD_REQUEST_TYPE = "com.linkedin.common.error.BadRequest"


class LinkedInError(Exception):
    """An answer of 400 and above; ``field`` and ``input_code`` fill ``errorDetails``."""

    def __init__(
        self,
        status: int,
        message: str,
        code: str | None = None,
        service_error_code: int | None = None,
        field: str | None = None,
        input_code: str | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.code = code
        self.service_error_code = service_error_code
        self.field = field
        self.input_code = input_code or (code if field else None)

    def body(self) -> dict[str, Any]:
        """Only ``status`` and ``message`` are always there."""
        body: dict[str, Any] = {"message": self.message, "status": self.status}
        if self.code:
            body["code"] = self.code
        if self.service_error_code is not None:
            body["serviceErrorCode"] = self.service_error_code
        if self.input_code:
            problem: dict[str, Any] = {"code": self.input_code, "description": self.message}
            if self.field:
                problem["input"] = {"inputPath": {"fieldPath": self.field}}
            body["errorDetailType"] = _BAD_REQUEST_TYPE
            body["errorDetails"] = {"inputErrors": [problem]}
        return body


def missing_field(field: str) -> LinkedInError:
    """A required field is not there (row 16)."""
    return LinkedInError(400, f"{field} :: field is required", "MISSING_FIELD", field=field)


def invalid_value(field: str, why: str) -> LinkedInError:
    """A value outside what the field takes (row 17)."""
    return LinkedInError(400, f"{field} :: {why}", "INVALID_VALUE_FOR_FIELD", field=field)


def blank(field: str, why: str) -> LinkedInError:
    """A value that must not be empty (row 23)."""
    return LinkedInError(400, f"{field} :: {why}", "INVALID_VALUE_BLANK_FIELD", field=field)


def too_long(field: str, limit: int, length: int) -> LinkedInError:
    """A text above its limit (row 21)."""
    why = f"length {length} is more than the maximum of {limit} characters"
    return LinkedInError(400, f"{field} :: {why}", "FIELD_LENGTH_TOO_LONG", field=field)


def wrong_schema(field: str, why: str) -> LinkedInError:
    """Unknown, read-only or wrongly typed field (row 30)."""
    return LinkedInError(422, f"{field} :: {why}", "UNPROCESSABLE_ENTITY", field=field)


def denied(method: str) -> LinkedInError:
    """The token may not do this; ``method`` is the resource method LinkedIn names."""
    message = f"Not enough permissions to access: {method}"
    return LinkedInError(403, message, "ACCESS_DENIED", 100)


def answer(error: LinkedInError) -> Response:
    """The error as a JSON response."""
    return Response(json.dumps(error.body()), error.status, content_type="application/json")


def install(app: Flask) -> None:
    """Give every answer LinkedIn's log headers and every error its JSON body."""

    @app.errorhandler(LinkedInError)
    def _ours(error: LinkedInError) -> Response:
        return answer(error)

    @app.errorhandler(HTTPException)
    def _of_the_framework(error: HTTPException) -> Response:
        status = error.code or 500
        codes = {404: "NOT_FOUND", 405: "METHOD_NOT_ALLOWED", 415: "UNSUPPORTED_MEDIA_TYPE"}
        return answer(LinkedInError(status, error.name, codes.get(status)))

    @app.after_request
    def _log_headers(response: Response) -> Response:
        response.headers["x-li-uuid"] = secrets.token_urlsafe(12)
        response.headers["x-li-request-id"] = str(uuid4())
        response.headers["x-li-fabric"] = "sandbox"
        return response

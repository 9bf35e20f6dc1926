"""Errors over HTTP: RFC 9457 `application/problem+json`, one shape on every route."""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import Any

from flask import Flask, Response, g, jsonify, request
from flask_openapi3.types import ResponseDict
from pydantic import Field, ValidationError
from werkzeug.exceptions import HTTPException

from .core.errors import (
    BeingMade,
    Conflict,
    FetchError,
    InvalidInput,
    LinError,
    NotAllowed,
    NotFound,
    PlatformError,
    Reconnect,
    Rejected,
    SendError,
    SpaceError,
    SpaceTimedOut,
    SpaceUnavailable,
    TooMany,
    Unavailable,
)
from .described import Model

log = logging.getLogger("lin.http")


class FieldError(Model):
    """One thing wrong with one field of the request."""

    field: str = Field(examples=["redirect_to"])
    message: str = Field(examples=["must be a URL of one of this server's frontends"])


class ProblemBody(Model):
    """RFC 9457 problem details."""

    type: str = Field(examples=["about:blank"])
    title: str = Field(examples=["Unprocessable Entity"])
    status: int = Field(examples=[422])
    detail: str = Field(examples=["redirect_to must be a URL of one of this server's frontends."])
    request_id: str = Field(examples=["9c1f0a7b3d5e2468"])
    errors: list[FieldError] | None = None


# status: when, and an example of what it says
_TOLD = {
    401: ("No token, or none that can be used", "Send your Supabase access token as 'Authorization: Bearer …'."),
    403: ("The caller may not do this, or has not confirmed their address", "Confirm your e-mail address first; the link is in your mailbox."),
    404: ("There is no such thing, or it is not the caller's", "There is no such thing."),
    409: ("Its state, or another request, does not allow this", "A request with this Idempotency-Key is still running."),
    413: ("More bytes than this route takes", "The body is too large; at most 1,000,000 bytes are read."),
    416: ("The range is not in the file", "The requested range is not satisfiable"),
    422: ("What was sent cannot be used; `errors` names the fields", "The request cannot be used; look at redirect_to."),
    429: ("More than allowed; wait", "Too many requests: 600 a minute are allowed. Try again in 31 s."),
    502: ("The Space failed, or answered with something that cannot be used", "The Space reported an error."),
    503: ("A part that Lin depends on does not answer; try again", "The database does not answer; try again in a moment."),
    504: ("The Space did not finish in time", "The Space did not answer within 180 s."),
}  # fmt: skip


def refused(*statuses: int) -> ResponseDict:
    """How a route may refuse, for its documentation: `responses={200: Answer, **refused(404, 409)}`."""
    return {status: _documented(status) for status in statuses}


def _documented(status: int) -> dict[str, Any]:
    description, detail = _TOLD[status]
    example: dict[str, Any] = {
        "type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": detail,
        "request_id": "9c1f0a7b3d5e2468",
    }  # fmt: skip
    if status == 422:
        example["errors"] = [{"field": "redirect_to", "message": "must be a URL of one of this server's frontends"}]  # fmt: skip
    schema = {"$ref": "#/components/schemas/ProblemBody"}
    return {
        "description": description,
        "content": {"application/problem+json": {"schema": schema, "example": example}},
    }


# What any route for signed-in users may refuse with; `refused` adds what else one may.
REFUSALS: ResponseDict = refused(401, 403, 422, 429, 503)


class Unauthorized(LinError):
    """No usable token. `check` is a short word for the check that failed; it goes into WWW-Authenticate."""

    def __init__(self, message: str, check: str) -> None:
        super().__init__(message)
        self.check = check


_STATUS: tuple[tuple[type[LinError], int], ...] = (
    (Unauthorized, 401),
    (NotAllowed, 403),
    (NotFound, 404),
    (Conflict, 409),
    (InvalidInput, 422),
    (FetchError, 422),
    (TooMany, 429),
    (Unavailable, 503),
    # a platform that was asked on a user's behalf
    (Reconnect, 409),
    (Rejected, 409),
    (PlatformError, 503),
    (SendError, 503),
    # a Space that was asked while the request waits
    (SpaceUnavailable, 503),
    (SpaceTimedOut, 504),
    (SpaceError, 502),
)


def problem(status: int, detail: str, *, errors: list[dict[str, str]] | None = None) -> Response:
    """A problem answer."""
    body: dict[str, Any] = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "request_id": g.get("request_id", ""),
    }
    if errors:
        body["errors"] = errors
    answer = jsonify(body)
    answer.status_code = status
    answer.content_type = "application/problem+json"
    if status == 503:
        answer.headers["Retry-After"] = "5"
    return answer


def validation_problem(error: ValidationError) -> Response:
    """What pydantic found wrong with a request, field by field."""
    errors = [
        {
            "field": ".".join(str(part) for part in item["loc"]) or "body",
            "message": item["msg"].removeprefix("Value error, "),
        }
        for item in error.errors(include_input=False, include_url=False, include_context=False)
    ]
    fields = ", ".join(dict.fromkeys(item["field"] for item in errors))
    return problem(422, f"The request cannot be used; look at {fields}.", errors=errors)


def register(app: Flask) -> None:
    """Install the handlers."""

    @app.errorhandler(LinError)
    def lin_error(error: LinError) -> Response:
        status = next((status for kind, status in _STATUS if isinstance(error, kind)), 500)
        if status == 500:
            log.error("unexpected error", exc_info=error)
            return problem(500, "Something went wrong on Lin's side.")
        listed = error.problems if isinstance(error, InvalidInput) else ()
        answer = problem(
            status, str(error), errors=[{"field": p.field, "message": p.message} for p in listed]
        )
        if isinstance(error, BeingMade):
            answer.headers["Retry-After"] = "2"
        answer.headers.extend(_headers_of(error))
        return answer

    @app.errorhandler(HTTPException)
    def http_error(error: HTTPException) -> Response:
        said = error.description or ""
        if error.code == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
            _read_off(request.environ)
            said = f"The body is too large; at most {request.max_content_length:,} bytes are read."
        answer = problem(error.code or 500, said)
        for name, value in error.get_headers():
            if name.lower() in ("allow", "retry-after"):
                answer.headers[name] = value
        return answer

    @app.errorhandler(Exception)
    def unexpected(error: Exception) -> Response:
        log.error("unexpected error", exc_info=error)
        return problem(500, "Something went wrong on Lin's side.")


def _headers_of(error: LinError) -> dict[str, str]:
    match error:
        case Unauthorized():
            told = f'Bearer error="invalid_token", error_description="{error.check}"'
            return {"WWW-Authenticate": told}
        case TooMany(retry_after=int(seconds)):
            return {"Retry-After": str(seconds)}
        case _:
            return {}


def _read_off(environ: dict[str, Any], most: int = 20_000_000) -> None:
    """Read what is left of a body that is too large, up to `most` bytes: a server that closes on unread bytes resets the
    connection, and the client may never see why it was refused."""
    body = environ["wsgi.input"]
    while most > 0 and (chunk := body.read(1 << 16)):
        most -= len(chunk)

"""What /openapi.json says beyond what each route says of itself: read off the marks of its view, so that it stays true."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, TypeVar

from flask_openapi3 import OpenAPI

from ..problems import refused
from .examples import NoExample, example_of

View = TypeVar("View", bound=Callable[..., Any])

_REQUEST_ID = "Names this request in Lin's logs; the one that was sent, if it looks like one."
_JSON = "application/json"

# headers of answers, by status
_ON_STATUS: dict[str, tuple[str, str, Any]] = {
    "401": ("WWW-Authenticate", "Which check of the token failed (RFC 6750)", 'Bearer error="invalid_token", error_description="expired"'),
    "409": ("Retry-After", "Seconds after which asking again helps, where waiting does", 2),
    "429": ("Retry-After", "Seconds to wait, where that can be known", 30),
    "503": ("Retry-After", "Seconds to wait", 5),
}  # fmt: skip
_ALWAYS_THERE = {("401", "WWW-Authenticate"), ("503", "Retry-After")}
# headers of every answer that was counted
_COUNTED = {
    "RateLimit-Policy": ("What the caller may do in a window of w seconds", '"user";q=600;w=60, "generate";q=20;w=60'),
    "RateLimit": ("What is left of it (r), and for how many seconds (t)", '"user";r=598;t=31, "generate";r=19;t=31'),
}  # fmt: skip
# headers of answers that went well, by the header of the request that they answer
_IN_RETURN = {
    "Idempotency-Key": ("Idempotent-Replayed", "`true` when this is the first answer, told again", "true"),
    "Prefer": ("Preference-Applied", "How long Lin was ready to wait", "wait=20"),
    "Range": ("Content-Range", "Which bytes these are", "bytes 0-1023/146515"),
}  # fmt: skip


def takes(
    name: str, description: str, example: str, *, place: str = "header", **limits: Any
) -> Callable[[View], View]:
    """Document a header, or something else optional, that the view reads by itself; `limits` in JSON Schema's words."""
    parameter = {
        "name": name, "in": place, "required": False, "description": description,
        "schema": {"type": "string", **limits}, "example": example,
    }  # fmt: skip

    def mark(view: View) -> View:
        view.takes = (*getattr(view, "takes", ()), parameter)  # type: ignore[attr-defined] # a mark on the function, read below
        return view

    return mark


def event_schema(*names: str, data: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """How one of a stream's Server-Sent Events is described: its data is JSON, of the schema `data` where all have one."""
    told = {"type": "string", "contentMediaType": _JSON}
    return {
        "type": "object", "description": "Of one event of the stream", "required": ["event", "data"],
        "properties": {
            "id": {"type": "string"}, "event": {"type": "string", "enum": list(names)},
            "data": {**told, "contentSchema": data} if data else told,
        },
    }  # fmt: skip


def complete(app: OpenAPI) -> None:
    """Complete the document that the library has made of all routes."""
    document: dict[str, Any] = app.spec_json
    schemas = document["components"]["schemas"]
    for rule in app.url_map.iter_rules():
        path = re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule)
        for method in rule.methods or ():
            operation = document["paths"].get(path, {}).get(method.lower())
            if operation is not None:
                _complete(operation, app.view_functions[rule.endpoint], schemas)


def _complete(operation: dict[str, Any], view: Any, schemas: Mapping[str, Any]) -> None:
    read = getattr(view, "takes", ())
    parameters = [*operation.get("parameters", []), *read]
    for parameter in parameters:
        _describe(parameter, schemas)
    if parameters:
        operation["parameters"] = parameters
    answers = operation["responses"]
    counted = getattr(view, "limit", None) != "none"
    if counted:
        answers.setdefault("429", refused(429)[429])
    if getattr(view, "access", None) == "open":
        operation["security"] = [{}]
        for status in ("401", "403"):
            answers.pop(status, None)
    _refuse_input(operation, {parameter["name"] for parameter in parameters})
    operation["responses"] = dict(sorted(answers.items()))
    for content in _contents(operation):
        _give_example(content, schemas)
    for status, answer in answers.items():
        _give_headers(status, answer, [one["name"] for one in read])
        if counted:
            told = {name: _header(*said) for name, said in _COUNTED.items()}
            answer["headers"] |= told


def _refuse_input(operation: dict[str, Any], parameters: set[str]) -> None:
    """Who sends something can be told that it is wrong (422) or too large (413); who sends nothing cannot."""
    answers, body = operation["responses"], "requestBody" in operation
    answers.pop(
        "422", None
    )  # of routes that take nothing, and the library's own, which is no problem
    also = {413: body or "Idempotency-Key" in parameters, 422: body or bool(parameters)}
    for status, possible in also.items():
        if possible:
            answers[str(status)] = refused(status)[status]


def _describe(parameter: dict[str, Any], schemas: Mapping[str, Any]) -> None:
    """A parameter's example, and of an id what it is the id of."""
    schema = parameter["schema"]
    with suppress(NoExample):
        parameter.setdefault("example", example_of(schema, schemas, parameter["name"]))
    if parameter["name"].endswith("_id") and "description" not in parameter:
        thing = parameter["name"].removesuffix("_id").replace("_", " ")
        parameter["description"] = f"The id of the {thing}"


def _contents(operation: dict[str, Any]) -> list[dict[str, Any]]:
    """The JSON that goes in and comes out."""
    parts = [operation.get("requestBody", {}), *operation["responses"].values()]
    return [part["content"][_JSON] for part in parts if _JSON in part.get("content", {})]


def _give_example(content: dict[str, Any], schemas: Mapping[str, Any]) -> None:
    if "example" not in content and "examples" not in content:
        with suppress(NoExample):  # a test names the field
            content["example"] = example_of(content["schema"], schemas)


def _give_headers(status: str, answer: dict[str, Any], taken: list[str]) -> None:
    headers = answer.setdefault("headers", {})
    headers["X-Request-ID"] = _header(_REQUEST_ID, "9c1f0a7b3d5e2468", required=True)
    if status in _ON_STATUS and "application/problem+json" in answer.get("content", {}):
        name, description, example = _ON_STATUS[status]
        headers[name] = _header(description, example, required=(status, name) in _ALWAYS_THERE)
    if status.startswith("2"):
        for name, description, example in (_IN_RETURN[one] for one in taken if one in _IN_RETURN):
            headers[name] = _header(description, example)


def _header(description: str, example: Any, *, required: bool = False) -> dict[str, Any]:
    kind = "integer" if isinstance(example, int) else "string"
    return {
        "description": description, "required": required, "schema": {"type": kind}, "example": example,
    }  # fmt: skip

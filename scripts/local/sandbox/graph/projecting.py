"""``fields=id,picture{url},reactions.summary(total_count)``: choose what an answer holds."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from .errors import GraphError, bad_parameter

_NAME = re.compile(r"\s*(\w+)\s*")
_MODIFIER = re.compile(r"\.(\w+)\(([^()]*)\)\s*")


@dataclass
class Field:
    """One wanted field, with its modifiers and the fields wanted inside it."""

    name: str
    modifiers: dict[str, str] = field(default_factory=dict)
    inner: list[Field] | None = None


def parse(text: str) -> list[Field]:
    """Read a ``fields`` parameter. Raises GraphError 2500 for a syntax error."""
    fields, end = _items(text, 0)
    if end != len(text):
        raise _malformed(text, end)
    return fields


def _items(text: str, at: int) -> tuple[list[Field], int]:
    fields = []
    while True:
        name = _NAME.match(text, at)
        if name is None:
            raise _malformed(text, at)
        one, at = Field(name[1]), name.end()
        while modifier := _MODIFIER.match(text, at):
            one.modifiers[modifier[1]] = modifier[2]
            at = modifier.end()
        if text[at : at + 1] == "{":
            one.inner, at = _items(text, at + 1)
            if text[at : at + 1] != "}":
                raise _malformed(text, at)
            at += 1
        fields.append(one)
        if text[at : at + 1] != ",":
            return fields, at
        at += 1


def _malformed(text: str, at: int) -> GraphError:
    return GraphError(2500, f"Syntax error at character {at}: {text[at : at + 10]!r}")


def project(
    kind: str, values: dict[str, Any], wanted: str, defaults: tuple[str, ...]
) -> dict[str, Any]:
    """The wanted part of ``values``, in the order asked for; ``id`` is always in it.

    A value of None is a field that exists and is empty: left out. Raises GraphError 100 for a
    field this kind does not have.
    """
    fields = parse(wanted) if wanted else [Field(name) for name in defaults]
    return _chosen(kind, values, fields)


def _chosen(kind: str, values: dict[str, Any], fields: list[Field]) -> dict[str, Any]:
    chosen: dict[str, Any] = {}
    for one in fields:
        if one.name not in values:
            raise bad_parameter(
                f"Tried accessing nonexisting field ({one.name}) on node type ({kind})"
            )
        value = values[one.name]
        if value is not None:
            chosen[one.name] = _inside(one, value)
    if "id" in values:
        chosen.setdefault("id", values["id"])
    return chosen


def _inside(one: Field, value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    if "summary" in value and "summary" not in one.modifiers:
        value = {name: each for name, each in value.items() if name != "summary"}
    if one.inner is None:
        return value
    data = value.get("data")
    if isinstance(data, list):
        return value | {"data": [_chosen(one.name, each, one.inner) for each in data]}
    if isinstance(data, dict):
        # ``picture`` hides its fields one level deeper.
        return {"data": _chosen(one.name, data, one.inner)}
    return _chosen(one.name, value, one.inner)

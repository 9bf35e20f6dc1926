"""Whole examples for the documentation, put together from those of the fields."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_PLAIN: dict[str, Any] = {"boolean": True, "null": None, "object": {}}


class NoExample(LookupError):
    """A field says nothing that an example follows from; the message names it."""


def example_of(schema: Mapping[str, Any], schemas: Mapping[str, Any], name: str = "") -> Any:
    """A value of this schema: its own example, else its default or first choice, else made of its parts'.

    `schemas` are the document's components. Raises NoExample, naming the first field that needs one.
    """
    match schema:
        case {"example": own}:
            return own
        case {"$ref": str(reference)}:
            named = reference.rpartition("/")[2]
            return example_of(schemas[named], schemas, named)
        case {"const": value} | {"enum": [value, *_]}:
            return value
        case {"default": value} if value is not None:
            return value
        case {"anyOf": [first, *_]} | {"allOf": [first, *_]}:
            return example_of(first, schemas, name)
        case {"properties": properties}:
            return {
                field: example_of(described, schemas, f"{name}.{field}")
                for field, described in properties.items()
            }
        case {"type": "array", "items": items}:
            return [example_of(items, schemas, name)]
        case {"type": str(kind)} if kind in _PLAIN:
            return _PLAIN[kind]
    raise NoExample(f"{name} has no example")

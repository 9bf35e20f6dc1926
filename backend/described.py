"""The base of all models of requests and answers."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel


class Model(BaseModel):
    """A model that is in the documentation with its fields' examples.

    flask-openapi3 drops JSON Schema's `examples`, and refuses those of parameters; it keeps OpenAPI's `example`.
    """

    @classmethod
    def model_json_schema(cls, *arguments: Any, **options: Any) -> dict[str, Any]:
        schema: dict[str, Any] = _with_one_example(super().model_json_schema(*arguments, **options))
        return schema


def _with_one_example(part: Any) -> Any:
    match part:
        case {"examples": [first, *_], **others}:
            return _with_one_example(others) | {"example": first}
        case dict():
            return {name: _with_one_example(value) for name, value in part.items()}
        case list():
            return [_with_one_example(value) for value in part]
        case _:
            return part

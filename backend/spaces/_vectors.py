"""Reads vectors out of whatever a Gradio endpoint returns: lists, a dict that holds them, a table, JSON as text."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from backend.core.errors import SpaceAnswerUnusable

MAX_DIMENSIONS = 4096
"""Longest vector taken from a Space."""

_KEYS = (
    "embeddings",
    "embedding",
    "vectors",
    "vector",
    "data",
    "output",
    "outputs",
    "result",
    "value",
)
_DEEPEST = 6


def read_vectors(value: object, count: int) -> list[list[float]]:
    """Exactly `count` vectors of one length, all their numbers finite. Raises SpaceAnswerUnusable with the reason."""
    rows = _rows(value)
    if rows is None:
        raise SpaceAnswerUnusable("The Space answered without any vectors.")
    if len(rows) != count:
        raise SpaceAnswerUnusable(f"The Space gave {len(rows)} vectors for {count} texts.")
    lengths = {len(row) for row in rows}
    if len(lengths) != 1:
        raise SpaceAnswerUnusable("The Space's vectors are not of one length.")
    if not 1 <= (length := lengths.pop()) <= MAX_DIMENSIONS:
        raise SpaceAnswerUnusable(
            f"The Space's vectors have {length:,} dimensions; at most {MAX_DIMENSIONS:,} are taken."
        )
    vectors = [[float(number) for number in row] for row in rows]
    if not all(math.isfinite(number) for vector in vectors for number in vector):
        raise SpaceAnswerUnusable("The Space's vectors hold numbers that are not finite.")
    return vectors


def _rows(value: object, depth: int = 0) -> list[Sequence[Any]] | None:
    """The rows of numbers; one row when there is a single vector."""
    if depth > _DEEPEST:
        return None
    if isinstance(value, str):
        return _rows(_parsed(value), depth + 1)
    if isinstance(value, Mapping):
        found = (_rows(value.get(key), depth + 1) for key in _KEYS)
        return next((rows for rows in found if rows is not None), None)
    if not isinstance(value, list | tuple) or not value:
        return None
    if all(_is_number(item) for item in value):
        return [value]
    if all(
        isinstance(item, list | tuple) and item and all(map(_is_number, item)) for item in value
    ):
        return list(value)
    if all(isinstance(item, Mapping) for item in value):  # [{"embedding": […]}, …]
        each = [_rows(item, depth + 1) for item in _in_order(value)]
        return [rows[0] for rows in each if rows] if all(r and len(r) == 1 for r in each) else None
    if isinstance(value, tuple):  # several outputs: the first that holds vectors
        return next((rows for item in value if (rows := _rows(item, depth + 1))), None)
    return None


def _in_order(items: Sequence[Mapping[str, Any]]) -> Sequence[Mapping[str, Any]]:
    """By "index" where each has one, as the endpoints that many Spaces imitate answer."""
    if all(isinstance(item.get("index"), int) for item in items):
        return sorted(items, key=lambda item: int(item["index"]))
    return items


def _parsed(text: str) -> object:
    try:
        parsed: object = json.loads(text) if text.lstrip()[:1] in ("[", "{") else None
    except ValueError:
        return None
    return parsed


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)

"""Reads what endpoints answer: streamed and whole completions, speech, vectors."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from backend.core.errors import SpaceAnswerUnusable, SpaceFailed

from ._answers import MAX_TEXT
from .openai_troubles import Asked, complaint, not_this_api, of_stream

MAX_BYTES = 20 * 1024 * 1024
"""Longest answer taken from an endpoint, in bytes."""

# Reasoning models think aloud before they answer, between tags or up to a closing tag alone on its line.
_TAGS = ("<think>", "<thinking>", "<reasoning>")
_THOUGHTS = re.compile(r"\s*<(think|thinking|reasoning)>.*?(?:</\1>|\Z)", re.DOTALL)
_END_OF_THOUGHTS = re.compile(r"^</think>[ \t]*\n", re.MULTILINE)


class Completion:
    """The answer to one chat request as it grows."""

    def __init__(self, asked: Asked) -> None:
        self.asked = asked
        self._text = ""
        self._reason: str | None = None
        self._refusal = ""
        self.done = False

    def add(self, data: str, event: str = "message") -> None:
        """Take the data of one server-sent event. Raises SpaceError when it reports an error or cannot be read."""
        if data.strip() == "[DONE]":
            self.done = True
            return
        told = read_json(data, self.asked)
        if event == "error" and complaint(told) is None:
            told = {"error": told}
        self.take(told, "delta")

    def take(self, told: object, part: str) -> None:
        """Take a chunk ("delta") or a whole answer ("message")."""
        said = complaint(told)
        if said is not None:
            raise of_stream(said, self.asked)
        choices = told.get("choices") if isinstance(told, Mapping) else None
        if not isinstance(choices, list):
            raise not_this_api(self.asked.name, "no choices")
        if not choices:  # the last chunk of some servers, which counts tokens
            return
        choice = choices[0] if isinstance(choices[0], Mapping) else {}
        piece = choice.get(part)
        piece = piece if isinstance(piece, Mapping) else {}
        self._text += _text_of(piece.get("content"))
        self._refusal += _text_of(piece.get("refusal"))
        self._reason = str(choice.get("finish_reason") or "") or self._reason
        self.done = self.done or (part == "message")
        if len(self._text) > MAX_TEXT:
            raise SpaceAnswerUnusable(f"The endpoint's text is longer than {MAX_TEXT:,} characters.")  # fmt: skip

    @property
    def raw(self) -> str:
        """All text so far, thoughts included; `without_thoughts` takes them out."""
        return self._text

    @property
    def ended(self) -> bool:
        """Whether the answer came to an end, and did not just break off."""
        return self.done or self._reason is not None

    def check(self, text: str, *, whole: bool) -> None:
        """Raise when the model declined, or `text` (what is left without thoughts) is empty; with `whole`, also when
        the model stopped at its limit of tokens."""
        name = self.asked.name
        if self._reason == "content_filter" or (self._refusal and not text):
            raise SpaceFailed(f"The model of the endpoint {name} declined to answer.")
        if self._reason == "length" and (whole or not text):
            raise SpaceAnswerUnusable(f"The model of the endpoint {name} reached its limit of tokens before it had finished.")  # fmt: skip
        if not text:
            raise SpaceAnswerUnusable(f"The endpoint {name} answered without any text.")


def without_thoughts(text: str) -> str:
    """`text` without what a reasoning model thought before it answered; empty while it may still be thinking."""
    while thoughts := _THOUGHTS.match(text):
        text = text[thoughts.end() :]
    begun = text.lstrip()
    if begun and any(tag.startswith(begun) for tag in _TAGS):
        return ""
    end = _END_OF_THOUGHTS.search(text)
    if (
        end and "```" not in text[: end.start()]
    ):  # in a listing, the tag is what the answer is about
        return text[end.end() :]
    return text


def read_json(content: str | bytes, asked: Asked) -> Any:
    """The JSON of an answer. Raises SpaceAnswerUnusable."""
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        # `from None`: the error would hold the whole answer
        raise not_this_api(asked.name, "its answer is not JSON") from None


def read_models(told: object, asked: Asked) -> list[str]:
    """The names in the answer of /models. Raises SpaceAnswerUnusable when it lists none."""
    listed = told.get("data") if isinstance(told, Mapping) else None
    if not isinstance(listed, list):
        raise not_this_api(asked.name, "its answer to /models is no list")
    names = [
        one["id"] for one in listed if isinstance(one, Mapping) and isinstance(one.get("id"), str)
    ]
    if not names:
        raise SpaceAnswerUnusable(f"The endpoint {asked.name} lists no model; name one after a #.")
    return names


def read_vectors(told: object, wanted: int, asked: Asked) -> list[list[float]]:
    """The vectors of one answer of /embeddings, by their index. Raises SpaceAnswerUnusable."""
    listed = told.get("data") if isinstance(told, Mapping) else None
    if not isinstance(listed, list):
        raise not_this_api(asked.name, "no data")
    ordered: dict[int, list[float]] = {}
    for place, one in enumerate(listed):
        vector = _vector(one.get("embedding")) if isinstance(one, Mapping) else None
        index = one.get("index", place) if isinstance(one, Mapping) else place
        if not isinstance(index, int) or vector is None:
            raise SpaceAnswerUnusable(f"The endpoint {asked.name} answered with something other than vectors of numbers.")  # fmt: skip
        ordered[index] = vector
    if sorted(ordered) != list(range(wanted)) or len(listed) != wanted:
        raise SpaceAnswerUnusable(f"The endpoint {asked.name} answered with {len(listed)} vectors for {wanted} texts.")  # fmt: skip
    return [ordered[index] for index in range(wanted)]


def check_lengths(vectors: Sequence[Sequence[float]], name: str) -> None:
    """Raise SpaceAnswerUnusable unless all vectors have one length."""
    lengths = {len(vector) for vector in vectors}
    if len(lengths) > 1:
        raise SpaceAnswerUnusable(f"The vectors of the endpoint {name} have different lengths.")


def _text_of(content: object) -> str:
    """A message's content: a text, or a list of parts of which some are texts."""
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return "".join(
            str(part.get("text") or "")
            for part in content
            if isinstance(part, Mapping) and part.get("type") == "text"
        )
    return ""


def _vector(value: object) -> list[float] | None:
    """A list of finite numbers, None for anything else."""
    if not isinstance(value, list) or not value:
        return None
    for number in value:
        if isinstance(number, bool) or not isinstance(number, int | float):
            return None
    try:
        vector = [float(number) for number in value]
    except OverflowError:
        return None
    return vector if all(map(math.isfinite, vector)) else None

"""A Space that turns texts into vectors: many at a time where it takes a list, else one call per text."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from backend.core.errors import SpaceAnswerUnusable, SpaceTimedOut
from backend.core.models import Progress

from ._call import Ask
from ._gradio import GradioSpace
from ._roles import find_roles, put_text, roles_by_name
from ._signature import Endpoint, Parameter, find_endpoint
from ._vectors import read_vectors

ENDPOINTS = (
    "/embed", "/embeddings", "/embedding", "/encode", "/embed_texts", "/get_embeddings", "/vectorize",
    "/feature_extraction", "/predict",
)  # fmt: skip
"""Endpoints that an embedding Space is likely to have, in order of preference."""

_NAMES = {
    "texts": """texts sentences documents docs passages inputs lines queries text sentence input query prompt data
        content value""",
}
_ROLES = roles_by_name(_NAMES)
_AT_ONCE = 64


class EmbeddingSpace:
    """Embeds texts with a Gradio Space; the `embed` of `core.models.Model`. Safe to share among threads."""

    def __init__(self, space: str, *, token: str | None = None) -> None:
        self._gradio = GradioSpace(space, token=token)

    def __repr__(self) -> str:
        return f"EmbeddingSpace({self.space!r})"

    @property
    def space(self) -> str:
        """owner/name or URL, as configured, without user, password and query."""
        return self._gradio.name

    def embed(self, texts: Sequence[str], *, deadline_seconds: float) -> list[list[float]]:
        """One vector per text, in order; see `core.models.Model.embed`. The deadline is for all texts together."""
        ends = time.monotonic() + deadline_seconds
        vectors: list[list[float]] = []
        while len(vectors) < len(texts):
            left = ends - time.monotonic()
            if left <= 0:
                raise SpaceTimedOut(
                    f"The Space {self.space} did not finish within {deadline_seconds:g} s."
                )
            vectors += self._some(texts[len(vectors) : len(vectors) + _AT_ONCE], left)
        if len({len(vector) for vector in vectors}) > 1:
            raise SpaceAnswerUnusable("The Space's vectors are not of one length.")
        return vectors

    def _some(self, texts: Sequence[str], seconds: float) -> list[list[float]]:
        """The vectors of all these texts if the Space takes a list, else of the first one."""
        ask = Ask(
            find=_endpoint,
            arguments=lambda endpoint: arguments(endpoint, texts),
            read=lambda output, endpoint, fetch: _read(output, endpoint, len(texts)),
        )
        return self._gradio.run(
            ask, on_progress=_ignore, canceled=lambda: False, deadline_seconds=seconds
        )


def arguments(endpoint: Endpoint, texts: Sequence[str]) -> dict[str, Any]:
    """Values by parameter name: all texts as a list or a table of one column, or the first text as it is."""
    parameter = _input(endpoint)
    if parameter is None:
        raise SpaceAnswerUnusable(f"The Space's endpoint {endpoint.name} takes no texts.")
    if parameter.kind == "json":
        return {parameter.name: list(texts)}
    if parameter.kind == "table":
        return {parameter.name: {"headers": ["text"], "data": [[text] for text in texts]}}
    values: dict[str, Any] = {}
    put_text(values, parameter, texts[0])
    return values


def _read(output: object, endpoint: Endpoint, count: int) -> list[list[float]]:
    parameter = _input(endpoint)
    at_once = parameter is not None and parameter.kind in ("json", "table")
    return read_vectors(output, count if at_once else 1)


def _endpoint(info: object) -> Endpoint:
    def suits(endpoint: Endpoint) -> bool:
        return _input(endpoint) is not None and any(
            given.component.casefold() in ("json", "api", "dataframe", "textbox", "code")
            for given in endpoint.returns
        )

    return find_endpoint(info, ENDPOINTS, suits, wanted="makes vectors of texts")


def _input(endpoint: Endpoint) -> Parameter | None:
    """The input for the texts: by its name, else the first that can hold them."""
    named = find_roles(endpoint, _ROLES, lambda role, parameter: _holds_texts(parameter))
    fitting = [parameter for parameter in endpoint.parameters if _holds_texts(parameter)]
    return named.get("texts") or next(iter(fitting), None)


def _holds_texts(parameter: Parameter) -> bool:
    return parameter.kind in ("json", "table") or parameter.takes_free_text


def _ignore(progress: Progress) -> None:
    """Vectors have no partial answers."""

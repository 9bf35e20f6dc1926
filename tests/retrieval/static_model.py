"""The local Space's vectors without the Space: a model that only embeds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from local.space.embedding import embed


class StaticModel:
    """What the local Space answers to `embed`, by the same function."""

    space = "local/static"

    def embed(self, texts: Sequence[str], *, deadline_seconds: float) -> list[list[float]]:
        """The same vectors for the same texts."""
        return embed(texts)

    def write(self, request: Any, **_: Any) -> Any:
        """Not asked for here."""
        raise NotImplementedError

    chat = speak = write

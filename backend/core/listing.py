"""Lists of sources as other readers export and import them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol


@dataclass(frozen=True)
class ListedSource:
    """A source in a list, at this line of the file. Texts fit their columns; None where the list says nothing."""

    url: str
    title: str | None
    category: str | None
    kind: Literal["feed", "page"] = "feed"
    line: int = 0


@dataclass(frozen=True)
class Misfit:
    """An entry of a list that is no source, at this line of the file, with the reason in the user's words."""

    line: int
    title: str | None
    url: str | None
    reason: str


class SourceLists(Protocol):
    """Reads and writes OPML."""

    def read(self, body: bytes) -> tuple[Sequence[ListedSource], Sequence[Misfit]]:
        """The sources of the file in its order, and what cannot be one. Raises InvalidInput when it is no OPML file."""
        ...

    def write(self, sources: Iterable[ListedSource]) -> bytes:
        """An OPML 2.0 file of these sources, grouped by category, that `read` reads to the same."""
        ...

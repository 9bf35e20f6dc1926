"""What users read: feeds and web pages, turned into plain text."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from backend.core.ports import Feed, Fetched, Page

from .feeds import read_feed
from .opml import Opml
from .pages import read_page

__all__ = ["Opml", "Reader"]


class Reader:
    """Implements `SourceReader`. `clock` tells the time in UTC, by which dates in the future are judged."""

    def __init__(self, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._clock = clock

    def read_feed(self, fetched: Fetched) -> Feed:
        """The feed in the bytes. Raises UnreadableSource."""
        return read_feed(fetched, now=self._clock())

    def read_page(self, fetched: Fetched) -> Page:
        """The readable part of the page. Raises UnreadableSource."""
        return read_page(fetched, now=self._clock())

"""Reading sources: fetch what is due, store new items once, come back later, sooner or much later."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any, Protocol

from .errors import FetchError, LinError, UnreadableSource
from .ports import FeedItem, Fetched, PublicDoor, SourceReader
from .records import DueSource
from .retries import next_fetch_delay

log = logging.getLogger("lin.reading")

FEED_BYTES = 10_000_000
_BATCH = 10
_RETRY_AFTER_SECONDS = 120


class SourceStore(Protocol):
    """What reading needs from the database; see store/sources.py."""

    def claim_due_sources(self, take: int, retry_after_seconds: int) -> list[DueSource]: ...

    def record_source_fetch(self, source_id: str, result: dict[str, Any]) -> int: ...


@dataclass(frozen=True)
class SourceFetcher:
    """Fetches due sources, `interval_seconds` apart while they work."""

    store: SourceStore
    door: PublicDoor
    reader: SourceReader
    interval_seconds: int

    def run(self) -> int:
        """Read the sources that are due; returns how many were read."""
        due = self.store.claim_due_sources(_BATCH, _RETRY_AFTER_SECONDS)
        for source in due:
            result = self._read(source)
            added = self.store.record_source_fetch(source.source_id, result)
            log.info("source read", extra={"source_id": source.source_id, "status": result["status"], "added": added, "error": result["error"]})  # fmt: skip
        return len(due)

    def _read(self, source: DueSource) -> dict[str, Any]:
        result: dict[str, Any] = {
            "status": "ok", "error": None, "title": None, "items": [], "moved_to": None,
            "etag": source.etag, "last_modified": source.last_modified,
            "next_fetch_seconds": self.interval_seconds,
        }  # fmt: skip
        try:
            fetched = self.door.fetch(source.url, headers=_conditions(source), max_bytes=FEED_BYTES)
            if fetched.status != 304:
                result |= self._found(source, fetched)
        except (FetchError, UnreadableSource) as error:
            result |= self._failed(source, str(error))
        except LinError:
            raise
        except Exception:
            log.exception(
                "reading a source failed unexpectedly", extra={"source_id": source.source_id}
            )
            result |= self._failed(
                source, "Something went wrong on Lin's side while reading this source."
            )
        return result

    def _found(self, source: DueSource, fetched: Fetched) -> dict[str, Any]:
        if source.kind == "page":
            page = self.reader.read_page(fetched)
            title, items = (
                page.title,
                [FeedItem(page.url, page.url, page.title, page.text, page.published_at)],
            )
        else:
            feed = self.reader.read_feed(fetched)
            title, items = feed.title, list(feed.items)
        return {
            "title": title,
            "items": [_item_json(item) for item in items],
            "moved_to": fetched.moved_to,
            "etag": _short(fetched.headers.get("etag"), 500),
            "last_modified": _short(fetched.headers.get("last-modified"), 100),
        }

    def _failed(self, source: DueSource, message: str) -> dict[str, Any]:
        return {
            "status": "failing",
            "error": message[:500],
            "next_fetch_seconds": next_fetch_delay(self.interval_seconds, source.failures + 1),
        }


def _conditions(source: DueSource) -> dict[str, str]:
    conditions = {"If-None-Match": source.etag, "If-Modified-Since": source.last_modified}
    return {name: value for name, value in conditions.items() if value}


def _item_json(item: FeedItem) -> dict[str, Any]:
    return {
        "guid": item.guid[:2000],
        "url": _short(item.url, 2000),
        "title": item.title[:1000],
        "text": item.text[:100_000],
        "published_at": item.published_at.isoformat() if item.published_at else None,
    }


def _short(value: str | None, limit: int) -> str | None:
    """A header or URL that fits its column, or nothing: half an ETag would never match."""
    return value if value and len(value) <= limit else None

"""Reading sources: fetch what is due, store new items once, come back later, sooner or much later."""

from __future__ import annotations

import logging
import random
import threading
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import Any, Protocol

from .errors import FetchError, FetchFailed, LinError, Unavailable, UnreadableSource
from .ports import FeedItem, Fetched, PublicDoor, SourceReader
from .records import DueSource
from .retries import LONGEST_HINT_SECONDS, next_fetch_delay

log = logging.getLogger("lin.reading")

FEED_BYTES = 10_000_000
# A server that does not answer holds one of these for 20 seconds at most; of one server there is never more than one.
_AT_ONCE = 8
_LOOK_AGAIN_SECONDS = 1.0
# A request takes at most 20 seconds, the largest feed as long to read.
_RETRY_AFTER_SECONDS = 120
# With half an hour between readings, the twelfth failure in a row comes after a month.
_GONE_AFTER = 12
_SELDOM = 30  # as many failures as make it a week, however often it was read before
_GONE = 410
_TOO_OFTEN = 429
_OVERLOADED = 503
_PAUSE_SECONDS = 300.0
# The only article of a page: it stays the same one when its address or its text changes.
_PAGE_GUID = "page"

_ACCEPT = {
    "feed": "application/rss+xml, application/atom+xml, application/feed+json, application/xml;q=0.9, text/xml;q=0.9, */*;q=0.5",
    "page": "text/html, application/xhtml+xml, text/plain;q=0.9, */*;q=0.5",
}
_OURS = "Something went wrong on Lin's side while reading this source."


class SourceStore(Protocol):
    """What reading needs from the database; see store/sources.py."""

    def claim_due_sources(self, take: int, retry_after_seconds: int) -> list[DueSource]: ...

    def record_source_fetch(self, source_id: str, result: dict[str, Any]) -> int: ...


@dataclass(frozen=True)
class SourceFetcher:
    """Fetches due sources, `interval_seconds` apart while they work. `stopping` set: no more are begun."""

    store: SourceStore
    door: PublicDoor
    reader: SourceReader
    interval_seconds: int
    stopping: threading.Event = field(default_factory=threading.Event)
    draw: random.Random = field(default_factory=random.Random)

    def run(self) -> int:
        """Read the sources that are due, several servers at a time; returns how many were read."""
        begun = 0
        working: set[Future[None]] = set()
        with ThreadPoolExecutor(_AT_ONCE, "read-source") as pool:
            while not self.stopping.is_set():
                free = _AT_ONCE - len(working)
                due = self.store.claim_due_sources(free, _RETRY_AFTER_SECONDS) if free else []
                begun += len(due)
                working |= {pool.submit(self._work, source) for source in due}
                if not working:
                    break
                # not for all of them: others must not wait for a server that does not answer
                done, working = wait(working, _LOOK_AGAIN_SECONDS, FIRST_COMPLETED)
                for one in done:
                    one.result()
        return begun

    def _work(self, source: DueSource) -> None:
        result = self._read(source)
        try:
            added = self.store.record_source_fetch(source.source_id, result)
        except Unavailable:
            raise
        except LinError:
            # what was found cannot be stored: said once, not tried every two minutes
            log.exception("a reading could not be stored", extra={"source_id": source.source_id})
            result |= {"title": None, "items": [], "moved_to": None}
            result |= self._failed(source, UnreadableSource(_OURS))
            added = self.store.record_source_fetch(source.source_id, result)
        log.info("source read", extra={"source_id": source.source_id, "status": result["status"], "added": added, "error": result["error"]})  # fmt: skip

    def _read(self, source: DueSource) -> dict[str, Any]:
        result: dict[str, Any] = {
            "status": "ok", "error": None, "title": None, "items": [], "moved_to": None,
            "etag": source.etag, "last_modified": source.last_modified,
            "next_fetch_seconds": next_fetch_delay(self.interval_seconds, 0, self.draw), "host_wait_seconds": None,
        }  # fmt: skip
        try:
            fetched = self.door.fetch(source.url, headers=_headers(source), max_bytes=FEED_BYTES)
            if fetched.status != 304:
                result |= self._found(source, fetched)
            elif fetched.moved_to:
                result["moved_to"] = _short(fetched.moved_to, 2000)
        except (FetchError, UnreadableSource) as error:
            result |= self._failed(source, error)
        except LinError:
            raise
        except Exception:
            log.exception(
                "reading a source failed unexpectedly", extra={"source_id": source.source_id}
            )
            result |= self._failed(source, UnreadableSource(_OURS))
        return result

    def _found(self, source: DueSource, fetched: Fetched) -> dict[str, Any]:
        if source.kind == "page":
            page = self.reader.read_page(fetched)
            title, items = (
                page.title,
                [FeedItem(_PAGE_GUID, page.url, page.title, page.text, page.published_at)],
            )
        else:
            feed = self.reader.read_feed(fetched)
            title, items = feed.title, list(feed.items)
        return {
            "title": title,
            "items": [_item_json(item) for item in items],
            "moved_to": _short(fetched.moved_to, 2000),
            "etag": _short(fetched.headers.get("etag"), 500),
            "last_modified": _short(fetched.headers.get("last-modified"), 100),
        }

    def _failed(self, source: DueSource, error: LinError) -> dict[str, Any]:
        status = error.status if isinstance(error, FetchFailed) else None
        failures = source.failures + 1
        gone = status == _GONE or (failures >= _GONE_AFTER and status != _TOO_OFTEN)
        delay = next_fetch_delay(self.interval_seconds, _SELDOM if gone else failures, self.draw)
        pause = _asked_pause(error)
        return {
            "status": "gone" if gone else "failing",
            "error": str(error)[:500],
            "next_fetch_seconds": max(delay, pause or 0),
            "host_wait_seconds": pause,
        }


def _asked_pause(error: LinError) -> int | None:
    """How many seconds the server wants to be left alone, a day at most; None when it did not say so."""
    if not isinstance(error, FetchFailed) or error.status not in (_TOO_OFTEN, _OVERLOADED):
        return None
    if error.retry_after_seconds is None:
        return int(_PAUSE_SECONDS) if error.status == _TOO_OFTEN else None
    return int(min(error.retry_after_seconds, LONGEST_HINT_SECONDS)) + 1


def _headers(source: DueSource) -> dict[str, str]:
    conditions = {"If-None-Match": source.etag, "If-Modified-Since": source.last_modified}
    return {"Accept": _ACCEPT[source.kind]} | {
        name: value for name, value in conditions.items() if value
    }


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

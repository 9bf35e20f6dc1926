"""Three feeds of different kinds: added, read by the worker, and made findable."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .visitor import DemoError, Visitor, until

# The kind of each feed, and where the stand-in frontend serves it.
FEEDS = {"RSS": "/feed.xml", "Atom": "/harbour/atom.xml", "JSON Feed": "/workshop/feed.json"}

Say = Callable[[int, str, list[str]], None]


class Reading:
    """The steps about sources. Raises DemoError."""

    def __init__(self, visitor: Visitor, say: Say) -> None:
        self._visitor = visitor
        self._say = say

    def add(self, number: int) -> dict[str, dict[str, Any]]:
        """Add the feeds; returns their rows by kind."""
        frontend = self._visitor.info["frontend_url"]
        added = {
            kind: self._visitor.insert("sources", url=f"{frontend}{path}", category="craft")
            for kind, path in FEEDS.items()
        }
        self._say(number, "added three feeds of different kinds", [
            f"{kind:<9} {source['url']}: {source['status']}" for kind, source in added.items()
        ])  # fmt: skip
        return added

    def read(
        self, number: int, added: dict[str, dict[str, Any]]
    ) -> dict[str, list[dict[str, Any]]]:
        """Wait for the worker; returns the articles by kind, newest first."""
        found = {kind: self._items(source) for kind, source in added.items()}
        wanted = {item["id"] for items in found.values() for item in items}

        def indexed() -> int | None:
            query = self._visitor.supabase.table("passages").select("source_item_id")
            rows: Any = query.execute().data
            return len(rows) if wanted <= {row["source_item_id"] for row in rows} else None

        passages = until(indexed, "the worker to cut the articles into passages")
        evidence = []
        for kind, items in found.items():
            title = self._visitor.row("sources", "title", id=added[kind]["id"])["title"]
            evidence.append(f'{kind:<9} "{title}": {len(items)} articles, the newest "{items[0]["title"]}"')  # fmt: skip
        self._say(number, "the worker read them", [
            *evidence, f"{len(wanted)} articles, each once, cut into {passages} passages to search"
        ])  # fmt: skip
        return found

    def _items(self, source: dict[str, Any]) -> list[dict[str, Any]]:
        columns = "id,title,url,text"

        def look() -> list[Any] | None:
            row = self._visitor.row("sources", "status,error", id=source["id"])
            if row["error"]:
                raise DemoError(f"{source['url']}: {row['error']}")
            query = self._visitor.supabase.table("source_items").select(columns)
            query = query.eq("source_id", source["id"])
            return list(query.order("published_at", desc=True).execute().data) or None

        items: list[dict[str, Any]] = until(look, f"the worker to read {source['url']}")
        return items

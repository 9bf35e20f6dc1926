"""Posts as CSV that spreadsheets open and that an import reads back without making anything twice."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator
from typing import Any

from .cells import guarded

HEADER = (
    "post_id", "text", "scheduled_at", "account", "media", "options", "status", "state", "published_at", "external_url",
    "external_id", "error", "impressions", "likes", "comments", "shares", "measured_at", "created_at",
)  # fmt: skip


def write_posts(posts: Iterable[dict[str, Any]]) -> Iterator[str]:
    """The lines of a CSV file: one for each target, or one for a post without any. Text, not bytes; the mark by which
    Excel knows UTF-8 is its first character."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\r\n")
    buffer.write("\ufeff")
    writer.writerow(HEADER)
    for post in posts:
        for target in post["targets"] or [{}]:
            writer.writerow([guarded(_cell(value)) for value in _row(post, target)])
        yield buffer.getvalue()
        buffer.seek(0)
        buffer.truncate()
    yield buffer.getvalue()


def _row(post: dict[str, Any], target: dict[str, Any]) -> tuple[Any, ...]:
    override = target.get("text_override")
    account = f"{target['platform']}: {target['account_name']}" if target else None
    options = target.get("options")
    return (
        post["id"], post["text"] if override is None else override, post["scheduled_at"], account, " ".join(post["media"]),
        json.dumps(options, ensure_ascii=False) if options else None, post["status"],
        *(target.get(name) for name in ("state", "published_at", "external_url", "external_id", "error", "impressions",
                                        "likes", "comments", "shares", "taken_at")),
        post["created_at"],
    )  # fmt: skip


def _cell(value: Any) -> str:
    return "" if value is None else str(value)

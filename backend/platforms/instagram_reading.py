"""What Instagram shows of an account's posts: the listing, and how they do. Source: Instagram API, media and insights (2026)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from ..core.errors import LinError, NoAnswer, Rejected
from ..core.platform_contract import Metrics, Seen
from .graph import Graph

_COUNTS = "like_count,comments_count"
_INSIGHTS = "views,shares"


def published_media(graph: Graph, token: str, account: str, since: datetime) -> Sequence[Seen]:
    """All posts of an account created since then; the listing begins with the newest. How many files they have is not asked.
    Raises NoAnswer when one of them cannot be read: what is left out would count as not there."""
    entries = graph.listed(
        f"{account}/media", token,
        enough=lambda page: bool(page) and all(_seen(entry).created_at < since for entry in page),
        fields="id,caption,permalink,timestamp", limit="50",
    )  # fmt: skip
    seen = [_seen(entry) for entry in entries]
    return [post for post in seen if post.created_at >= since]


def _seen(entry: Mapping[str, Any]) -> Seen:
    try:
        created = datetime.fromisoformat(str(entry["timestamp"]))
        if created.tzinfo is None:
            created = created.replace(tzinfo=UTC)
        media = str(entry["id"])
    except (KeyError, ValueError):
        raise NoAnswer("Instagram lists a post that cannot be read") from None
    url = entry.get("permalink")
    return Seen(media, str(url) if url else None, str(entry.get("caption") or ""), None, created)


def address_of(graph: Graph, token: str, media: str) -> str | None:
    """Where people see a post; it cannot be made of the id. None when that is not told: the post is out all the same."""
    try:
        url = graph.get(media, token, fields="permalink").get("permalink")
    except LinError:
        return None
    return str(url) if url else None


def metrics_of(
    graph: Graph, token: str, media: Sequence[str], *, insights: bool
) -> dict[str, Metrics]:
    """How posts do; those that are gone are left out. With `insights` views and shares are asked as well, which come up to
    48 hours late."""
    found = {}
    for one in media:
        try:
            body = graph.get(one, token, fields=_COUNTS)
        except Rejected:
            continue
        more = _insights(graph, token, one) if insights else {}
        found[one] = Metrics(
            impressions=more.get("views"),
            likes=_number(body.get("like_count")),  # left out where the owner hides it
            comments=_number(body.get("comments_count")),
            shares=more.get("shares"),
        )
    return found


def _insights(graph: Graph, token: str, media: str) -> dict[str, int | None]:
    try:
        entries = graph.listed(f"{media}/insights", token, metric=_INSIGHTS)
    except Rejected:
        return {}
    return {str(entry.get("name")): _value(entry.get("values")) for entry in entries}


def _value(values: Any) -> int | None:
    last = values[-1] if isinstance(values, list) and values else None
    return _number(last.get("value")) if isinstance(last, dict) else None


def _number(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None

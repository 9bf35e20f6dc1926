"""How much an Instagram account may still publish. Source: Instagram API, content publishing limit (2026)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from ..core.errors import Rejected
from .graph import Graph
from .instagram_errors import quota_used
from .instagram_reading import published_media

_A_DAY_SECONDS = 86_400


def check_quota(graph: Graph, token: str, account: str) -> None:
    """Ask how much the account may publish in 24 hours, as the documents disagree on it (50 or 100 posts). Where it may not
    be asked (for Instagram Login that is not certain) publishing itself will say. Raises TryLater when it is used up."""
    try:
        body = graph.get(
            f"{account}/content_publishing_limit", token, fields="quota_usage,config"
        )  # fmt: skip
    except Rejected:
        return
    entry = _first(body.get("data"))
    config = entry.get("config")
    config = config if isinstance(config, dict) else {}
    used, total, seconds = entry.get("quota_usage"), config.get("quota_total"), config.get("quota_duration")  # fmt: skip
    if not isinstance(used, int) or not isinstance(total, int) or used < total:
        return
    window = timedelta(seconds=seconds if isinstance(seconds, int) else _A_DAY_SECONDS)
    raise quota_used(
        _frees_in(graph, token, account, used - total, window), error_class="quota_used"
    )


def _frees_in(
    graph: Graph, token: str, account: str, too_many: int, window: timedelta
) -> float | None:
    """The seconds until one more may go: when so many of the oldest, and one, have left the window. Posts made in the app are
    listed as well and do not count, so it may be later than that. None when too few are listed to say."""
    now = datetime.now(UTC)
    times = sorted(
        one.created_at for one in published_media(graph, token, account, now - window)
    )  # fmt: skip
    if too_many >= len(times):
        return None
    return max(60.0, (times[too_many] + window - now).total_seconds())


def _first(entries: Any) -> dict[str, Any]:
    entry = entries[0] if isinstance(entries, list) and entries else None
    return entry if isinstance(entry, dict) else {}

"""What Facebook shows of a page's posts: the listing, what became of a video, and how posts do.

Source: Pages API (published posts), Video node, Post insights (2025-2026).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from ..core.errors import NoAnswer, Rejected
from ..core.platform_contract import Absent, Metrics, Pending, Published, Seen
from .graph import Graph

# A reel of which Facebook still says after so long that publishing has not begun was never told to be published.
_FINISH_ARRIVES_WITHIN = timedelta(minutes=10)
# Only the names of the phases are documented; these words for how they stand are what answers show.
_FAILED = ("error", "upload_failed", "expired")
_COUNTS = "reactions.summary(total_count),comments.summary(total_count),shares"
_VIEWS = "post_media_view"


def post_url(post: str, permalink: Any = None) -> str:
    """Where people see a post: the address that Facebook gives (a video's begins with a slash), else the one by id."""
    if isinstance(permalink, str) and permalink:
        return f"https://www.facebook.com{permalink}" if permalink.startswith("/") else permalink
    return f"https://www.facebook.com/{post}"


def published_posts(graph: Graph, token: str, page: str, since: datetime) -> Sequence[Seen]:
    """All posts of a page created since then. How many files they have is not told. Raises NoAnswer when one of them cannot
    be read: what is left out would count as not there."""
    entries = graph.listed(
        f"{page}/published_posts", token,
        fields="id,message,created_time,permalink_url", since=str(int(since.timestamp())), limit="100",
    )  # fmt: skip
    seen = [_seen(entry) for entry in entries]
    return [post for post in seen if post.created_at >= since]


def _seen(entry: Mapping[str, Any]) -> Seen:
    try:
        created = datetime.fromisoformat(str(entry["created_time"]))
        if created.tzinfo is None:
            created = created.replace(tzinfo=UTC)
        post = str(entry["id"])
    except (KeyError, ValueError):
        raise NoAnswer("Facebook lists a post that cannot be read") from None
    url = post_url(post, entry.get("permalink_url"))
    return Seen(post, url, str(entry.get("message") or ""), None, created)


def video_outcome(
    graph: Graph, token: str, video: str, *, is_reel: bool, since: datetime, check_after: float
) -> Published | Pending | Absent:
    """What became of a video that Facebook has. Raises Rejected when it could not be processed."""
    try:
        body = graph.get(video, token, fields="status,post_id,permalink_url")
    except Rejected:  # that it may not be asked for says nothing of the post
        return Pending(check_after)
    status = body.get("status")
    if not isinstance(status, dict):
        raise NoAnswer("Facebook's answer says nothing of the video's status")
    phases = {
        name: status[f"{name}_phase"]
        for name in ("uploading", "processing", "publishing")
        if isinstance(status.get(f"{name}_phase"), dict)
    }
    _raise_for_failure(status, phases)
    if _is_out(status, phases):
        post = str(body.get("post_id") or video)
        return Published(post, post_url(post, body.get("permalink_url")))
    begun = {name: phase.get("status") not in (None, "not_started") for name, phase in phases.items()}  # fmt: skip
    if (
        is_reel
        and begun.get("publishing") is False
        and not begun.get("processing")
        and datetime.now(UTC) > since + _FINISH_ARRIVES_WITHIN
    ):
        # finishing the same video once more makes one reel of it, whatever became of the first time
        return Absent("Facebook has the reel and was never told to publish it.")
    return Pending(check_after)


def _raise_for_failure(status: Mapping[str, Any], phases: Mapping[str, Any]) -> None:
    stopped = next((p for p in phases.values() if p.get("status") == "error"), None)
    if stopped is None and status.get("video_status") not in _FAILED:
        return
    reason = _reason(stopped or {}) or "no reason given"
    raise Rejected(
        f"Facebook could not process the video of this post ({reason}).",
        error_class="media_processing_failed",
    )


def _reason(phase: Mapping[str, Any]) -> str:
    errors = phase.get("errors") or phase.get("error")
    first = errors[0] if isinstance(errors, list) and errors else errors
    words = first.get("message") if isinstance(first, dict) else first
    return str(words or "").strip()[:200]


def _is_out(status: Mapping[str, Any], phases: Mapping[str, Any]) -> bool:
    """Whether a video is published: its last phase says so, or, where that is not told, the whole."""
    publishing = phases.get("publishing")
    if publishing is None:
        return status.get("video_status") in ("ready", "published")
    return bool(publishing.get("status") == "complete")


def metrics_of(
    graph: Graph, token: str, posts: Sequence[str], *, views: bool
) -> dict[str, Metrics]:
    """How posts do; those that are gone are left out. With `views` the insights are asked as well."""
    found = {}
    for post in posts:
        try:
            body = graph.get(post, token, fields=_COUNTS)
        except Rejected:
            continue
        shares = body.get("shares")
        found[post] = Metrics(
            impressions=_views(graph, token, post) if views else None,
            likes=_total(body.get("reactions")),
            comments=_total(body.get("comments")),
            # left out by Facebook until somebody shares it
            shares=_number(shares.get("count")) if isinstance(shares, dict) else 0,
        )
    return found


def _views(graph: Graph, token: str, post: str) -> int | None:
    try:
        body = graph.get(f"{post}/insights", token, metric=_VIEWS)
    except Rejected:
        return None
    entries = body.get("data")
    for entry in entries if isinstance(entries, list) else ():
        if isinstance(entry, dict) and entry.get("name") == _VIEWS and entry.get("values"):
            value = entry["values"][-1]
            return _number(value.get("value")) if isinstance(value, dict) else None
    return None


def _total(edge: Any) -> int | None:
    summary = edge.get("summary") if isinstance(edge, dict) else None
    return _number(summary.get("total_count")) if isinstance(summary, dict) else None


def _number(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None

"""What LinkedIn shows of an account's own posts. Source: Posts API, "Find posts by author" (2026-09)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from ..core.errors import NoAnswer
from ..core.platform_contract import Seen
from ..core.ports import Answer
from .linkedin_errors import post_url

# Closed: LinkedIn gives it to few apps. Without it reading answers 403, also to the author (seen in practice, 2026-09).
READ_BACK_SCOPE = "r_member_social"
# The same for pages, for vetted apps.
PAGE_READ_SCOPE = "r_organization_social"


def seen_posts(answer: Answer, since: datetime) -> Sequence[Seen]:
    """The posts of a finder's answer that were created since then. Raises NoAnswer for what is no such answer."""
    body = answer.json()
    elements = body.get("elements") if isinstance(body, dict) else None
    if not isinstance(elements, list):
        raise NoAnswer("LinkedIn's answer lists no posts")
    seen = [_seen(element) for element in elements if isinstance(element, dict)]
    return [post for post in seen if post is not None and post.created_at >= since]


def _seen(element: dict[str, Any]) -> Seen | None:
    urn, created = element.get("id"), element.get("createdAt")
    if not isinstance(urn, str) or not isinstance(created, int | float):
        return None
    return Seen(
        external_id=urn,
        external_url=post_url(urn),
        text=str(element.get("commentary") or ""),
        media=_files(element.get("content")),
        created_at=datetime.fromtimestamp(created / 1000, UTC),
    )


def _files(content: Any) -> int:
    """How many files a post has: one in `media`, several in `multiImage`, the thumbnail of an article."""
    if not isinstance(content, dict):
        return 0
    several, article = content.get("multiImage"), content.get("article")
    if isinstance(several, dict):
        return len(several.get("images") or ())
    if isinstance(article, dict):
        return int("thumbnail" in article)
    return int("media" in content)

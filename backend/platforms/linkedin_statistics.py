"""How posts do on LinkedIn, for vetted apps. Source: Community Management API, post and share statistics (2026-09)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from ..core.errors import NoAnswer, Rejected
from ..core.platform_contract import Metrics, Tokens
from .linkedin_errors import raise_for
from .linkedin_media import Rest

MEMBER_STATISTICS_SCOPE = "r_member_postAnalytics"
PAGE_STATISTICS_SCOPE = "rw_organization_admin"

_POST = re.compile(r"urn:li:(share|ugcPost):\d+")
# what LinkedIn calls each figure: of a member's post, of a page's
_OF_MEMBERS = {"impressions": "IMPRESSION", "likes": "REACTION", "comments": "COMMENT", "shares": "RESHARE"}  # fmt: skip
# Only what is counted is in the facts at hand, not the fields; these are the customary names. What is missing is not told.
_OF_PAGES = {"impressions": "impressionCount", "likes": "likeCount", "comments": "commentCount", "shares": "shareCount"}  # fmt: skip


def metrics_of_member(rest: Rest, tokens: Tokens, posts: Sequence[str]) -> dict[str, Metrics]:
    """How a member's posts do, by URN; those that LinkedIn does not know are left out. Four requests a post."""
    found = {}
    for post in filter(_POST.fullmatch, posts):
        try:
            figures = {name: _count(rest, tokens, post, kind) for name, kind in _OF_MEMBERS.items()}
        except Rejected:
            continue
        found[post] = Metrics(**figures)
    return found


def _count(rest: Rest, tokens: Tokens, post: str, kind: str) -> int | None:
    name = "ugc" if ":ugcPost:" in post else "share"
    entity = f"({name}:{quote(post, safe='')})"
    # written out: parentheses are Rest.li's own here, and only the URN within is encoded
    path = f"/memberCreatorPostAnalytics?q=entity&entity={entity}&queryType={kind}&aggregation=TOTAL"  # fmt: skip
    entries = _elements(rest, tokens, path)
    return _number(entries[0].get("count")) if entries else None


def metrics_of_page(
    rest: Rest, tokens: Tokens, page: str, posts: Sequence[str]
) -> dict[str, Metrics]:
    """How a page's posts do, by URN. One request; should LinkedIn not know one of them, one for each."""
    known = [post for post in posts if _POST.fullmatch(post)]
    try:
        return _of_page(rest, tokens, page, known) if known else {}
    except Rejected:
        if len(known) <= 1:
            return {}
    return {k: v for post in known for k, v in metrics_of_page(rest, tokens, page, [post]).items()}


def _of_page(rest: Rest, tokens: Tokens, page: str, posts: Sequence[str]) -> dict[str, Metrics]:
    # the only list that is documented; it is not said whether ugcPosts want one of their own
    shares = ",".join(quote(post, safe="") for post in posts)
    path = (
        "/organizationalEntityShareStatistics?q=organizationalEntity"
        f"&organizationalEntity={quote(page, safe='')}&shares=List({shares})"
    )
    found = {}
    for entry in _elements(rest, tokens, path):
        figures = entry.get("totalShareStatistics")
        post = entry.get("share") or entry.get("ugcPost")
        if isinstance(post, str) and isinstance(figures, dict):
            told = {name: _number(figures.get(key)) for name, key in _OF_PAGES.items()}
            found[post] = Metrics(**told)
    return found


def _elements(rest: Rest, tokens: Tokens, path: str) -> list[dict[str, Any]]:
    answer = rest("GET", path, tokens)
    raise_for(answer, creating=False)
    body = answer.json()
    entries = body.get("elements") if isinstance(body, dict) else None
    if not isinstance(entries, list):
        raise NoAnswer("LinkedIn's answer holds no figures")
    return [entry for entry in entries if isinstance(entry, dict)]


def _number(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None

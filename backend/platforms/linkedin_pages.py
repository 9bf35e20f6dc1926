"""LinkedIn pages (organisations): which of them a member may post for, and whose name a post bears.

Source: Community Management API, organisation access control (2026-09). LinkedIn gives the permissions to vetted apps only.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from ..core.errors import NoAnswer, Reconnect
from ..core.platform_contract import Granted, Identity, Tokens
from .linkedin_errors import raise_for
from .linkedin_media import Rest
from .linkedin_reading import PAGE_READ_SCOPE, READ_BACK_SCOPE
from .linkedin_statistics import MEMBER_STATISTICS_SCOPE, PAGE_STATISTICS_SCOPE

POST_SCOPE = "w_organization_social"
# the narrower of the two scopes with which a member's pages are listed
LIST_SCOPE = "r_organization_admin"
# DIRECT_SPONSORED_CONTENT_POSTER posts advertisements only
ROLES = ("ADMINISTRATOR", "CONTENT_ADMIN")

_OF_PAGES = {POST_SCOPE, PAGE_READ_SCOPE, LIST_SCOPE, PAGE_STATISTICS_SCOPE}
_OF_MEMBERS = {READ_BACK_SCOPE, MEMBER_STATISTICS_SCOPE}
_PAGE = re.compile(r"urn:li:organization:(\d+)")
_AT_ONCE = 100
_MOST_ANSWERS = 20


def author_of(identity: Identity) -> str:
    """The URN under which an account posts and owns its uploads."""
    kind = "organization" if identity.kind == "organization" else "person"
    return f"urn:li:{kind}:{identity.external_id}"


def granted_to(identity: Identity, tokens: Tokens) -> Granted:
    """The account with the scopes that say something about it: one token serves the member and their pages."""
    of_others = _OF_MEMBERS if identity.kind == "organization" else _OF_PAGES
    own = tuple(scope for scope in tokens.scopes if scope not in of_others)
    return Granted(identity, replace(tokens, scopes=own))


def require_page_scope(identity: Identity, tokens: Tokens) -> None:
    """Raises Reconnect when the account is a page and its member has not let this server post for pages."""
    if identity.kind == "organization" and POST_SCOPE not in tokens.scopes:
        raise Reconnect(
            f"{identity.account_name} has not granted {POST_SCOPE}; connect it again.",
            error_class="missing_scope",
        )


def pages_of(rest: Rest, tokens: Tokens) -> list[Identity]:
    """The pages that the member may post for, each once, in LinkedIn's order. No documented call tells a page's name to
    apps, so it is called by its number, which stands in the address of the page."""
    found = dict.fromkeys(page for role in ROLES for page in _with_role(rest, tokens, role))
    return [
        Identity(external_id=page, account_name=f"LinkedIn page {page}", kind="organization")
        for page in found
    ]


def page_now(rest: Rest, tokens: Tokens, identity: Identity) -> Identity:
    """The page as it was, if the member may still post for it. Raises Reconnect."""
    if all(page.external_id != identity.external_id for page in pages_of(rest, tokens)):
        raise Reconnect(
            f"Your role on {identity.account_name} does not allow posting any more. Have one of its administrators give it "
            "back, then connect again.",
            error_class="no_role",
        )
    return identity


def _with_role(rest: Rest, tokens: Tokens, role: str) -> list[str]:
    """Ids of the pages on which the member has this role. `start` and `count` are Rest.li's own; that this finder takes
    them is not in the facts at hand, so an answer that brings nothing new ends it."""
    found: dict[str, None] = {}
    start = 0
    for _ in range(_MOST_ANSWERS):
        query = {"q": "roleAssignee", "role": role, "state": "APPROVED", "start": str(start), "count": str(_AT_ONCE)}  # fmt: skip
        answer = rest("GET", "/organizationAcls", tokens, params=query)
        raise_for(answer, creating=False)
        entries = _entries(answer.json())
        before = len(found)
        found |= dict.fromkeys(filter(None, map(_page_id, entries)))
        if len(found) == before or len(entries) < _AT_ONCE:
            break
        start += len(entries)
    return list(found)


def _entries(body: Any) -> list[Any]:
    entries = body.get("elements") if isinstance(body, dict) else None
    if not isinstance(entries, list):
        raise NoAnswer("LinkedIn's answer lists no pages")
    return entries


def _page_id(entry: Any) -> str:
    """The number of the page, empty where the entry names none."""
    found = _PAGE.fullmatch(str(entry.get("organization"))) if isinstance(entry, dict) else None
    return found[1] if found else ""

"""What refusals mean on Facebook alone; the rest is in graph_errors.py. Source: Graph API error codes (2025-2026).

The meanings of the five long subcodes are told by other clients, and not all agree; Facebook documents none of them.
"""

from __future__ import annotations

from ..core.errors import Rejected
from .graph_errors import Problem

_DUPLICATE = 506
_LINK_PREVIEW = 1609005
_SUBCODES = {
    1366046: "Facebook does not take a photo of this post: its format or its size is not right.",
    1390008: "Facebook says that this page posts too fast. Wait a while before you try again.",
    1346003: "Facebook says that this looks like abuse. Look at the page's notices there before you try again.",
    1404078: "Facebook wants the page to be authorised for publishing first. Log in there as its manager and do what it asks.",
    1404102: "Facebook says that this goes against its community standards. Change it before you try again.",
}


def raise_for_page(problem: Problem) -> None:
    """Raise what a code means for a page; return for all others."""
    named = problem.named
    if problem.code == _DUPLICATE:
        named["error_class"] = "duplicate"
        raise Rejected(
            "The newest post of this page says the very same; change this one, or leave it at that.",
            **named,
        )
    if _LINK_PREVIEW in (problem.code, problem.subcode):
        raise Rejected(
            "Facebook could not make a preview of the link. Check that the address can be opened by everybody.",
            **named,
        )
    if problem.subcode in _SUBCODES:
        raise Rejected(_SUBCODES[problem.subcode], **named)

"""Read a caption the way its readers see it: ``#tag`` and ``@user`` inside (platform facts 5.3)."""

from __future__ import annotations

import re

# TikTok does not document which characters a hashtag may have; letters, digits, marks and
# underscores of every script are what is taken here. User names have letters, digits, _ and dots.
_MARKED = re.compile(r"(?<!\w)(?:#[^\W]+|@\w[\w.]*)")


def pieces(caption: str) -> list[tuple[str, str]]:
    """``(kind, text)`` in reading order; kind is ``text``, ``hashtag`` or ``mention``."""
    found, plain_from = [], 0
    for match in _MARKED.finditer(caption):
        found.append(("text", caption[plain_from : match.start()]))
        found.append(("hashtag" if match[0][0] == "#" else "mention", match[0]))
        plain_from = match.end()
    found.append(("text", caption[plain_from:]))
    return [(kind, text) for kind, text in found if text]

"""A text as readers see it: hashtags, links and (on Instagram) mentions stand out."""

from __future__ import annotations

import re

_LINK = r"(?P<link>https?://[^\s<>\"]+)"
# A hashtag needs something else than digits; it does not begin in the middle of a word.
_HASHTAG = r"(?P<hashtag>(?<![\w&#])#(?=\w*[^\W\d])\w+)"
_MENTION = r"(?P<mention>(?<![\w@])@\w(?:[\w.]*\w)?)"
_PAGE_TEXT = re.compile(f"{_LINK}|{_HASHTAG}")
_CAPTION = re.compile(f"{_HASHTAG}|{_MENTION}")

Pieces = list[tuple[str, str]]


def pieces_of_message(text: str) -> Pieces:
    """A Facebook message. Pages cannot be named without a feature that is reviewed separately."""
    return _pieces(_PAGE_TEXT, text)


def pieces_of_caption(text: str) -> Pieces:
    """An Instagram caption; links in it are not clickable."""
    return _pieces(_CAPTION, text)


def _pieces(pattern: re.Pattern[str], text: str) -> Pieces:
    pieces, at = [], 0
    for found in pattern.finditer(text):
        if found.start() > at:
            pieces.append(("text", text[at : found.start()]))
        pieces.append((found.lastgroup or "text", found[0]))
        at = found.end()
    if at < len(text):
        pieces.append(("text", text[at:]))
    return pieces

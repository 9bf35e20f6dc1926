"""LinkedIn's "little text" format: what must be escaped so that a post appears exactly as it was written.

Source: LinkedIn, "little Text Format". An unescaped reserved character is not refused: the API answers 201 and may drop
the text from there on. So everything reserved is escaped, except the # of an intended hashtag.
"""

from __future__ import annotations

import re

RESERVED = frozenset("|{}@[]()<>#\\*_~")

# An intended hashtag: # at the start or after a space or opening mark, then letters and digits with at least one letter.
# Underscores end it: whether LinkedIn allows them inside is not documented.
_HASHTAG = r"""(?<![^\s(\[{"'«“‘])\#(?=[^\W_]*[^\W\d_])[^\W_]+"""
_HASHTAGS = re.compile(_HASHTAG)
_ESCAPABLE = re.compile(
    rf"""(?P<hashtag>{_HASHTAG})|(?P<reserved>[|{{}}@\[\]()<>\#\\*_~])""", re.VERBOSE
)


def escape(text: str) -> str:
    """The little text that shows as `text`. One pass: escaping twice would show backslashes."""
    return _ESCAPABLE.sub(lambda match: match["hashtag"] or f"\\{match['reserved']}", text)


def hashtags(text: str) -> tuple[str, ...]:
    """The hashtags that LinkedIn makes of the escaped text, with their #: those that `escape` leaves alone."""
    return tuple(_HASHTAGS.findall(text))

"""What of a text is read aloud: its words, not its signs.

The rule: citations like [1] and addresses are left out, of links and markdown the words stay, a hashtag loses its
sign. Everything else is spoken as it is written.
"""

from __future__ import annotations

import re

_LINES: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern, re.MULTILINE), words)
    for pattern, words in (
        (r"[ \t]+", " "),  # first: what follows may then look for spaces without taking long
        (r"^[ \t]*(?:```|~~~).*$", ""),  # the fences of code, not what stands between them
        (r"^[ \t]*(?:[-*_][ \t]*){3,}$", ""),  # a rule between paragraphs
        (r"^(?=[^\n]*---)[ \t:|-]+$", ""),  # the line below the head of a table
        (r"^[ \t]*(?:>[ \t]?)+", ""),
        (r"^[ \t]*#{1,6}[ \t]+", ""),
        (r"^[ \t]*[-*+•][ \t]+", ""),
    )
)
_SIGNS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), words)
    for pattern, words in (
        # [1], [2, 3], [?] and [1][2], with or without an address behind them
        (r"[ \t]*(?:\[(?:\d{1,3}|\?)(?:\s*[,;–-]\s*(?:\d{1,3}|\?))*\](?:\([^()\s]*\))?)+", ""),
        (r"!?\[([^\[\]]*)\]\([^()\s]*(?:\s+\"[^\"]*\")?\)", r"\1"),
        (r"<?\b(?:https?://|www\.)[^\s<>]*[^\s<>.,;:!?)\]'\"»”]>?", ""),
        (r"(?<!\w)[#＃](?=\w)", ""),
        (r"`+([^`\n]+)`+", r"\1"),
        (r"(\*\*\*|\*\*|\*|~~)(?=\S)([^*~\n]*?\S)\1", r"\2"),
        (r"(?<!\w)(___|__|_)(?=\S)([^_\n]*?\S)\1(?!\w)", r"\2"),
        (r"[ \t]*\|[ \t]*", " "),
        # what an address that went leaves behind
        (r"\([ \t]*\)|\[[ \t]*\]", ""),
        (r"[ \t]+", " "),
        (r" +([.,!?;:…])(?=\s|$)", r"\1"),
        (r" ?\n ?", "\n"),
        (r"\n{3,}", "\n\n"),
    )
)


def read_aloud(text: str) -> str:
    """The words of a text to be spoken; empty when it holds nothing but signs. Paragraphs stay apart."""
    for pattern, words in (*_LINES, *_SIGNS):
        text = pattern.sub(words, text)
    text = text.strip()
    return text if re.search(r"\w", text) else ""

"""Text that models are given and text that they give: made harmless, and its citations matched to what was given.

An answer is text, never HTML, and shows no picture: both could carry words of a conversation to an address that a passage
named. Whoever shows it may still render its Markdown.
"""

from __future__ import annotations

import re
from collections.abc import Container, Sequence
from typing import Any
from urllib.parse import urlsplit

from .models import Passage
from .retrieving import Found

# Controls, halves of pairs, invisible spaces, what reorders a line, and the tags block that only machines read.
# Joiners stay: emoji and several scripts are written with them.
_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\u00ad\u200b\u2060-\u2064\ufeff\u202a-\u202e\u2066-\u2069\ufff9-\ufffb\U000e0000-\U000e007f]"
)
_NUMBERS = r"(?:\d{1,3}|\?)(?:\s{0,2}[,;]\s{0,2}(?:\d{1,3}|\?)){0,7}"
_CITATION = rf"\[\s{{0,2}}(?P<numbers>{_NUMBERS})\s{{0,2}}\](?P<link>\()?"
# a picture's "!", a tag's "<", a citation with the "(" that would make a link of it
_UNSAFE = re.compile(rf"(?P<picture>(?<!!)!++)(?=\[)|(?P<tag><)(?=[A-Za-z/!?])|{_CITATION}")
# as long as the longest citation
_UNDECIDED = re.compile(r"(?:<?(?<!!)!*+\[[\d\s,;?]{0,70}|<?(?<!!)!++|<)$")

LONGEST_ANSWER = 100_000
"""Characters of a shown answer; the database holds the same limit."""
LONGEST_TITLE = 300
LONGEST_PASSAGE = 4000
MOST_PASSAGES = 8
MOST_CHARACTERS = 16_000
_LONGEST_SNIPPET = 500
_LONGEST_URL = 2000
_ENCODED = {ord(sign): f"%{ord(sign):02X}" for sign in "()[]<>{}\"'`\\"}


def clean(text: str) -> str:
    """The text without what nobody sees: control characters, invisible and reordering ones."""
    return _UNSEEN.sub("", text)


def numbered(found: Sequence[Found]) -> list[Passage]:
    """Passages for a model, numbered from 1, cleaned, and bounded: MOST_PASSAGES of them, MOST_CHARACTERS in all."""
    passages: list[Passage] = []
    left = MOST_CHARACTERS
    for number, one in enumerate(found[:MOST_PASSAGES], 1):
        if left == 0:
            break
        # empty for one of invisible signs only: it keeps its number, and the others their place
        text = clean(one.text)[: min(LONGEST_PASSAGE, left)]
        left -= len(text)
        title = " ".join(clean(one.title).split())[:LONGEST_TITLE]
        passages.append(Passage(number, title, text, _plain_url(one.url)))
    return passages


def shown(raw: str, given: Container[int], *, ended: bool) -> str:
    """What is shown of a model's text: cleaned, without pictures and tags, and with [?] where it cites what was not given.

    As `raw` grows, so does this, at its end only: what the next piece may still change is held back until `ended`.
    """
    text = clean(raw)
    if not ended and (undecided := _UNDECIDED.search(text)):
        text = text[: undecided.start()]
    return _UNSAFE.sub(lambda match: _harmless(match, given), text)[:LONGEST_ANSWER]


def citations(
    text: str, found: Sequence[Found], passages: Sequence[Passage]
) -> list[dict[str, Any]]:
    """The passages that a shown text cites, by number: [{number, kind, id, title, url, snippet}]."""
    cited = {
        int(number)
        for match in re.finditer(_CITATION, text)
        for number in re.findall(r"\d+", match["numbers"])
    }
    return [
        {
            "number": passage.number, "kind": one.kind, "id": one.id, "title": passage.title, "url": passage.url,
            "snippet": clean(one.snippet)[:_LONGEST_SNIPPET],
        }
        for passage, one in zip(passages, found, strict=False)
        if passage.number in cited
    ]  # fmt: skip


def uncited(text: str) -> str:
    """The text without citations: in a later turn its numbers would mean other passages."""
    # from where the white space begins, not again from each place in it
    return re.sub(rf"(?<![ \t])[ \t]*+\[\s*{_NUMBERS}\s*\]", "", text)


def _harmless(match: re.Match[str], given: Container[int]) -> str:
    if match["picture"]:
        return ""
    if match["tag"]:
        return "‹"
    numbers = re.sub(
        r"\d+", lambda number: number[0] if int(number[0]) in given else "?", match["numbers"]
    )
    return f"[{numbers}]{' (' if match['link'] else ''}"


def _plain_url(url: str | None) -> str | None:
    """A web address in one piece without user and password, its brackets and quotes encoded; anything else is none."""
    cleaned = clean(url or "").strip()
    try:
        parts = urlsplit(cleaned)
        whole = parts.scheme in ("http", "https") and parts.hostname and "@" not in parts.netloc
    except ValueError:
        return None
    plain = cleaned.translate(_ENCODED)
    # in bytes, so that eight of them fit into a row whatever a feed thinks of
    if not whole or re.search(r"\s", cleaned) or len(plain.encode()) > _LONGEST_URL:
        return None
    return plain

"""How X counts a text, what it recognises in it, and how a long text becomes a thread.

Source: X, "Counting characters" (twitter-text, configuration 3). The package `twitter-text-parser` follows the same source,
but it knows the emoji of 2019, needs pkg_resources, which setuptools no longer ships, and has no types and no release since
2023. So the rule is written here, on well-kept lists: emoji from `emoji`, top-level domains from `tld`, graphemes from
`regex`. X's own emoji list is not published for every version; an emoji sequence newer than X's counts more there.
"""

from __future__ import annotations

import bisect
import itertools
import unicodedata
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Literal

import regex

from .x_links import LATIN, PUNCTUATION, SPACES, link_spans

EntityKind = Literal["hashtag", "mention", "cashtag", "link"]

LIMIT = 280
LINK_WEIGHT = 23
HEAVY = 2

_LIGHT = regex.compile(r"[\u0000-\u10FF\u2000-\u200D\u2010-\u201F\u2032-\u2037]")

_TAG_LETTER = r"\p{L}\p{M}\p{Nd}_\u200c\u200d\ua67e\u05be\u05f3\u05f4\uff5e\u301c\u309b\u309c\u30a0\u30fb\u3003\u0f0b\u0f0c\xb7"
_ENTITIES: dict[EntityKind, regex.Pattern[str]] = {
    "hashtag": regex.compile(
        rf"(?<![{_TAG_LETTER}&])[#＃](?![\uFE0F\u20E3])(?=[{_TAG_LETTER}]*[\p{{L}}\p{{M}}])[{_TAG_LETTER}]++(?![#＃]|://)"
    ),
    "mention": regex.compile(
        rf"(?:(?<![A-Za-z0-9_!#$%&*@＠])|(?<=(?<![A-Za-z0-9_+~.\-])[Rr][Tt]))[@＠][A-Za-z0-9_]{{1,20}}+(?![@＠{LATIN}]|://)"
    ),
    "cashtag": regex.compile(
        rf"(?<![^{SPACES}])\$[A-Za-z]{{1,6}}(?:[._][A-Za-z]{{1,2}})?(?=\Z|\s|[{PUNCTUATION}])"
    ),
}  # fmt: skip

_SENTENCE_END = regex.compile(r"""[.!?…]+["'”’»)\]]*(?=\s)|[。！？｡]+["'”’»」』）)\]]*|\n""")
_PARAGRAPH_END = regex.compile(r"\n(?=[^\S\n]*\n)")
_WORD_END = regex.compile(r"(?<=\S)(?=\s)")
# A space that carries a combining mark is not at the start of a line, it is part of what follows.
_LEADING_SPACE = regex.compile(r"(?:\s(?![\p{GCB=Extend}\p{GCB=ZWJ}\p{GCB=SpacingMark}]))*+")


@dataclass(frozen=True)
class Entity:
    """Something X recognises: its text with its sign, and where it stands, in code points."""

    kind: EntityKind
    text: str
    start: int
    end: int


def weighted_length(text: str) -> int:
    """How long X finds `text`, of at most 280: links weigh 23, an emoji 2, most other letters 1, CJK letters 2."""
    text = unicodedata.normalize("NFC", text)
    weight, place = 0, 0
    for start, end in link_spans(text):
        weight += _weight_without_links(text[place:start]) + LINK_WEIGHT
        place = end
    return weight + _weight_without_links(text[place:])


def _weight_without_links(text: str) -> int:
    joined, place = 0, 0
    while not text.isascii() and place < len(text):
        length = _length_of_sequence(text, place)
        if length > 1:
            joined += HEAVY - _weight_of_letters(text[place : place + length])
        place += length
    return joined + _weight_of_letters(text)


@cache
def _sequences() -> tuple[Container[str], Mapping[str, Sequence[int]]]:
    """All emoji; and by the first letter, how long those of several code points are that begin with it, longest first."""
    # 5,000 names in many languages: loaded when a text for X is weighed, not with every process
    from emoji import EMOJI_DATA

    return EMOJI_DATA, {
        first: sorted({len(sequence) for sequence in same} - {1}, reverse=True)
        for first, same in itertools.groupby(sorted(EMOJI_DATA), key=lambda sequence: sequence[0])
    }


def _length_of_sequence(text: str, place: int) -> int:
    """How many code points from here on are one emoji; 1 for a letter. An emoji of one code point weighs as a letter."""
    emoji, lengths = _sequences()
    for length in lengths.get(text[place], ()):
        if place + length <= len(text) and text[place : place + length] in emoji:
            return length
    return 1


def _weight_of_letters(text: str) -> int:
    return HEAVY * len(text) - len(_LIGHT.findall(text))


def entities(text: str) -> tuple[Entity, ...]:
    """Links, hashtags, mentions and cashtags in `text`, in order, as X will show them. What is inside a link is the link's."""
    found = [Entity("link", text[start:end], start, end) for start, end in link_spans(text)]
    inside = {place for link in found for place in range(link.start, link.end)}
    for kind, pattern in _ENTITIES.items():
        found += [
            Entity(kind, match[0], *match.span())
            for match in pattern.finditer(text)
            if match.start() not in inside
        ]
    return tuple(sorted(found, key=lambda entity: entity.start))


def split_into_thread(text: str, limit: int = LIMIT) -> tuple[str, ...]:
    """The parts of a thread that says `text`, each at most `limit` by X's weights and none blank; () for a blank text.

    Cut at the last paragraph end that fits, else at the last sentence end, else between words. Links, hashtags, mentions
    and what readers see as one letter stay whole; only a word longer than the limit is cut. Space at a cut is dropped.
    Raises ValueError for a limit below 23, the weight of a link.
    """
    if limit < LINK_WEIGHT:
        raise ValueError(f"a part must have room for a link of {LINK_WEIGHT}, not {limit}")
    if weighted_length(text) <= limit:
        return (text,) if text.strip() else ()
    places = _Places(text)
    parts: list[str] = []
    start = places.skip_space(0)
    while start < len(text):
        end = places.end_of_part(start, limit)
        parts.append(text[start:end].rstrip())
        start = places.skip_space(end)
    return tuple(part for part in parts if part)


class _Places:
    """Where a text may be cut, best places first, and about how heavy it is up to each of them."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._end = len(text.rstrip())
        whole = {
            place for found in entities(text) for place in range(found.start + 1, found.end)
        }  # fmt: skip
        borders = [match.start() for match in regex.finditer(r"\X", text)] + [len(text)]
        between = set(borders) - whole
        self._kinds = [
            sorted(between & {match.end() for match in pattern.finditer(text)})
            for pattern in (_PARAGRAPH_END, _SENTENCE_END, _WORD_END)
        ]
        self._kinds += [sorted(between), borders, list(range(len(text) + 1))]
        self._weights = self._weights_up_to(borders)

    def _weights_up_to(self, borders: list[int]) -> list[int]:
        """The weight before each place, letter by letter. Combining marks may make the truth less, never much more."""
        added = [0] * (len(self._text) + 1)
        for start, end in itertools.pairwise(borders):
            added[end] = _weight_without_links(unicodedata.normalize("NFC", self._text[start:end]))
        for start, end in link_spans(self._text):
            added[start + 1 : end + 1] = [0] * (end - start)
            added[end] = LINK_WEIGHT
        return list(itertools.accumulate(added))

    def skip_space(self, place: int) -> int:
        """The first place from here on that is not space."""
        found = _LEADING_SPACE.match(self._text, place)
        return found.end() if found else place

    def end_of_part(self, start: int, limit: int) -> int:
        """Where the part that begins at `start` ends best. Always further on than `start`."""
        if self._fits(start, self._end, limit):
            return len(self._text)
        for kind in self._kinds:
            place = self._last_that_fits(kind, start, limit)
            if place is not None:
                return place
        return start + 1  # one code point always fits

    def _last_that_fits(self, kind: list[int], start: int, limit: int) -> int | None:
        first = bisect.bisect_right(kind, start)
        bound = self._weights[start] + limit
        last = bisect.bisect_right(kind, bound, lo=first, key=self._weights.__getitem__)
        for place in reversed(kind[first:last]):
            if self._fits(start, place, limit):
                return place
        return None

    def _fits(self, start: int, end: int, limit: int) -> bool:
        if self._weights[end] - self._weights[start] > 2 * limit:
            return False  # far too long: no need to count exactly
        part = self._text[start:end].strip()
        return bool(part) and weighted_length(part) <= limit

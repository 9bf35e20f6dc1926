"""Whether a text fits the platforms it is for, each counting in its own way, and what of it is kept when it does not."""

from __future__ import annotations

import bisect
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

_ELLIPSIS = "…"
# A model that goes round in circles writes dots without end: a run of them is looked at once, not from each of them.
_SENTENCE_END = re.compile(
    r"""(?<![.!?…])[.!?…]++["'”’»)\]]*+(?=\s|\Z)|[。！？｡]+["'”’»」』）)\]]*|(?<=\S)(?=\n)"""
)
_TITLES = ("Dr.", "Mr.", "Mrs.", "Ms.", "Prof.", "St.", "Mme.", "Mlle.")
_INITIAL = re.compile(r"(?:\A|[\s.(])[^\W\d_]\.\Z")
_WORD_END = re.compile(r"(?<=\S)(?=\s)")
_WORD = re.compile(r"\S+")
_TAG_OR_LINK = re.compile(r"[#＃][^\s#＃]+|https?://\S+|www\.\S+")
_LINK = re.compile(r"(?:https?://|www\.)\S+")
_HASH = re.compile("[#＃]")
_AT_A_CUT = " \t\r\n,;:–—-"


class Ruler(Protocol):
    """What the platforms and readers of a text know about it; see platforms/ruler.py."""

    def length(self, platform: str, text: str) -> int:
        """How long a platform finds the text, in its own unit; characters for one that is not known."""
        ...

    def letters(self, text: str) -> list[int]:
        """Where each of what readers see as one letter ends."""
        ...


@dataclass(frozen=True)
class Trimmed:
    """A text that fits, and what was done to make it fit, in words for its reader."""

    text: str
    how: str


@dataclass(frozen=True)
class Room:
    """How long a platform finds a text, and how long it may be there."""

    platform: str
    length: int
    longest: int


class Limits:
    """The longest text of each platform that a post is for, by the platform's id."""

    def __init__(self, longest: Mapping[str, int], ruler: Ruler) -> None:
        self._longest = dict(longest)
        self._ruler = ruler

    def fits(self, text: str) -> bool:
        """Whether every platform takes the text."""
        return all(self._ruler.length(name, text) <= most for name, most in self._longest.items())

    def tightest(self, text: str) -> Room:
        """The platform with the least room left."""
        rooms = [
            Room(name, self._ruler.length(name, text), most) for name, most in self._longest.items()
        ]
        return min(rooms, key=lambda room: (room.longest - room.length, room.platform))

    def trim(self, text: str) -> Trimmed:
        """As much of the text as fits.

        The rule: cut at the last sentence end that fits, unless less than half of what fits would remain; else at the last
        word end, and in a text without any at the last letter, with "…". The hashtags and links at the end of the text are
        kept behind the cut; where they leave no room for a sentence or word, only the links are, else neither. What readers
        see as one letter stays whole.
        """
        if self.fits(text):
            return Trimmed(text, "")
        end = _end_of_body(text)
        body, tail = text[:end], text[end:].rstrip()
        for kept, said in _tails(tail):
            cut = self._cut(body, kept)
            if cut is not None:
                return Trimmed(cut.text + kept, cut.how + said)
        whole = self._cut(text, "")
        return whole or Trimmed(self._letters(text), "cut in the middle of a word")

    def _cut(self, body: str, tail: str) -> Trimmed | None:
        letters = self._ruler.letters(body)
        borders = set(letters)
        sentences = [end for end in _sentence_ends(body) if end in borders]
        words = [found.end() for found in _WORD_END.finditer(body) if found.end() in borders]

        room = _last(letters, lambda end: self.fits(body[:end].rstrip() + tail))
        sentence = _last(sentences, lambda end: self.fits(body[:end].rstrip() + tail))
        if sentence and 2 * sentence >= (room or 0):
            return Trimmed(body[:sentence].rstrip(), "cut at the last sentence end that fits")
        word = _last(words, lambda end: self.fits(_shortened(body[:end]) + tail))
        if word and _shortened(body[:word]) != _ELLIPSIS:
            return Trimmed(_shortened(body[:word]), "cut at the last word that fits")
        return None

    def _letters(self, text: str) -> str:
        letters = self._ruler.letters(text)
        end = _last(letters, lambda place: self.fits(_shortened(text[:place])))
        return _shortened(text[:end]) if end else ""


def _last(places: Sequence[int], fits: Callable[[int], bool]) -> int | None:
    """The last of these places up to which the text fits. A longer text is hardly ever shorter to a platform: the place
    found always fits, and only a link may make it not the very last."""
    number = bisect.bisect_left(places, True, key=lambda place: not fits(place))
    return places[number - 1] if number else None


def _end_of_body(text: str) -> int:
    """Where the white space before the hashtags and links at the end begins; the length of a text without any."""
    words = list(_WORD.finditer(text))
    count = len(words)
    while count and _TAG_OR_LINK.fullmatch(words[count - 1][0]):
        count -= 1
    if count == len(words):
        return len(text)
    return words[count - 1].end() if count else 0


def _sentence_ends(text: str) -> list[int]:
    """Where sentences end: not after a title or an initial, nor where small letters follow."""
    return [
        found.end()
        for found in _SENTENCE_END.finditer(text)
        if not found[0].startswith((".", "…", "!", "?")) or _ends_a_sentence(text, found.end())
    ]


def _ends_a_sentence(text: str, end: int) -> bool:
    before, after = text[max(0, end - 8) : end], text[end : end + 40].lstrip()[:1]
    return not (after.islower() or before.endswith(_TITLES) or _INITIAL.search(before))


def _shortened(text: str) -> str:
    return text.rstrip(_AT_A_CUT) + _ELLIPSIS


def _tails(tail: str) -> list[tuple[str, str]]:
    """What may stand behind the cut, best first, and how that is said."""
    if not tail:
        return [("", "")]
    links = _LINK.findall(tail)
    kept = [(tail, "; the hashtags and links at the end were kept")]
    if links and _HASH.search(_LINK.sub("", tail)):
        kept.append(
            ("\n\n" + " ".join(links), "; the links at the end were kept, the hashtags not")
        )
    return [*kept, ("", "; the hashtags and links at the end were left out")]

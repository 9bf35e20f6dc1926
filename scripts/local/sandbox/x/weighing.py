"""How long a text is for X, and what in it becomes a link (platform facts 2.3)."""

from __future__ import annotations

import string
import unicodedata
from functools import lru_cache

import regex
from tld import is_tld

_URL_WEIGHT = 23
_EMOJI_WEIGHT = 2
#: Code points that weigh 1; every other one weighs 2.
_LIGHT = ((0x0000, 0x10FF), (0x2000, 0x200D), (0x2010, 0x201F), (0x2032, 0x2037))

# UTS #51: flags, keycaps, and pictographs with modifiers, tags and joiners. Below U+1100 stand ©, ®
# and the like: these are emoji only with the variation selector, otherwise plain light characters.
_ONE = (
    r"(?:\p{Emoji_Presentation}|\p{Extended_Pictographic}\uFE0F"
    r"|(?=[\u1100-\U0010FFFF])\p{Extended_Pictographic})"
    r"[\p{Emoji_Modifier}\uFE0F]?(?:[\U000E0020-\U000E007E]+\U000E007F)?"
)
_EMOJI = regex.compile(
    rf"\p{{Regional_Indicator}}{{2}}|[0-9#*]\uFE0F?\u20E3|{_ONE}(?:\u200D{_ONE})*"
)

_LABEL = r"[\p{L}\p{N}](?:[\p{L}\p{M}\p{N}_\-]*[\p{L}\p{M}\p{N}])?"
_LATIN_LABEL = r"[\p{Latin}0-9](?:[\p{Latin}0-9_\-]*[\p{Latin}0-9])?"
_OTHER_LABEL = r"(?:(?!\p{Latin})[\p{L}\p{M}])+"
_IN_PATH = r"[\p{Latin}\p{Cyrillic}0-9!*';:=+,.$/%#\[\]\-\u2013_~@|&]"
_ENDS_PATH = r"[\p{Latin}\p{Cyrillic}0-9=_#/+\-]"
_BRACKETS = rf"\({_IN_PATH}+\)"
_REST = (
    r"(?::[0-9]+)?"
    rf"(?:/(?:(?:{_IN_PATH}|{_BRACKETS})*(?:{_ENDS_PATH}|{_BRACKETS}))?)?"
    r"(?:\?[A-Za-z0-9!?*'@();:&=+$/%#\[\]\-_.,~|]*[A-Za-z0-9\-_&=#/])?"
)
# A domain without scheme counts as well, unless it is a part of a longer word or an address;
# letters of other scripts may touch it, as they do where words are not spaced.
_LINK = regex.compile(
    # Only letters and digits follow in a short link of X itself.
    r"(?<![A-Za-z0-9@＠$#＃])https?://(?P<host>t\.co)/[A-Za-z0-9]+"
    rf"|(?<![A-Za-z0-9@＠$#＃])https?://(?P<host>{_LABEL}(?:\.{_LABEL})+)"
    rf"(?![A-Za-z0-9@+\-]){_REST}"
    rf"|(?<![\p{{Latin}}0-9@＠$#＃\-_./])"
    rf"(?P<bare>(?:{_LATIN_LABEL}\.)+(?:{_LATIN_LABEL}|{_OTHER_LABEL}))(?![A-Za-z0-9@+\-]){_REST}",
    regex.IGNORECASE,
)
_LONGEST_ENDING = 30
_NO_END = frozenset(string.ascii_letters + string.digits + "@+-")
_TAG = regex.compile(
    r"(?P<mention>(?<![A-Za-z0-9_!#$%&*@＠])[@＠][A-Za-z0-9_]{1,15}+(?![\p{Latin}0-9_@＠]|://))"
    r"|(?P<hashtag>(?<![\p{L}\p{N}_&])[#＃](?=[\p{N}_]*\p{L})[\p{L}\p{M}\p{N}_]++(?![#＃]|://))"
    r"|(?P<cashtag>(?<!\S)\$[A-Za-z]{1,6}(?:[._][A-Za-z]{1,2})?(?=$|\s|\p{P}|\p{S}))"
)


def weighted_length(text: str) -> int:
    """Units of the text after NFC: at most 280 make a post of an ordinary author."""
    text = unicodedata.normalize("NFC", text)
    total, at = 0, 0
    for start, end in links(text):
        total += _weight(text[at:start]) + _URL_WEIGHT
        at = end
    return total + _weight(text[at:])


def links(text: str) -> list[tuple[int, int]]:
    """Where the URLs are, as ``(start, end)`` in code points; each is rewritten to ``t.co``."""
    found, at = [], 0
    while match := _LINK.search(text, at):
        host, start = match["host"] or match["bare"], match.start()
        end = match.end()
        kept = _with_known_ending(host)
        if len(kept) < len(host):
            # Nothing of what follows an unknown ending belongs to the URL.
            end = match.start("host" if match["host"] else "bare") + len(kept)
        if kept:
            found.append((start, end))
        at = max(end, start + 1)
    return found


def pieces(text: str) -> list[tuple[str, str]]:
    """The text in reading order as ``(kind, part)``: text, link, hashtag, mention or cashtag."""
    parts: list[tuple[str, str]] = []
    at = 0
    for start, end in links(text):
        parts += _tagged(text, at, start)
        parts.append(("link", text[start:end]))
        at = end
    return parts + _tagged(text, at, len(text))


def _tagged(text: str, at: int, end: int) -> list[tuple[str, str]]:
    parts = []
    for match in _TAG.finditer(text, at, end):
        if match.start() > at:
            parts.append(("text", text[at : match.start()]))
        parts.append((match.lastgroup or "text", match[0]))
        at = match.end()
    return parts + ([("text", text[at:end])] if at < end else [])


def _with_known_ending(host: str) -> str:
    """The longest part from the start that ends with a known top-level domain; it may be empty."""
    labels = host.split(".")
    while len(labels) > 1:
        ending = _known_start(labels[-1])
        # An underscore is for subdomains only.
        if ending and "_" not in labels[-2]:
            return ".".join([*labels[:-1], ending])
        labels.pop()
    return ""


def _known_start(label: str) -> str:
    # Other letters may follow at once, as in 「example.comへ」.
    for end in range(min(len(label), _LONGEST_ENDING), 0, -1):
        if label[end : end + 1] not in _NO_END and _exists(label[:end].lower()):
            return label[:end]
    return ""


@lru_cache(4096)
def _exists(label: str) -> bool:
    # The list of top-level domains comes with the library; nothing is looked up.
    return bool(is_tld(label))


def _weight(text: str) -> int:
    plain = _EMOJI.sub("", text)
    emoji = len(_EMOJI.findall(text)) * _EMOJI_WEIGHT
    return emoji + sum(1 if _light(ord(character)) else 2 for character in plain)


def _light(point: int) -> bool:
    return any(first <= point <= last for first, last in _LIGHT)

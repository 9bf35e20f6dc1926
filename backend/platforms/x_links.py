"""The links X sees in a text: with and without scheme, each counted as one link of fixed weight.

Source: the public description of X's counting (twitter-text, configuration 3). A bare domain needs a known top-level
domain and Latin letters; with a scheme any letters will do. The list of top-level domains is the `tld` package's.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import regex
from tld.utils import get_tld_names

MAX_LINK_LENGTH = 4096
MAX_SHORT_LINK_SLUG = 40

LATIN = r"\xC0-\xD6\xD8-\xF6\xF8-\u024F\u0253\u0254\u0256\u0257\u0259\u025B\u0263\u0268\u026F\u0272\u0289\u028B\u02BB\u0300-\u036F\u1E00-\u1EFF"
SPACES = r"\x09-\x0D\x20\x85\xA0\u1680\u180E\u2000-\u200A\u2028\u2029\u202F\u205F\u3000"
PUNCTUATION = r"!'\#%&()*+,\\\-./:;<=>?@\[\]\^_{|}~$"
_INVALID = r"\uFFFE\uFEFF\uFFFF"
_DIRECTIONS = r"\u202A-\u202E\u061C\u200E\u200F\u2066-\u2069"

_LETTER = rf"[^{PUNCTUATION}{SPACES}{_INVALID}{_DIRECTIONS}]"
# A label has at most 63 letters. The bound keeps a long text without spaces or dots cheap.
_LABEL = rf"{_LETTER}(?:{_LETTER}|[-_]){{0,62}}+(?<![-_])"
# The sign before a link is taken along, so it is never the end of the link before.
_NAMES = regex.compile(
    rf"(?P<before>\A|[^A-Za-z0-9@＠$\#＃{_INVALID}])(?P<scheme>[Hh][Tt][Tt][Pp][Ss]?://)?(?P<names>(?:{_LABEL}\.)++)",
    regex.IGNORECASE,
)
_TOP = regex.compile(rf"(?P<coded>xn--[\-0-9a-z]+)|{_LETTER}{{1,63}}+", regex.IGNORECASE)
_NO_END = frozenset("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ@+-")

_PATH_LETTER = rf"a-z\u0400-\u04FF0-9{LATIN}"
_PATH_SIGN = rf"[{_PATH_LETTER}!*';:=+,.$/%\#\[\]\-\u2013_~@|&]"
_BRACKETS = rf"\((?:{_PATH_SIGN}|\({_PATH_SIGN}++\))++\)"
_PATH = rf"/(?:{_PATH_SIGN}|{_BRACKETS})*(?<=[{_PATH_LETTER}+\-=_\#/)])"
_QUERY = r"\?(?:[a-z0-9!?*'@();:&=+$/%\#\[\]\-_.,~|])*(?<=[a-z0-9\-_&=\#/])"


_REST = regex.compile(rf"(?::[0-9]+)?(?P<path>{_PATH})?(?:{_QUERY})?", regex.IGNORECASE)
_LATIN_NAMES = regex.compile(rf"(?:[\-a-z0-9{LATIN}]+\.)++", regex.IGNORECASE)
_SHORT_LINK = regex.compile(rf"https?://t\.co/(?P<slug>[a-z0-9]+)(?:{_QUERY})?", regex.IGNORECASE)


def link_spans(text: str) -> Iterator[tuple[int, int]]:
    """Where the links in `text` begin and end, in code points, in order. They never overlap."""
    place = 0
    while found := _NAMES.search(text, place):
        place = found.end() - 1  # its last dot may stand before a scheme
        start, end = found.start("names"), _end_of_domain(text, *found.span("names"))
        if end is None:
            continue
        place = rest = _end_of_link(text, end)
        if not _is_name(text[start:end]) or rest - start > MAX_LINK_LENGTH:
            continue
        if found["scheme"]:
            yield from _with_scheme(text, found.start("scheme"), rest)
        elif found["before"] not in set("-_./"):
            yield from _without_scheme(text, start, end, rest)


def _end_of_domain(text: str, start: int, end: int) -> int | None:
    """Where the longest known domain ends that begins at `start` and has its last dot before `end`."""
    dot = end - 1
    while dot > start:
        previous = text.rfind(".", start, dot)
        top = (
            _end_of_top(text, dot + 1) if "_" not in text[max(start, previous + 1) : dot] else None
        )
        if top is not None:
            return top
        dot = previous
    return None


def _end_of_top(text: str, start: int) -> int | None:
    found = _TOP.match(text, start)
    if found is None or found["coded"]:
        return found.end() if found else None
    for end in range(min(found.end(), start + _longest_top()), start, -1):
        if text[end : end + 1] not in _NO_END and text[start:end].lower() in _tops():
            return end
    return None


@cache
def _tops() -> frozenset[str]:
    lists = get_tld_names().values()
    return frozenset(top for names in lists for top in names.root.children or () if top)


@cache
def _longest_top() -> int:
    return max(map(len, _tops()))


def _end_of_link(text: str, end_of_domain: int) -> int:
    rest = _REST.match(text, end_of_domain)
    return rest.end() if rest else end_of_domain


def _is_name(domain: str) -> bool:
    try:
        domain.encode("idna")
    except UnicodeError:
        return False
    return True


def _with_scheme(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    short = _SHORT_LINK.match(text, start, end)
    if short is None:
        yield start, end
    elif len(short["slug"]) <= MAX_SHORT_LINK_SLUG:
        # nothing but letters and digits belongs to a short link
        yield start, short.end()


def _without_scheme(text: str, start: int, end: int, rest: int) -> Iterator[tuple[int, int]]:
    for names in _LATIN_NAMES.finditer(text, start, end):
        top = _end_of_domain(text, *names.span())
        if top is not None:
            # what follows the whole domain belongs to its last name only
            yield names.start(), rest if top == end else top

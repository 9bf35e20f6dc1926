"""Cutting a text into passages: pieces that can be read alone, of about 1,000 characters."""

from __future__ import annotations

import re
from collections.abc import Iterator

SHORTEST = 800
LONGEST = 1_200
# a rest shorter than this stands better at the end of the piece before it
_REST = 200

# from where the white space begins, not again from each place in it
_PARAGRAPH = re.compile(r"(?<![^\S\n])[^\S\n]*+\n\s*+")
_SENTENCE_END = re.compile(r"(?<=[.!?…])[\"'»”’)\]]*\s+|(?<=[。！？])")
# Postgres takes neither: NUL, and halves of a character
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def cut(text: str) -> list[str]:
    """The text as pieces of 800 to 1,200 characters, cut where a paragraph ends, else a sentence, else a word.

    Nothing but white space between pieces is lost. The last piece may be shorter, or up to 1,400 characters long.
    """
    pieces: list[str] = []
    piece = ""
    for part, gap in _parts(_UNSTORABLE.sub("", text)):
        ends_paragraph = gap == "\n" and len(piece) >= SHORTEST
        if piece and (ends_paragraph or len(piece) + len(gap) + len(part) > LONGEST):
            pieces.append(piece)
            piece = part
        else:
            piece = f"{piece}{gap}{part}" if piece else part
    if piece and pieces and len(piece) < _REST:
        pieces[-1] = f"{pieces[-1]}\n{piece}"
    elif piece:
        pieces.append(piece)
    return pieces


def _parts(text: str) -> Iterator[tuple[str, str]]:
    """Sentences, none longer than a piece, each with what stands before it: a line's end or a space."""
    for paragraph in _PARAGRAPH.split(text.strip()):
        gap = "\n"
        for sentence in _sentences(paragraph):
            for part in _words(sentence.strip()):
                yield part, gap
                gap = " "


def _sentences(paragraph: str) -> Iterator[str]:
    began = 0
    for end in _SENTENCE_END.finditer(paragraph):
        yield paragraph[began : end.end()]
        began = end.end()
    if began < len(paragraph):
        yield paragraph[began:]


def _words(sentence: str) -> Iterator[str]:
    """A sentence longer than a piece, cut at spaces, or anywhere where there are none."""
    while len(sentence) > LONGEST:
        at = sentence.rfind(" ", SHORTEST, LONGEST)
        at = at if at > 0 else LONGEST
        yield sentence[:at].rstrip()
        sentence = sentence[at:].lstrip()
    if sentence:
        yield sentence

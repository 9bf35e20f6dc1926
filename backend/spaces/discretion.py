"""What a mentor is told is not for its answers: sentences of it that a model repeats are taken out, while they come already."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from functools import cache

from backend.core.models import Progress

from .prompting import mentor_text

_SHORTEST = 25
"""Characters of a sentence that could hardly be anybody else's."""


def without_instructions(text: str, language: str | None, *, ended: bool) -> str:
    """The text without sentences of the mentor's instructions. Until it has `ended`, the beginning of one at its end is
    held back, so that what was shown stays true."""
    for sentence in _sentences(language):
        text = text.replace(sentence, "")
    if ended:
        return text
    return text[: min((_begun(text, sentence) for sentence in _sentences(language)), default=None)]


def discreet(
    on_progress: Callable[[Progress], None], language: str | None
) -> Callable[[Progress], None]:
    """Reports texts without instructions."""

    last: Progress | None = None

    def report(progress: Progress) -> None:
        nonlocal last
        text = progress.text and without_instructions(progress.text, language, ended=False)
        told = replace(progress, text=text or None)
        if told != last:  # what is held back is no news
            last = told
            on_progress(told)

    return report


def _begun(text: str, sentence: str) -> int:
    """Where the sentence begins that the text ends in the middle of; its length when there is none."""
    start = text.find(sentence[0], max(0, len(text) - len(sentence) + 1))
    while start != -1:
        if sentence.startswith(text[start:]):
            return start
        start = text.find(sentence[0], start + 1)
    return len(text)


@cache
def _sentences(language: str | None) -> tuple[str, ...]:
    sentences = re.split(r"(?<=[.!?:;])\s+", mentor_text(language))
    return tuple(sentence for sentence in sentences if len(sentence) >= _SHORTEST)

"""Answers a question by quoting the best sentences of numbered passages. No model: what it cannot quote it does not know."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from .drafting import Article, cut, key_terms, rank_sentences, split_sentences
from .language import SMALL_WORDS, guess_language, named_language, stems

SIGNATURES = {
    "en": "— quoted by Lin's local stand-in Space",
    "fr": "— cité par le Space local de Lin, qui remplace un modèle",
}
_NOTHING = {
    "en": "I found nothing about this in your sources.",
    "fr": "Je n'ai rien trouvé à ce sujet dans vos sources.",
}
_NO_ANSWER = {
    "en": "The passages found in your sources do not contain the answer.",
    "fr": "Les passages trouvés dans vos sources ne contiennent pas la réponse.",
}
_FOUND = {"en": "Your sources say:", "fr": "Vos sources disent :"}
_OVERVIEW = {"en": "This is what was found in your sources:", "fr": "Voici ce qui a été trouvé :"}

_ASKING = {
    "en": """according any article articles ask explain find give happen happened happens know list many mean much
        passage passages please read reading say saying show source sources summarise summarize summary tell thing think
        text want long exactly thanks thank hello hi""",
    "fr": """article articles combien dire disent expliquer explique expliquez liste lire lu moi passage passages parle
        parlent peux pouvez résume résumé résumer résumez savoir sais source sources texte trouver trouve merci bonjour
        penser faut quels quelles lequel laquelle""",
}
_FOR_A_NUMBER = re.compile(
    r"\b(how (?:much|many|long|old|often)|when|which year|combien|quand|quelle année)\b",
    re.IGNORECASE,
)
_REFERENCE = re.compile(r"\s*\[\d+\]")
_LONGEST_QUOTE = 500
_MOST_SENTENCES = 600
_SHARE_NEEDED = 0.6
"""Of the question's telling terms, how many one passage must share for its sentences to count as an answer."""


@dataclass(frozen=True)
class Passage:
    """A piece of what the user reads, cited as [number]."""

    number: int
    title: str
    text: str


@dataclass(frozen=True)
class _Sentence:
    passage: Passage
    text: str
    at: int
    words: frozenset[str]


def answer(
    message: str, passages: Sequence[Passage], *, earlier: Sequence[str] = (), language: str | None
) -> str:
    """One to three sentences of the passages, each with its [number], or a plain word that they hold no answer.

    `earlier` are the user's messages before this one, oldest first: they help a question that names no subject.
    """
    named = named_language(language)
    # People ask in another language than they want to be answered in; words and endings are those of the question.
    lang = guess_language(message, [*([named] if named else []), *SMALL_WORDS])
    spoken = named or lang
    spoken = spoken if spoken in _NOTHING else "en"
    lines = _lines(message, passages, earlier, lang, spoken)
    return "\n\n".join([*lines, SIGNATURES[spoken]])


def _lines(
    message: str, passages: Sequence[Passage], earlier: Sequence[str], lang: str, spoken: str
) -> list[str]:
    if not passages:
        return [_NOTHING[spoken]]
    asked = _telling(message, lang)
    if not asked:
        leads = [_quote(one) for one in _leads(passages, lang)]
        return [_OVERVIEW[spoken], *leads] if leads else [_NO_ANSWER[spoken]]
    found = _best(message, asked, _telling(" ".join(earlier[-1:]), lang), passages, lang)
    if not found:
        return [_NO_ANSWER[spoken]]
    return [_FOUND[spoken], *(_quote(one) for one in found)]


def _telling(text: str, lang: str) -> list[str]:
    """The stems of a question that tell what it is about, each once."""
    asking = set(stems(_ASKING.get(lang, ""), lang))
    return [stem for stem in dict.fromkeys(stems(text, lang)) if stem not in asking]


def _best(
    message: str, asked: list[str], before: list[str], passages: Sequence[Passage], lang: str
) -> list[_Sentence]:
    """The sentences that answer, best first, at most three; none when no passage shares enough of the question."""
    titles = {one.number: frozenset(stems(one.title, lang)) for one in passages}
    sentences = [
        _Sentence(one, text, at, frozenset(stems(text, lang)))
        for one in passages
        for at, text in enumerate(split_sentences(one.text))
    ][:_MOST_SENTENCES]
    whole: dict[int, set[str]] = {number: set(words) for number, words in titles.items()}
    for sentence in sentences:
        whole[sentence.passage.number] |= sentence.words
    needed = max(1, math.ceil(_SHARE_NEEDED * len(asked) - 1e-9))
    able = {number for number, words in whole.items() if len(words & set(asked)) >= needed}

    spread = Counter(word for sentence in sentences for word in sentence.words)
    weight = {word: math.log(1 + len(sentences) / spread[word]) for word in asked if spread[word]}
    for word in before:
        weight.setdefault(word, 0.3)
    for_a_number = bool(_FOR_A_NUMBER.search(message))

    def merit(sentence: _Sentence) -> float:
        own = sum(weight.get(word, 0.0) for word in sentence.words)
        named = sum(weight.get(word, 0.0) for word in titles[sentence.passage.number])
        number = 1.2 if for_a_number and re.search(r"\d", sentence.text) else 1.0
        return own * number + 0.3 * named if own else 0.0

    able_ones = [one for one in sentences if one.passage.number in able]
    ranked = sorted(able_ones, key=lambda one: (-merit(one), one.at))
    chosen: list[_Sentence] = []
    for one in ranked:
        if len(chosen) == 3 or merit(one) < 0.6 * merit(ranked[0]) or not merit(one):
            break
        if all(_alike(one.words, other.words) < 0.7 for other in chosen):
            chosen.append(one)
    return chosen


def _leads(passages: Sequence[Passage], lang: str) -> list[_Sentence]:
    """The most telling sentence of each of the first three passages."""
    leads = []
    for one in passages[:3]:
        terms = key_terms(Article(one.title, one.text), lang)
        ranked = rank_sentences(split_sentences(one.text), "", terms)
        at, text = ranked[0] if ranked else (0, " ".join(one.title.split()))
        if text:
            leads.append(_Sentence(one, text, at, frozenset()))
    return leads


def _alike(some: frozenset[str], others: frozenset[str]) -> float:
    return len(some & others) / max(1, min(len(some), len(others)))


def _quote(sentence: _Sentence) -> str:
    """The sentence with its own number; numbers in brackets that it brings along would look like ours."""
    text = _REFERENCE.sub("", sentence.text).strip()
    return f"{cut(text, _LONGEST_QUOTE)} [{sentence.passage.number}]"

"""Drafts a post from an article by choosing its best sentences. No model, no network, no randomness."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

from .language import SMALL_WORDS, WORD, guess_language, named_language
from .wording import hook, question, tone_named

SIGNATURE = "— drafted by Lin's local stand-in Space"

_SENTENCE_END = re.compile(r"(?<=[.!?…。！？])[\"'»”’)\]]*\s+|(?<=[。！？])|\n+")
_IDEAL_SENTENCE = (40, 240)

_HASHTAGS = {"linkedin": 4, "x": 2, "facebook": 2, "instagram": 8, "tiktok": 5}


@dataclass(frozen=True)
class Article:
    """What is to be drafted from; `text` is plain."""

    title: str
    text: str
    url: str | None = None


def length(text: str) -> int:
    """The length as the strictest platforms count it: UTF-16 units, never less than characters."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def draft(
    article: Article,
    *,
    platform: str,
    tone: str | None,
    language: str | None,
    max_length: int,
    variant: int = 1,
) -> str:
    """A post of at most `max_length` UTF-16 units: hook, best sentences, question, link, hashtags, signature.

    Parts that do not fit are left out, least important first; the hook is cut if it must be. Variants are counted
    from 1; each opens in another way and starts from another sentence.
    """
    lang = frame_language(language, f"{article.title}\n{article.text}")
    mood = tone_named(tone)
    sentences = split_sentences(article.text)
    terms = key_terms(article, frame_language(None, f"{article.title}\n{article.text}"))
    ranked = rank_sentences(sentences, article.title, terms)
    title = " ".join(article.title.split()) or (ranked[0][1] if ranked else "")
    ranked = [(at, sentence) for at, sentence in ranked if sentence != title]
    turn = (variant - 1) % len(ranked) if ranked else 0
    ranked = ranked[turn:] + ranked[:turn]

    tail = signature_for(max_length)
    room = max_length - length(tail)
    post = Post(room)
    post.hook = cut(hook(title, lang, mood, variant), room)
    tags = hashtags(terms, platform)
    topic = terms[0] if terms else title

    for index, (_, sentence) in enumerate(ranked[:3]):
        post.try_adding("sentences", sentence)
        if index == 0:
            post.try_adding("question", question(topic, lang, mood, variant))
            post.try_adding("tags", tags)
            post.try_adding("url", article.url or "")
    if not ranked:
        post.try_adding("tags", tags)
        post.try_adding("url", article.url or "")
    order = {sentence: at for at, sentence in ranked}
    post.parts["sentences"].sort(key=lambda sentence: order[sentence])
    return post.text() + tail


class Post:
    """A post under construction that never grows beyond `room` UTF-16 units."""

    def __init__(self, room: int) -> None:
        self.room = room
        self.hook = ""
        self.parts: dict[str, list[str]] = {"sentences": [], "question": [], "url": [], "tags": []}

    def try_adding(self, part: str, piece: str) -> None:
        """Add the piece if the whole still fits; otherwise leave the post as it was."""
        if not piece:
            return
        self.parts[part].append(piece)
        if length(self.text()) > self.room:
            self.parts[part].pop()

    def text(self) -> str:
        pieces = [self.hook] + [piece for part in self.parts.values() for piece in part]
        return "\n\n".join(piece for piece in pieces if piece)


def cut(text: str, room: int) -> str:
    """`text` in at most `room` UTF-16 units, cut at a word and ended with an ellipsis."""
    if length(text) <= room:
        return text
    while text and length(text) > room - 1:
        shorter, _, _ = text.rpartition(" ")
        text = shorter or text[:-1]
    return text.rstrip(" ,;:") + "…" if room > 0 else ""


def split_sentences(text: str) -> list[str]:
    """The sentences of plain text, each once, white space normalised, in their order."""
    pieces = (" ".join(piece.split()) for piece in _SENTENCE_END.split(text) if piece)
    return list(dict.fromkeys(piece for piece in pieces if len(piece) > 1))


def key_terms(article: Article, lang: str) -> list[str]:
    """Words that carry the article, most telling first; words of the title count three times."""
    counts: Counter[str] = Counter()
    spelling: dict[str, str] = {}
    for text, weight in ((article.title, 3), (article.text, 1)):
        for word in WORD.findall(text):
            key = word.casefold().replace("’", "'")
            if key in SMALL_WORDS[lang] or (len(key) < 4 and not word.isupper() and key.isascii()):
                continue
            counts[key] += weight
            spelling.setdefault(key, word)
    return [spelling[key] for key, _ in sorted(counts.items(), key=lambda kv: (-kv[1], kv[0]))]


def rank_sentences(sentences: list[str], title: str, terms: list[str]) -> list[tuple[int, str]]:
    """(position, sentence), best first: telling words, early position, and little repetition of what was chosen."""
    weight = {term.casefold(): 1.0 / (1 + rank / 4) for rank, term in enumerate(terms[:40])}
    bags = [{word.casefold() for word in WORD.findall(sentence)} for sentence in sentences]
    shortest, longest = _IDEAL_SENTENCE

    def merit(at: int) -> float:
        telling = sum(weight.get(word, 0.0) for word in bags[at])
        fitting = 1.0 if shortest <= len(sentences[at]) <= longest else 0.4
        return fitting * telling / (len(bags[at]) ** 0.5 or 1) / (1 + at / 12)

    scores = {at: merit(at) for at in range(min(len(sentences), 400))}
    seen = {word.casefold() for word in WORD.findall(title)}
    chosen: list[tuple[int, str]] = []
    while scores and len(chosen) < 8:
        best = max(scores, key=lambda at: (scores[at] * (1 - _overlap(bags[at], seen)), -at))
        chosen.append((best, sentences[best]))
        seen |= bags[best]
        del scores[best]
    return chosen


def _overlap(words: set[str], seen: set[str]) -> float:
    return len(words & seen) / len(words) if words else 1.0


def signature_for(max_length: int) -> str:
    """What is appended to say what wrote this, empty where that would leave no room for a text."""
    return "\n\n" + SIGNATURE if length(SIGNATURE) + 12 <= max_length else ""


def hashtags(terms: list[str], platform: str) -> str:
    """As many hashtags of the first terms as the platform is used to."""
    return " ".join(f"#{_hashtag(term)}" for term in terms[: _HASHTAGS.get(platform.casefold(), 3)])


def _hashtag(term: str) -> str:
    letters = re.sub(r"[\W_]", "", term)
    return letters if letters != letters.casefold() else letters.capitalize()


def frame_language(language: str | None, text: str) -> str:
    """ "fr" or "en": as asked, else the language whose small words are more frequent; English for all others."""
    if language:
        return "fr" if named_language(language) == "fr" else "en"
    return guess_language(text, ("en", "fr"))

"""Drafts a post from an article by choosing its best sentences. No model, no network, no randomness."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

from .language import SMALL_WORDS, WORD, guess_language, named_language

SIGNATURE = "— drafted by Lin's local stand-in Space"

_SENTENCE_END = re.compile(r"(?<=[.!?…。！？])[\"'»”’)\]]*\s+|(?<=[。！？])|\n+")
_IDEAL_SENTENCE = (40, 240)

_HOOKS = {
    ("en", "neutral"): "{title}",
    ("en", "warm"): "Something worth sharing today: {title}",
    ("en", "enthusiastic"): "This one made my day! {title}",
    ("en", "direct"): "In short: {title}",
    ("fr", "neutral"): "{title}",
    ("fr", "warm"): "À partager aujourd'hui : {title}",
    ("fr", "enthusiastic"): "Quelle bonne nouvelle ! {title}",
    ("fr", "direct"): "L'essentiel : {title}",
}
_QUESTIONS = {
    ("en", "neutral"): "What is your experience with {topic}?",
    ("en", "warm"): "How do you and your team live with {topic}? I would love to hear.",
    ("en", "enthusiastic"): "Who else is excited about {topic}?",
    ("en", "direct"): "{topic}: for or against?",
    ("fr", "neutral"): "Quelle est votre expérience sur ce sujet : {topic} ?",
    ("fr", "warm"): "Et vous, comment vivez-vous cela ({topic}) ? J'aimerais vous lire.",
    ("fr", "enthusiastic"): "Qui d'autre se réjouit de cela : {topic} ?",
    ("fr", "direct"): "{topic} : pour ou contre ?",
}
_TONES = {
    "warm": ("warm", "friendly", "kind", "chaleur", "amical", "bienveillant"),
    "enthusiastic": ("enthusias", "excited", "joy", "enthous", "joyeux", "passion"),
    "direct": ("direct", "bold", "short", "concise", "bref", "franc"),
}
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
    article: Article, *, platform: str, tone: str | None, language: str | None, max_length: int
) -> str:
    """A post of at most `max_length` UTF-16 units: hook, best sentences, question, link, hashtags, signature.

    Parts that do not fit are left out, least important first; the hook is cut if it must be.
    """
    lang = _language(language, f"{article.title}\n{article.text}")
    mood = _tone(tone)
    sentences = split_sentences(article.text)
    terms = key_terms(article, lang)
    ranked = rank_sentences(sentences, article.title, terms)
    title = " ".join(article.title.split()) or (ranked[0][1] if ranked else "")
    ranked = [(at, sentence) for at, sentence in ranked if sentence != title]

    tail = "\n\n" + SIGNATURE if length(SIGNATURE) + 12 <= max_length else ""
    room = max_length - length(tail)
    post = _Post(room)
    post.hook = cut(_HOOKS[lang, mood].format(title=title), room)
    count = _HASHTAGS.get(platform.casefold(), 3)
    tags = [f"#{_hashtag(term)}" for term in terms[:count]]
    topic = terms[0] if terms else title

    for index, (_, sentence) in enumerate(ranked[:3]):
        post.try_adding("sentences", sentence)
        if index == 0:
            post.try_adding("question", _QUESTIONS[lang, mood].format(topic=topic))
            post.try_adding("tags", " ".join(tags))
            post.try_adding("url", article.url or "")
    if not ranked:
        post.try_adding("tags", " ".join(tags))
        post.try_adding("url", article.url or "")
    order = {sentence: at for at, sentence in ranked}
    post.parts["sentences"].sort(key=lambda sentence: order[sentence])
    return post.text() + tail


class _Post:
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


def _hashtag(term: str) -> str:
    letters = re.sub(r"[\W_]", "", term)
    return letters if letters != letters.casefold() else letters.capitalize()


def _tone(tone: str | None) -> str:
    wanted = (tone or "").casefold()
    return next(
        (name for name, hints in _TONES.items() if any(h in wanted for h in hints)), "neutral"
    )


def _language(language: str | None, text: str) -> str:
    """ "fr" or "en": as asked, else the language whose small words are more frequent; English for all others."""
    if language:
        return "fr" if named_language(language) == "fr" else "en"
    return guess_language(text, ("en", "fr"))

"""Changes a draft as an instruction says, by choosing among its parts. No model: it adds no facts and cannot translate."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from .drafting import (
    SIGNATURE,
    Article,
    Post,
    cut,
    frame_language,
    hashtags,
    key_terms,
    length,
    rank_sentences,
    signature_for,
    split_sentences,
)
from .language import guess_language
from .wording import hook, is_our_question, question, tone_named, without_hook

_SHORTER = re.compile(
    r"\b(short\w*|brief\w*|concise\w*|trim|court\w*|bref|brève|raccourci\w*)\b", re.IGNORECASE
)
_LONGER = re.compile(
    r"\b(longer|long|detail\w*|expand|développe\w*|détail\w*|allonge\w*)\b", re.IGNORECASE
)
_LIMIT = re.compile(r"(\d[\d,. ]*\d|\d)\s*(?:characters|chars|caractères|signes)", re.IGNORECASE)
_TONGUE = re.compile(
    r"\b(?:in|into|to|en)\s+(french|français|francais|fr|english|anglais|en)\b", re.IGNORECASE
)
_OTHER_TONGUE = re.compile(
    r"\b(?:in|into|to|en)\s+(german|deutsch|allemand|spanish|español|espagnol|italian\w*|italien|dutch|portugu\w+)\b",
    re.IGNORECASE,
)
_TAGS = re.compile(r"#\w+(?:\s+#\w+)*")
_LINK = re.compile(r"https?://\S+")

_NOTES = {
    ("en", "translate"): "(The local stand-in cannot translate: the sentences stay as they are.)",
    ("fr", "translate"): "(Le Space local ne sait pas traduire : les phrases restent telles quelles.)",
    ("en", "unknown"): "(The local stand-in only knows: shorter, longer, warmer, in French, at most N characters.)",
    ("fr", "unknown"): "(Le Space local ne connaît que : plus court, plus long, amical, en anglais, N caractères.)",
}  # fmt: skip
_RECAP = {"en": "To remember: {terms}.", "fr": "À retenir : {terms}."}


@dataclass
class _Parts:
    """What a draft is made of."""

    title: str = ""
    sentences: list[str] = field(default_factory=list)
    question: str = ""
    url: str = ""
    tags: str = ""


@dataclass(frozen=True)
class _Wish:
    """What an instruction asks for."""

    shorter: bool
    longer: bool
    tone: str
    limit: int | None
    tongue: str | None
    """"fr" or "en" to frame the sentences in, "other" for one that has no phrases here."""

    @property
    def understood(self) -> bool:
        return bool(self.shorter or self.longer or self.limit or self.tongue) or self.tone != "neutral"  # fmt: skip


def rework(
    text: str,
    *,
    instruction: str,
    platform: str,
    tone: str | None,
    language: str | None,
    max_length: int,
    variant: int = 1,
) -> str:
    """The draft `text`, changed, in at most `max_length` UTF-16 units, or fewer if the instruction says so.

    What it cannot do it says in a line of its own, as far as that fits.
    """
    parts, wish = _take_apart(text), _wish(instruction)
    body = " ".join([parts.title, *parts.sentences])
    before = guess_language(body, ("en", "fr"))
    lang = wish.tongue if wish.tongue in ("en", "fr") else frame_language(language, body)
    mood = wish.tone if wish.tone != "neutral" else tone_named(tone)
    limit = min(max_length, wish.limit or max_length)
    sentences = _chosen(parts, wish, before, variant)

    note = "" if wish.understood else _NOTES[lang, "unknown"]
    if wish.tongue == "other" or (wish.tongue and wish.tongue != before):
        note = _NOTES[lang, "translate"]
    terms = key_terms(Article(parts.title, " ".join(parts.sentences)), before)
    reframed = wish.tone != "neutral" or bool(wish.tongue) or variant > 1

    tail = signature_for(limit)
    post = Post(limit - length(tail))
    opening = hook(without_hook(parts.title), lang, mood, variant) if reframed else parts.title
    post.hook = cut(opening, post.room)
    post.try_adding("url", parts.url)
    post.try_adding("tags", note)
    for sentence in sentences:
        post.try_adding("sentences", sentence)
    if wish.longer:
        told = ", ".join(terms[:4])
        post.try_adding("sentences", _RECAP[lang].format(terms=told) if told else "")
    asks = (parts.question and not wish.shorter) or reframed or wish.longer
    topic = terms[0] if terms else parts.title
    asked = (
        question(topic, lang, mood, variant) if reframed or not parts.question else parts.question
    )
    post.try_adding("question", asked if asks else "")
    post.try_adding("tags", parts.tags or (hashtags(terms, platform) if wish.longer else ""))
    return post.text() + tail


def _chosen(parts: _Parts, wish: _Wish, lang: str, variant: int) -> list[str]:
    """The sentences that stay, in their order: all, or the better half; other variants leave out another one."""
    count = len(parts.sentences)
    keep = count // 2 if wish.shorter else count
    if variant > 1 and not wish.shorter and count > 1:
        keep = count - 1
    if keep == count:
        return parts.sentences
    terms = key_terms(Article(parts.title, " ".join(parts.sentences)), lang)
    ranked = [at for at, _ in rank_sentences(parts.sentences, parts.title, terms)]
    turn = (variant - 1) % len(ranked)
    return [parts.sentences[at] for at in sorted((ranked[turn:] + ranked[:turn])[:keep])]


def _take_apart(text: str) -> _Parts:
    """The parts of a draft: its first line, sentences, a closing question of ours, link and hashtags."""
    parts = _Parts()
    for line in (line.strip() for line in text.splitlines()):
        if not line or line == SIGNATURE or line in _NOTES.values():
            continue
        if _TAGS.fullmatch(line):
            parts.tags = line
        elif _LINK.fullmatch(line):
            parts.url = line
        elif is_our_question(line):
            parts.question = line
        elif not parts.title:
            parts.title, *rest = split_sentences(line) or [line]
            parts.sentences += rest
        else:
            parts.sentences += split_sentences(line)
    return parts


def _wish(instruction: str) -> _Wish:
    limit = _LIMIT.search(instruction)
    tongue = _TONGUE.search(instruction)
    named = "fr" if tongue and tongue[1].casefold().startswith("fr") else "en" if tongue else None
    if not named and _OTHER_TONGUE.search(instruction):
        named = "other"
    told = _SHORTER.sub("", instruction)  # "short" is also a word for the direct tone
    return _Wish(
        shorter=bool(_SHORTER.search(instruction)),
        longer=bool(_LONGER.search(told)),
        tone=tone_named(told),
        limit=max(1, int(re.sub(r"\D", "", limit[1]))) if limit else None,
        tongue=named,
    )

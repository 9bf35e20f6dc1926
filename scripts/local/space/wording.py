"""The set phrases of drafts: how they open and what they ask, by language and tone."""

from __future__ import annotations

import re

HOOKS = {
    ("en", "neutral"): "{title}",
    ("en", "warm"): "Something worth sharing today: {title}",
    ("en", "enthusiastic"): "This one made my day! {title}",
    ("en", "direct"): "In short: {title}",
    ("fr", "neutral"): "{title}",
    ("fr", "warm"): "À partager aujourd'hui : {title}",
    ("fr", "enthusiastic"): "Quelle bonne nouvelle ! {title}",
    ("fr", "direct"): "L'essentiel : {title}",
}
QUESTIONS = {
    ("en", "neutral"): "What is your experience with {topic}?",
    ("en", "warm"): "How do you and your team live with {topic}? I would love to hear.",
    ("en", "enthusiastic"): "Who else is excited about {topic}?",
    ("en", "direct"): "{topic}: for or against?",
    ("fr", "neutral"): "Quelle est votre expérience sur ce sujet : {topic} ?",
    ("fr", "warm"): "Et vous, comment vivez-vous cela ({topic}) ? J'aimerais vous lire.",
    ("fr", "enthusiastic"): "Qui d'autre se réjouit de cela : {topic} ?",
    ("fr", "direct"): "{topic} : pour ou contre ?",
}
OTHER_HOOKS = {
    "en": (
        "Worth a closer look: {title}",
        "Have you seen this? {title}",
        "What stays with me: {title}",
        "Noted for you: {title}",
        "One to think about: {title}",
    ),
    "fr": (
        "À regarder de plus près : {title}",
        "Avez-vous vu cela ? {title}",
        "Ce que je retiens : {title}",
        "Noté pour vous : {title}",
        "De quoi réfléchir : {title}",
    ),
}
"""How the second and further variants open."""

OTHER_QUESTIONS = {
    "en": ("What would you do about {topic}?", "Did you expect this of {topic}?"),
    "fr": ("Que feriez-vous à ce sujet : {topic} ?", "Vous y attendiez-vous : {topic} ?"),
}
_TONES = {
    "warm": ("warm", "friend", "kind", "chaleur", "amical", "bienveillant"),
    "enthusiastic": ("enthusias", "excited", "joy", "enthous", "joyeux", "passion"),
    "direct": ("direct", "bold", "short", "concise", "bref", "franc"),
}


def tone_named(told: str | None) -> str:
    """The tone that the words ask for, "neutral" when none."""
    wanted = (told or "").casefold()
    return next(
        (name for name, hints in _TONES.items() if any(h in wanted for h in hints)), "neutral"
    )


def hook(title: str, lang: str, tone: str, variant: int) -> str:
    """The opening line of a variant, counted from 1."""
    others = OTHER_HOOKS[lang]
    phrase = HOOKS[lang, tone] if variant == 1 else others[(variant - 2) % len(others)]
    return phrase.format(title=title)


def question(topic: str, lang: str, tone: str, variant: int) -> str:
    """The question at the end of a variant."""
    others = OTHER_QUESTIONS[lang]
    phrase = QUESTIONS[lang, tone] if variant == 1 else others[(variant - 2) % len(others)]
    return phrase.format(topic=topic)


def without_hook(line: str) -> str:
    """The title in an opening line of ours; any other line as it is."""
    phrases = [*HOOKS.values(), *(one for others in OTHER_HOOKS.values() for one in others)]
    for phrase in phrases:
        before = phrase.partition("{title}")[0]
        if before and line.startswith(before):
            return line.removeprefix(before)
    return line


def is_our_question(line: str) -> bool:
    """Whether a line is one of the questions of drafts."""
    phrases = [*QUESTIONS.values(), *(one for others in OTHER_QUESTIONS.values() for one in others)]
    parts = (phrase.split("{topic}") for phrase in phrases)
    return any(
        re.fullmatch(re.escape(before) + ".+" + re.escape(after), line) for before, after in parts
    )

"""Words, small words, stems and the language of a text; no model."""

from __future__ import annotations

import functools
import re
import unicodedata
from collections import Counter
from collections.abc import Collection
from typing import Any

WORD = re.compile(r"[^\W\d_][\w'’-]*[^\W_]|[^\W\d_]", re.UNICODE)
_TOKEN = re.compile(r"[^\W_]+")

_SMALL_WORDS = {
    "en": """a about after all also am an and any are as at be because been before being between both but by can could
        did do does doing down during each few for from further had has have having he her here hers him his how i if
        in into is it its just may me might more most must my no nor not now of off on once only or other our out over
        own per said same she should so some such than that the their them then there these they this those through to
        too under until up very was we were what when where which while who whom why will with within without would you
        your new one two can't don't it's says""",
    "fr": """à ai ainsi alors après au aucun aussi autre autres aux avait avant avec avoir bien car ce ceci cela celle
        celui ces cet cette ceux chaque chez comme comment dans de depuis des deux dit donc dont du elle elles en encore
        entre est et étaient était été être eu fait faire il ils je jusque la là le les leur leurs lors lui ma mais me
        même mes moins mon ne ni nos notre nous on ont ou où par parce pas pendant peu peut peuvent plus pour pourquoi
        qu quand que quel quelle qui quoi sa sans se selon ses si son sont sous sur ta te tes ton tous tout toute toutes
        très tu un une va vers vos votre vous y c'est d'un d'une n'est qu'il s'est l'on nouveau nouvelle""",
    "de": """aber als am an auch auf aus bei bin bis da das dass dem den der des die dies diese dieser du durch ein eine
        einem einen einer er es für hat hatte ich ihr im in ist ja kann kein keine man mehr mein mit nach nicht noch nun
        nur ob oder ohne sehr sich sie sind so über um und uns unter vom von vor war warum was wer wie wir wird wo zu
        zum zur""",
    "es": """al algo como con cuando cuál de del desde donde dos el él ella en entre era es esta está este esto fue ha
        han hasta hay la las le les lo los más me mi muy ni no nos o para pero por porque qué que quién se sin sobre son
        su sus también te tiene todo un una uno unos y ya yo""",
    "it": """a al alla anche c'è che chi ci come con da dal dalla dei del della delle di dove due e è gli ha hanno i il
        in io l'ha la le lo ma mi nel nella non o per perché più quando quello questa questo se si sono su sua suo tra
        un una uno""",
    "nl": """aan al als bij dan dat de die dit door een en er het hij hoe ik in is je kan maar met mijn naar niet nog nu
        of om ook op over te tot uit van veel voor waar waarom was wat we wie wij worden zal ze zich zijn zo""",
    "pt": """a ao aos as com como da das de do dos e é ela ele em entre era essa esse esta este eu foi há isso já mais
        mas me muito na não nas no nos o os ou para pela pelo por porque quando que quem se sem seu sua são também tem
        um uma você""",
}
SMALL_WORDS = {lang: frozenset(words.split()) for lang, words in _SMALL_WORDS.items()}
"""By language code, the words that carry a sentence but tell nothing about its subject."""

_STEMMERS = {
    "en": "english",
    "fr": "french",
    "de": "german",
    "es": "spanish",
    "it": "italian",
    "nl": "dutch",
    "pt": "portuguese",
}
_NAMES = {
    "english": "en",
    "anglais": "en",
    "french": "fr",
    "français": "fr",
    "francais": "fr",
    "german": "de",
    "deutsch": "de",
    "spanish": "es",
    "español": "es",
    "italian": "it",
    "italiano": "it",
    "dutch": "nl",
    "nederlands": "nl",
    "portuguese": "pt",
    "português": "pt",
}


def guess_language(text: str, among: Collection[str]) -> str:
    """The code of the language whose small words `text` uses most; the first of `among` when none is ahead."""
    words = Counter(word.casefold() for word in WORD.findall(text[:20_000]))
    share = {lang: sum(words[word] for word in SMALL_WORDS[lang]) for lang in among}
    return max(share, key=share.__getitem__)


def named_language(language: str | None) -> str | None:
    """The code behind "fr", "fr-CA", "French" or "français"; None for none and for one without small words here."""
    asked = (language or "").strip().casefold()
    code = _NAMES.get(asked) or re.split(r"[-_]", asked)[0]
    return code if code in SMALL_WORDS else None


def stems(text: str, lang: str) -> list[str]:
    """The telling words of `text` as stems without accents, in their order; small words and single letters left out."""
    small = SMALL_WORDS[lang]
    words = (token.casefold() for token in _TOKEN.findall(text))
    return [_stem(word, lang) for word in words if len(word) > 1 and word not in small]


@functools.lru_cache(maxsize=20_000)
def _stem(word: str, lang: str) -> str:
    stem = str(_stemmer(lang).stemWord(word))
    decomposed = unicodedata.normalize("NFKD", stem)
    return "".join(c for c in decomposed if not unicodedata.combining(c)) or stem


@functools.cache
def _stemmer(lang: str) -> Any:
    import snowballstemmer

    return snowballstemmer.stemmer(_STEMMERS[lang])

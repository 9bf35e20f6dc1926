"""Which language a text is in."""

from __future__ import annotations

import os
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from py3langid.langid import LanguageIdentifier

UNKNOWN = "un"

# what it says below this is guessed, mostly of texts of a few words
_SURE = 0.5


def detect_language(text: str) -> str:
    """The ISO 639-1 code of the language that the text is most likely in; "un" when there is no telling."""
    if not text.strip():
        return UNKNOWN
    code, likelihood = _identifier().classify(text)
    return str(code) if likelihood >= _SURE and len(code) == 2 else UNKNOWN


@cache
def _identifier() -> LanguageIdentifier:
    """The model with its 97 languages. Loaded when the first text comes: with numpy it takes 30 MB."""
    # read by numpy's algebra as it is loaded: its threads would spin on every core, for products of a few thousand numbers
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    return LanguageIdentifier.from_pickled_model(MODEL_FILE, norm_probs=True)

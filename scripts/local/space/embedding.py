"""Vectors for texts by WordLlama: static vectors of word pieces, averaged. They come in its wheel; nothing is downloaded."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

SIZE = 256
MOST_TEXTS = 256
LONGEST = 20_000
"""Characters of a text that count; more of it changes no average much."""


def embed(texts: Sequence[str]) -> list[list[float]]:
    """One vector of `SIZE` numbers and length 1 per text, the same for the same text. A text without words gets a fixed one."""
    import numpy as np

    told = [text[:LONGEST].encode("utf-8", "ignore").decode() for text in texts]
    worded = [at for at, text in enumerate(told) if text.strip()]
    vectors = np.zeros((len(told), SIZE))
    for at in worded:  # one by one: in a batch the padding moves the last digits
        vectors[at] = _model().embed(told[at])[0]
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    # Cosine distance is undefined for a vector of zeros, and pgvector answers NaN.
    vectors[lengths[:, 0] == 0, 0] = 1.0
    lengths[lengths == 0] = 1.0
    rounded: list[list[float]] = np.round(vectors / lengths, 6).tolist()
    return rounded


@functools.cache
def _model() -> Any:
    """The model, loaded at the first call: 0.5 s and 40 MB."""
    import wordllama

    # Its own look-up misses the tokenizer in the wheel by one letter; as its cache the package has all there is.
    bundled = Path(wordllama.__file__).parent
    return wordllama.WordLlama.load(cache_dir=bundled, disable_download=True)

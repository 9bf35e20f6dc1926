"""How long each platform finds a text, and what its readers see as one letter."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import regex

from .counting import utf16_length


class Ruler:
    """Counts by `limits.text.counted` of the given platforms (their classes, by name). Implements `core.fitting_text.Ruler`."""

    def __init__(self, platforms: Mapping[str, Any], weighted: Callable[[str], int]) -> None:
        """`weighted` is X's own way of counting, which this module, shared by all, does not know."""
        counters = {"characters": len, "utf16": utf16_length, "weighted": weighted}
        self._counters: dict[str, Callable[[str], int]] = {
            name: counters.get(platform.LIMITS["text"]["counted"], len)
            for name, platform in platforms.items()
        }

    def length(self, platform: str, text: str) -> int:
        """How long a platform finds the text, in its own unit; characters for one that is not known."""
        return self._counters.get(platform, len)(text)

    def letters(self, text: str) -> list[int]:
        """Where each grapheme of the text ends."""
        return [found.end() for found in regex.finditer(r"\X", text)]

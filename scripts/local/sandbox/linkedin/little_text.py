"""Read LinkedIn's "little text" the way its readers would see it (platform facts 1.4).

LinkedIn does not refuse an unescaped reserved character: it answers 201 and may drop the text from
there on. The sandbox always drops it, and writes the defect down.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, field

RESERVED = frozenset("|{}@[]()<>#\\*_~")

_PLAIN = r"(?:\\[|{}@\[\]()<>#\\*_~]|[^|{}@\[\]()<>#\\*_~])+?"
_HASHTAG_TEMPLATE = re.compile(rf"\{{hashtag\|\\#\|({_PLAIN})\}}", re.DOTALL)
_MENTION = re.compile(rf"@\[({_PLAIN})\]\((urn:li:(?:person|organization):[\w-]+)\)", re.DOTALL)
_ESCAPE = re.compile(r"\\([|{}@\[\]()<>#\\*_~])")


@dataclass
class Mention:
    """A member or organisation named in the text; ``linked`` when LinkedIn would link it."""

    name: str
    urn: str
    linked: bool


@dataclass
class ReadText:
    """What became of a commentary."""

    #: ``(kind, text)`` in reading order; kind is ``text``, ``hashtag`` or ``mention``.
    pieces: list[tuple[str, str]] = field(default_factory=list)
    mentions: list[Mention] = field(default_factory=list)
    defects: list[str] = field(default_factory=list)
    #: Code points a reader would see had nothing been cut.
    length: int = 0

    @property
    def visible(self) -> str:
        """What readers see."""
        return "".join(text for _, text in self.pieces)

    def add(self, kind: str, text: str) -> None:
        """Append visible text, joined with the piece before when both are plain."""
        if kind == "text" and self.pieces and self.pieces[-1][0] == "text":
            text = self.pieces.pop()[1] + text
        self.pieces.append((kind, text))


def read(commentary: str, organization_name: Callable[[str], str | None]) -> ReadText:
    """Parse a commentary. ``organization_name`` gives the exact name for an organisation URN.

    The length is counted in Unicode code points of the visible text: whether LinkedIn counts
    UTF-16 units or escape backslashes is unconfirmed, so the reading kindest to neither side of a
    limit of 3000 "characters" is used.
    """
    result = ReadText()
    position, plain_from = 0, 0
    while position < len(commentary):
        if commentary[position] not in RESERVED:
            position += 1
            continue
        result.add("text", commentary[plain_from:position])
        end = _markup(commentary, position, result, organization_name)
        if end is None:
            rest = commentary[position:]
            result.defects.append(
                f"unescaped {commentary[position]!r} at character {position + 1}: "
                f"the {len(rest)} characters from there on are not shown"
            )
            result.length = len(result.visible) + len(_ESCAPE.sub(r"\1", rest))
            return _without_empty(result)
        position = plain_from = end
    result.add("text", commentary[plain_from:])
    result.length = len(result.visible)
    return _without_empty(result)


def _markup(
    text: str, at: int, result: ReadText, organization_name: Callable[[str], str | None]
) -> int | None:
    """Read what the reserved character at ``at`` begins; None when it begins nothing."""
    if escape := _ESCAPE.match(text, at):
        result.add("text", escape[1])
        return escape.end()
    if template := _HASHTAG_TEMPLATE.match(text, at):
        result.add("hashtag", "#" + _ESCAPE.sub(r"\1", template[1]))
        return template.end()
    if mention := _MENTION.match(text, at):
        name, urn = _ESCAPE.sub(r"\1", mention[1]), mention[2]
        # An organisation whose name differs in a letter is shown as plain text.
        linked = ":person:" in urn or organization_name(urn) == name
        result.mentions.append(Mention(name, urn, linked))
        result.add("mention" if linked else "text", name)
        return mention.end()
    if text[at] == "#":
        end = at + 1
        while end < len(text) and _belongs_to_a_word(text[end]):
            end += 1
        if end > at + 1:
            result.add("hashtag", text[at:end])
            return end
    return None


def _belongs_to_a_word(character: str) -> bool:
    # Letters and digits, and the marks without which many scripts have no words.
    return unicodedata.category(character)[0] in "LNM"


def _without_empty(result: ReadText) -> ReadText:
    result.pieces = [(kind, text) for kind, text in result.pieces if text]
    return result

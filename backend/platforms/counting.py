"""What other platforms than X count in a text: UTF-16 units, hashtags, mentions and links as their readers see them.

For previews and limits. No platform but X publishes its exact rule; these take what all of them take. Text that only looks
like a link, without scheme or "www.", is not taken for one.
"""

from __future__ import annotations

import regex

_WORD = r"[\p{L}\p{M}\p{N}_\u200c\u200d]"
# A number alone is no hashtag, and # inside a word or an address begins none.
_HASHTAG = regex.compile(
    rf"(?<![\p{{L}}\p{{M}}\p{{N}}_&/#＃])[#＃](?![\uFE0F\u20E3])(?={_WORD}*\p{{L}}){_WORD}++"
)
_MENTION = regex.compile(r"(?<![\p{L}\p{M}\p{N}_.@/])@[A-Za-z0-9_](?:[A-Za-z0-9_.]*[A-Za-z0-9_])?(?!@)")  # fmt: skip
_LINK = regex.compile(r"(?<![\p{L}\p{N}_@./\-])(?:https?://|www\.)[^\s<>\"]*[^\s<>\"]", regex.IGNORECASE)  # fmt: skip
# Left to itself, regex lets other threads run while it looks, and with many of them waits for its turn again longer than
# it looked: a text of a post takes microseconds. Hence concurrent=False.
_AFTER_A_LINK = ".,:;!?…'”’»"


def utf16_length(text: str) -> int:
    """How many UTF-16 units `text` has: what TikTok counts. Most letters are one, emoji two or more."""
    return len(text) + sum(character > "\uffff" for character in text)


def hashtags(text: str) -> tuple[str, ...]:
    """The hashtags in `text` with their #, in order, repeated ones too. None from inside a link."""
    return tuple(_HASHTAG.findall(_without_links(text), concurrent=False))


def mentions(text: str) -> tuple[str, ...]:
    """The names in `text` with their @, in order, repeated ones too. Addresses of mail are none."""
    return tuple(_MENTION.findall(_without_links(text), concurrent=False))


def links(text: str) -> tuple[str, ...]:
    """The links in `text` that begin with a scheme or "www.", without the punctuation of the sentence around them."""
    return tuple(text[start:end] for start, end in _link_spans(text))


def _link_spans(text: str) -> list[tuple[int, int]]:
    return [
        (found.start(), found.start() + len(_trimmed(found[0])))
        for found in _LINK.finditer(text, concurrent=False)
    ]


def _trimmed(link: str) -> str:
    """The link without what closes the sentence; a closing bracket stays if the link opened it."""
    while link and (
        link[-1] in _AFTER_A_LINK
        or (link[-1] == ")" and link.count(")") > link.count("("))
        or (link[-1] == "]" and link.count("]") > link.count("["))
    ):
        link = link[:-1]
    return link


def _without_links(text: str) -> str:
    for start, end in reversed(_link_spans(text)):
        text = f"{text[:start]} {text[end:]}"
    return text

"""Little text: whatever a person writes, LinkedIn's readers see exactly that."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from backend.platforms.little_text import escape, hashtags

# The list in LinkedIn's "little Text Format", written down here once more on purpose.
RESERVED = "|{}@[]()<>#\\*_~"


def shown(sent: str) -> tuple[str, list[str]]:
    """What a reader sees of little text, and the hashtags in it. Fails where LinkedIn would cut the text off."""
    seen, hashtags, place = "", [], 0
    while place < len(sent):
        character = sent[place]
        if character == "\\":
            assert place + 1 < len(sent), "a backslash at the end escapes nothing"
            assert sent[place + 1] in RESERVED, "a backslash that escapes nothing"
            seen, place = seen + sent[place + 1], place + 2
            continue
        if character == "#":
            word = re.match(r"#[^\W_]+", sent[place:])
            assert word, "a # that is neither escaped nor a hashtag cuts the text"
            hashtags.append(word[0])
            seen, place = seen + word[0], place + len(word[0])
            continue
        assert character not in RESERVED, f"an unescaped {character} cuts the text"
        seen, place = seen + character, place + 1
    return seen, hashtags


ODD = st.text(
    alphabet=st.sampled_from(list(RESERVED + "aZ9 \n\té…😀🏳️‍🌈שלוםع١#\u200f\u2028")), max_size=60
)


@given(st.text(max_size=300) | ODD)
@example(RESERVED)
@example(RESERVED * 3)
@example("##a")
@example("#a#b")
@example("\\#a")
@example("\\")
@example("{hashtag|\\#|word}")
@example("@[Name](urn:li:person:1)")
@example("#_a")
@example("C# and #c_d #1 #1a")
def test_readers_see_what_was_written(text: str) -> None:
    assert shown(escape(text))[0] == text


@pytest.mark.parametrize("character", RESERVED)
def test_each_reserved_character_is_escaped(character: str) -> None:
    assert escape(f"a{character}b {character} ") == f"a\\{character}b \\{character} "


@pytest.mark.parametrize(
    ("text", "hashtags"),
    [
        ("#hiring", ["#hiring"]),
        ("We are #hiring, #Remote.", ["#hiring", "#Remote"]),
        ("line\n#two", ["#two"]),
        ("(#inside) [#brackets] {#braces} \"#quotes\" '#single' «#french» “#curly”", ["#inside", "#brackets", "#braces", "#quotes", "#single", "#french", "#curly"]),
        ("#café #日本語 #שלום #2026goals", ["#café", "#日本語", "#שלום", "#2026goals"]),
        ("#snake_case", ["#snake"]),
        ("C# is not a tag, nor is a#b", []),
        ("#1 in the list", []),
        ("# heading, ## heading", []),
        ("https://example.org/#part", []),
        ("##double", []),
        ("#", []),
        ("", []),
    ],
)  # fmt: skip
def test_intended_hashtags_stay_hashtags_and_nothing_else_does(
    text: str, hashtags: list[str]
) -> None:
    seen, found = shown(escape(text))
    assert (seen, found) == (text, hashtags)


@given(st.text(max_size=200))
def test_text_without_reserved_characters_is_sent_as_it_is(text: str) -> None:
    plain = "".join(character for character in text if character not in RESERVED)
    assert escape(plain) == plain


def test_escaping_is_one_pass_so_a_second_one_would_show() -> None:
    assert escape("(") == "\\("
    assert shown(escape(escape("(")))[0] == "\\("


def test_a_long_text_is_escaped_in_no_time() -> None:
    text = "#a_" * 20_000 + "(" * 20_000
    assert shown(escape(text))[0] == text


@given(ODD)
def test_the_hashtags_named_are_those_that_readers_get(text: str) -> None:
    assert list(hashtags(text)) == shown(escape(text))[1]

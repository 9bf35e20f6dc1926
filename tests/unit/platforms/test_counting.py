"""What a preview says of a text for every platform but X."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.platforms.counting import hashtags, links, mentions, utf16_length


@given(st.text(max_size=100))
def test_units_are_those_of_the_encoding(text: str) -> None:
    assert utf16_length(text) == len(text.encode("utf-16-le")) // 2


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("#hiring, (#Remote) #2026goals", ("#hiring", "#Remote", "#2026goals")),
        ("#日本語 #हिन्दी #שלום #cafe\u0301 #snake_case", ("#日本語", "#हिन्दी", "#שלום", "#cafe\u0301", "#snake_case")),
        ("#twice #twice", ("#twice", "#twice")),
        ("line\n#two", ("#two",)),
        ("#1 C# a#b ##x #️⃣ # &#39; https://example.com/#part", ()),
        ("", ()),
    ],
)  # fmt: skip
def test_hashtags_are_found(text: str, found: tuple[str, ...]) -> None:
    assert hashtags(text) == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("@one and (@two.three), @four_.", ("@one", "@two.three", "@four_")),
        ("の @user", ("@user",)),
        ("mail@example.com @ @@ https://example.com/@name", ()),
    ],
)
def test_mentions_are_found(text: str, found: tuple[str, ...]) -> None:
    assert mentions(text) == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("See https://example.com/a?b=c#d.", ("https://example.com/a?b=c#d",)),
        ("(www.example.com) http://日本.jp/x_(y), HTTP://EXAMPLE.COM!", ("www.example.com", "http://日本.jp/x_(y)", "HTTP://EXAMPLE.COM")),
        ("<https://example.com/x>", ("https://example.com/x",)),
        ("example.com a@www.example.com", ()),
    ],
)  # fmt: skip
def test_links_are_found(text: str, found: tuple[str, ...]) -> None:
    assert links(text) == found

"""The database counts as the preview does, and where it cannot, it counts less: nothing is refused that a platform takes."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import psycopg
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from backend.platforms.counting import utf16_length
from backend.platforms.x_text import weighted_length

Counted = Callable[[str, str], int]

PIECES = [
    "a", "Z", "9", "é", "e\u0301", "ş", "ñ", " ", "\n", "\t", "\r\n", "\u3000", "\u200b", "\u2028", "…", "—", "‼", "€",
    "日本", "中国", "語", "。", "、", "안녕", "שלום", "عرب", "हिन्दी", "\u200f", "\u202e", "𝄞", "𐍈", "\uffff", "\ufeff",
    "😀", "👍🏽", "🏽", "👨‍👩‍👧‍👦", "🏳️‍🌈", "👨‍🌈", "🏴󠁧󠁢󠁥󠁮󠁧󠁿", "🇩🇪", "🇦", "1️⃣", "#️⃣", "*⃣", "©", "©️", "™", "❤️", "❤︎", "☺", "\ufe0f", "\u200d",
    "#tag", "@name", "$GE", "#", "@", "$", "-", "_", ".", ",", "!", "?", "/", ":", "(", ")", "=", "%", "&", "+",
    "https://", "http://", "HTTPS://", "www.", "example.com", "foo.co.uk", "t.co/abc", ".museum", "x.museum/very/long/path/indeed/so", ".рф", ".com", ".中国", "/path", "?q=1", ":8080", "xn--p1ai",
    "https://example.com/a-b?c=d", "https://日本.jp/長い", "no-tld", "end.Then", "3.14",
]  # fmt: skip
JUMBLE = st.lists(st.sampled_from(PIECES) | st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30).map("".join)  # fmt: skip
# Words between spaces as people write them: here both must say the same.
WORD = st.one_of(
    st.text(alphabet="abcXYZ019äñçőабвगमनאבגدرس日本語안녕のンー、。!?;–—“”", min_size=1, max_size=12),
    st.sampled_from([
        "😀", "👍🏽", "👨‍👩‍👧‍👦", "🏳️‍🌈", "🏴󠁧󠁢󠁥󠁮󠁧󠁿", "🇩🇪", "🇩🇪🇫🇷", "1️⃣", "#️⃣", "©", "©️", "™", "❤️", "☺", "#tag", "#日本語", "@name", "$GE", "e\u0301", "3.14", "end.", "...",
        "https://example.com", "http://t.co/abcdefgh", "https://sub.example.co.uk/a/very/long/path/that/goes/on?and=on", "example.com", "example.com.", "(example.org/path)", "EXAMPLE.COM/x,",
        "https://example.com/pathの続き", "詳細はhttps://example.jp/をどうぞ",
    ]),
)  # fmt: skip
ORDINARY = st.lists(st.tuples(WORD, st.sampled_from([" ", "\n", "\n\n"])), max_size=25).map(
    lambda words: "".join(word + space for word, space in words)
)


@pytest.fixture(scope="module")
def counted(database_url: str) -> Iterator[Counted]:
    """How long the database finds a text."""
    with psycopg.connect(database_url, autocommit=True) as connection:

        def ask(text: str, how: str) -> int:
            row = connection.execute("select private.counted_length(%s, %s)", [text, how])
            return int(row.fetchone()[0])  # type: ignore[index]

        yield ask


@given(JUMBLE)
@example("\U0001f600\U0010ffff")
def test_characters_and_units_are_counted_alike(counted: Counted, text: str) -> None:
    assert counted(text, "characters") == len(text)
    assert counted(text, "utf16") == utf16_length(text)


@given(ORDINARY)
def test_x_weights_of_what_people_write_are_the_same(counted: Counted, text: str) -> None:
    assert counted(text, "weighted") == weighted_length(text)


@given(JUMBLE)
@example("http://a.b/#️⃣")
@example("a.b/x=foo.中国/long/path/that/goes/on/and/on")
@example("a.b/x=https://日本.jp/long/path/that/goes/on/and/on")
@example("-日本example.com")
@example("日本.https://日本.jp/long/path/that/goes/on/and/on")
@example("foo.com.museum/long/path/that/goes/on/and/on")
def test_the_database_never_counts_more_than_x(counted: Counted, text: str) -> None:
    assert counted(text, "weighted") <= weighted_length(text)


@pytest.mark.parametrize("text", ["example.photography", "👨‍🌈", "foo.com,bar.com"])
def test_what_only_a_list_can_tell_counts_less(counted: Counted, text: str) -> None:
    assert counted(text, "weighted") < weighted_length(text)


def test_a_long_text_is_counted_in_no_time(counted: Counted) -> None:
    assert counted("a." * 5_000 + "日" * 5_000 + "👨\u200d" * 5_000, "weighted") > 0

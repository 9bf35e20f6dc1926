"""X's counting, what it recognises, and threads, over whatever people write."""

from __future__ import annotations

import itertools
import time
import unicodedata

import pytest
import regex
from hypothesis import assume, example, given
from hypothesis import strategies as st

from backend.platforms.x_text import entities, split_into_thread, weighted_length

FAMILY, FLAG, KEYCAP, THUMB = "👨‍👩‍👧‍👦", "🇩🇪", "1️⃣", "👍🏽"
LINKS = ["https://example.com/a/b?c=d", "http://日本.jp", "example.com", "sub.example.co.uk/x_(y)", "t.co/abc"]  # fmt: skip
TAGS = ["#hiring", "#日本語", "#हिन्दी", "@someone", "$GE"]
EMOJI = [FAMILY, FLAG, KEYCAP, THUMB, "🏳️‍🌈", "🏴󠁧󠁢󠁥󠁮󠁧󠁿", "❤️", "😀"]
WORDS = st.one_of(
    st.sampled_from(LINKS + TAGS + EMOJI + ["שלום", "مرحبا", "e\u0301\u0323", "नमस्ते", "ไม่", "\u202eabc\u202c", "日本語。", "Really?", "Yes.", "“No!”"]),
    st.text(alphabet="abc日語é", min_size=1, max_size=15),
    st.sampled_from(["x", "語", FAMILY, "e\u0301", FLAG]).flatmap(lambda letter: st.integers(1, 200).map(lambda n: letter * n)),
)  # fmt: skip
SPACES = st.sampled_from([" ", "\n", "\n\n", "\r\n\r\n", " \u3000"])
TEXTS = st.lists(st.tuples(WORDS, SPACES), max_size=25).map(
    lambda words: "".join(word + space for word, space in words)
)


def without_space(text: str) -> str:
    return "".join(text.split())


@pytest.mark.parametrize(
    ("text", "weight"),
    [
        ("", 0), ("Hello, wörld.", 13), ("日本語", 6), ("안녕", 4), ("שלום", 4), ("\u1100", 2), ("\u10ff", 1),
        ("\u2000\u200d\u2010\u201f\u2032\u2037", 6), ("\u200e\u2026\u2031\u2038", 8), ("€", 2), ("\n\n", 2),
        ("e\u0301", 1), ("\ufb2c", 3), ("A\u030aB", 2),
        ("😀", 2), (FAMILY, 2), (FLAG, 2), (KEYCAP, 2), ("1", 1), (THUMB, 2), ("🏳️‍🌈", 2), ("🏴󠁧󠁢󠁥󠁮󠁧󠁿", 2), ("❤️", 2), ("❤︎", 4),
        ("©", 1), ("©️", 2), ("H🐱☺" + FAMILY, 7), (FLAG + FLAG, 4), ("🇩", 2), ("👨\u200dx", 4),
        ("http://a.co", 23), ("https://example.com/" + "x" * 200, 23), ("Hi http://test.co", 26), ("example.com", 23),
        ("Test https://test.com test https://test.com test.com test", 86),
        ("a@example.com", 13), ("no.tldhere", 10), ("http://no-tld", 13), ("foo.comm", 8), ("end.Then", 8),
        ("example.com.", 24), ("(example.com/a)", 25), ("日本語。example.com中国語", 37), ("http://日本.jp/x", 23),
        ("https://t.co/abc.def", 27), ("foo_bar.example.com", 27), ("EXAMPLE.COM", 23), ("example.рф", 23), ("a_b example.com", 27),
        ("http://xn--はじめよう.com/x", 27),
    ],
)  # fmt: skip
def test_a_text_weighs_what_x_says(text: str, weight: int) -> None:
    assert weighted_length(text) == weight


@given(st.text(max_size=200))
def test_composed_or_not_a_text_weighs_the_same(text: str) -> None:
    assert weighted_length(unicodedata.normalize("NFD", text)) == weighted_length(text)


@given(TEXTS, TEXTS)
def test_lines_weigh_what_they_weigh_alone(one: str, other: str) -> None:
    both = f"{one}\n{other}"
    assert weighted_length(both) == weighted_length(one) + 1 + weighted_length(other)


def test_everything_x_recognises_is_found_where_it_stands() -> None:
    text = "RT@me の@userに #日本語 and #1 (https://x.com/a#b, example.com/@c) $GE a@b.com a#b ##c @ñ #a_b"
    found = entities(text)
    assert [(entity.kind, entity.text) for entity in found] == [
        ("mention", "@me"), ("mention", "@user"), ("hashtag", "#日本語"), ("link", "https://x.com/a#b"),
        ("link", "example.com/@c"), ("cashtag", "$GE"), ("hashtag", "#c"), ("hashtag", "#a_b"),
    ]  # fmt: skip
    assert all(text[entity.start : entity.end] == entity.text for entity in found)


@given(TEXTS | st.text(max_size=200))
def test_what_is_recognised_never_overlaps(text: str) -> None:
    found = entities(text)
    assert all(text[entity.start : entity.end] == entity.text for entity in found)
    assert all(one.end <= next_one.start for one, next_one in itertools.pairwise(found))


@given(TEXTS, st.integers(23, 280))
@example("x" * 600, 280)
@example("e" + "\u0301" * 900, 280)
@example("a \u0301" * 200, 280)
@example("#" + "a" * 400, 280)
@example("\ufb2c" * 100, 23)
def test_a_thread_says_the_whole_text_in_parts_that_fit(text: str, limit: int) -> None:
    parts = split_into_thread(text, limit)
    assert without_space("".join(parts)) == without_space(text)
    assert all(part.strip() and weighted_length(part) <= limit for part in parts)


@given(TEXTS, st.integers(60, 280))
def test_a_cut_leaves_whole_what_readers_see_as_one(text: str, limit: int) -> None:
    parts = split_into_thread(text, limit)
    letters = [letter for letter in regex.findall(r"\X", text) if not letter.isspace()]
    assert [letter for part in parts for letter in regex.findall(r"\X", part) if not letter.isspace()] == letters  # fmt: skip
    for entity in entities(text):
        if weighted_length(entity.text) <= limit:
            assert any(entity.text in part for part in parts), entity


@given(TEXTS)
def test_a_text_that_fits_is_one_part_as_it_was_written(text: str) -> None:
    assume(text.strip() and weighted_length(text) <= 280)
    assert split_into_thread(text) == (text,)


def test_paragraphs_are_kept_before_sentences_and_sentences_before_words() -> None:
    paragraph = "One two three. " * 4
    assert split_into_thread(f"{paragraph.strip()}\n\n{paragraph.strip()} End", 60) == (
        paragraph.strip(), paragraph.strip(), "End",
    )  # fmt: skip
    assert split_into_thread("One two. Three four five", 23) == ("One two.", "Three four five")
    assert split_into_thread("One two three four five six", 23) == (
        "One two three four five",
        "six",
    )
    assert split_into_thread("一二三四五。六七八九十一二三四五", 23) == (
        "一二三四五。",
        "六七八九十一二三四五",
    )
    assert split_into_thread(FAMILY * 13, 24) == (FAMILY * 12, FAMILY)


def test_a_link_stays_whole_however_long_it_is() -> None:
    link = "https://example.com/" + "x" * 500
    assert split_into_thread(f"{'word ' * 55}{link} end") == (("word " * 55).strip(), f"{link} end")


@pytest.mark.parametrize("text", ["", " ", "\n\u3000\n"])
def test_a_blank_text_has_no_parts(text: str) -> None:
    assert split_into_thread(text) == ()


def test_a_limit_without_room_for_a_link_is_refused() -> None:
    with pytest.raises(ValueError, match="23"):
        split_into_thread("text", 22)


@pytest.mark.parametrize(
    "text",
    ["日" * 10_000, "a." * 5_000, "日." * 5_000, "x-" * 5_000 + ".com", "_a" * 5_000, "http://" * 2_000,
     "http://a.com/" + "(a" * 5_000, "a.com?" + "." * 10_000, "#" * 10_000, "👨\u200d" * 5_000, "e" + "\u0301" * 10_000],
)  # fmt: skip
def test_a_long_text_takes_no_more_work_than_its_length(text: str) -> None:
    """A rule that tries each place with each other would need minutes of the processor; this needs well under a second."""
    began = time.process_time()
    weighted_length(text)
    entities(text)
    assert time.process_time() - began < 10

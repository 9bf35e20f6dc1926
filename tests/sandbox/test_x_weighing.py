"""How X counts a text, and what becomes a link in it."""

from __future__ import annotations

import time

import pytest

from local.sandbox.x.weighing import links, pieces, weighted_length


@pytest.mark.parametrize(
    ("text", "units"),
    [
        ("", 0),
        ("This is a test.", 15),
        ("déjà vu", 7),
        ("e\u0301", 1),
        ("“quoted” – yes…", 16),
        ("\u200d\u2010\u2037", 3),
        ("저찀쿿쿿", 8),
        ("日本", 4),
        ("\U00010000\U0010ffff", 4),
        ("©", 1),
    ],
)
def test_code_points_weigh_one_or_two(text: str, units: int) -> None:
    assert weighted_length(text) == units


@pytest.mark.parametrize(
    "emoji", ["🐱", "☺", "❤️", "👍🏽", "👨‍👩‍👧‍👦", "🏳️‍🌈", "🇩🇪", "1️⃣", "🏴󠁧󠁢󠁥󠁮󠁧󠁿", "❤️‍🔥", "👩🏿‍🚀"]
)
def test_an_emoji_sequence_weighs_two_as_a_whole(emoji: str) -> None:
    assert weighted_length(emoji) == 2
    assert weighted_length(f"a{emoji}{emoji}b") == 6


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("see https://example.com/a/very/long/path/that/goes/on?and=on#top now", 1),
        ("http://test.com", 1),
        ("HTTPS://EXAMPLE.COM/", 1),
        ("example.com", 1),
        ("詳細はexample.comへ", 1),
        ("(example.com)", 1),
        ("https://en.wikipedia.org/wiki/A_(b)", 1),
        ("Test https://test.com test https://test.com test.com test", 3),
        ("http://münchen.de/", 1),
        ("readme.md", 1),
        ("詳細https://example.com日本", 1),
        ("example.рф", 1),
        ("foo_bar.example.com", 1),
        ("foo_bar.com", 0),
        ("node.js", 0),
        ("someone@example.com", 0),
        ("@example.com", 0),
        ("3.14 e.g. i.e.", 0),
        ("ftp://nothing", 0),
        ("https://localhost/x", 0),
    ],
)
def test_every_link_weighs_twenty_three(text: str, found: int) -> None:
    spans = links(text)
    assert len(spans) == found
    rest = text
    for start, end in reversed(spans):
        rest = rest[:start] + rest[end:]
    assert weighted_length(text) == weighted_length(rest) + 23 * found


@pytest.mark.parametrize(
    ("text", "link"),
    [
        ("See https://example.com/a, then", "https://example.com/a"),
        ("End https://example.com/a.", "https://example.com/a"),
        ("(https://example.com/a)", "https://example.com/a"),
        ("http://foo.com.notatld/x", "http://foo.com"),
        ("example.com/päth?x=1!", "example.com/päth?x=1"),
        ("https://example.com:8080/a", "https://example.com:8080/a"),
        ("https://t.co/abc.def", "https://t.co/abc"),
        ("éexample.com", "éexample.com"),
    ],
)
def test_a_link_ends_before_what_closes_the_sentence(text: str, link: str) -> None:
    ((start, end),) = links(text)
    assert text[start:end] == link


@pytest.mark.parametrize(
    "text", ["example.com#tag", "#http://x", "@ñ", "@annaé", "$TOOLONGTAG", "a#b"]
)
def test_what_touches_something_else_is_no_tag(text: str) -> None:
    assert {kind for kind, _ in pieces(text)} <= {"text", "link"}


def test_pieces_are_what_readers_can_press() -> None:
    text = "Hi @ann, #Café and $TSLA at example.com/x?a=1 #1 #1st a@b.com &#39;"
    found = pieces(text)
    assert "".join(part for _, part in found) == text
    assert [piece for piece in found if piece[0] != "text"] == [
        ("mention", "@ann"),
        ("hashtag", "#Café"),
        ("cashtag", "$TSLA"),
        ("link", "example.com/x?a=1"),
        ("hashtag", "#1st"),
    ]


@pytest.mark.parametrize(
    "text", ["a." * 12_000, "example.com/" + "(a" * 12_000, "https://" + "a-" * 12_000, "👨‍" * 8000]
)
def test_counting_takes_no_longer_than_the_text(text: str) -> None:
    """Seconds of the processor, and far more of them than needed: only an explosion fails."""
    start = time.process_time()
    weighted_length(text)
    assert time.process_time() - start < 20

"""LinkedIn's little text, read the way its readers would see it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.sandbox.linkedin.little_text import RESERVED, ReadText, read

texts = st.text(st.one_of(st.sampled_from(sorted(RESERVED)), st.characters(codec="utf-8")))


def seen(commentary: str) -> ReadText:
    names = {"urn:li:organization:77": "Harbour Bakery"}
    return read(commentary, names.get)


def escaped(text: str) -> str:
    return "".join(f"\\{character}" if character in RESERVED else character for character in text)


@given(texts)
def test_escaped_text_is_shown_exactly_as_written(text: str) -> None:
    result = seen(escaped(text))
    assert (result.visible, result.defects) == (text, [])
    assert result.length == len(text)


@given(texts)
def test_what_is_shown_is_never_more_than_what_came(text: str) -> None:
    result = seen(text)
    assert len(result.visible) <= len(text)
    assert result.length >= len(result.visible)
    assert len(result.defects) <= 1


@given(texts, texts)
def test_text_before_a_defect_stays(before: str, after: str) -> None:
    result = seen(escaped(before) + "(" + escaped(after))
    assert result.visible == before
    assert "unescaped '('" in result.defects[0]


@pytest.mark.parametrize(
    ("commentary", "visible", "pieces"),
    [
        (
            "#one and #zwei2",
            "#one and #zwei2",
            [("hashtag", "#one"), ("text", " and "), ("hashtag", "#zwei2")],
        ),
        (r"{hashtag|\#|word}", "#word", [("hashtag", "#word")]),
        (r"{hashtag|\#|two\_words}", "#two_words", [("hashtag", "#two_words")]),
        (r"\#none", "#none", [("text", "#none")]),
        (
            "#日本語 #हिन्दी",
            "#日本語 #हिन्दी",
            [("hashtag", "#日本語"), ("text", " "), ("hashtag", "#हिन्दी")],
        ),
        ("@[Amy](urn:li:person:abc) hi", "Amy hi", [("mention", "Amy"), ("text", " hi")]),
        (r"@[A \(B\)](urn:li:person:abc)", "A (B)", [("mention", "A (B)")]),
        (
            "@[Harbour Bakery](urn:li:organization:77)",
            "Harbour Bakery",
            [("mention", "Harbour Bakery")],
        ),
        (
            "@[harbour bakery](urn:li:organization:77)",
            "harbour bakery",
            [("text", "harbour bakery")],
        ),
        ("line\n\nline", "line\n\nline", [("text", "line\n\nline")]),
        ("", "", []),
    ],
)
def test_markup_is_shown_as_what_it_means(
    commentary: str, visible: str, pieces: list[tuple[str, str]]
) -> None:
    result = seen(commentary)
    assert (result.visible, result.pieces, result.defects) == (visible, pieces, [])


@pytest.mark.parametrize(
    ("commentary", "visible"),
    [
        ("#snake_case", "#snake"),
        ("# alone", ""),
        ("mail a@b.example", "mail a"),
        ("{hashtag|#|word}", ""),
        ("@[Amy](urn:li:share:1)", ""),
        ("@[A (B)](urn:li:person:abc)", ""),
        ("ends with \\", "ends with "),
        (r"C:\new", "C:"),
    ],
)
def test_markup_that_is_not_right_cuts_the_text(commentary: str, visible: str) -> None:
    result = seen(commentary)
    assert result.visible == visible
    assert len(result.defects) == 1

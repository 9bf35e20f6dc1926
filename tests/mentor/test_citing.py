"""What models are given and what they give, as text: harmless, and true to what was shown while it came."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from backend.core.citing import (
    LONGEST_ANSWER,
    MOST_CHARACTERS,
    citations,
    clean,
    numbered,
    shown,
    uncited,
)
from backend.core.retrieving import Found
from backend.core.streams import Answer, Delta, Ending, Event, polled
from backend.spaces.discretion import without_instructions
from backend.spaces.prompting import mentor_text

# what answers are made of that is looked at, in every order
PARTS = st.lists(st.sampled_from([*"![]()<>/? ,;123\n", "[1]", "[2, 9]", "![x](y)", "<b>", "\u200b", "ab", "\ud800"]), max_size=30).map("".join)  # fmt: skip
GIVEN = {1, 2}


def found(number: int, text: str = "Text.", **more: str) -> Found:
    usual = {
        "title": f"Title {number}",
        "url": f"https://news.example/{number}",
        "snippet": "«Text».",
    }
    return Found(number=number, kind="source_item", id=f"id-{number}", text=text, **(usual | more))


@given(PARTS)
@example("<!")
@example("<![1]")
def test_what_was_shown_stays_as_an_answer_grows(raw: str) -> None:
    before = ""
    for end in range(len(raw) + 1):
        now = shown(raw[:end], GIVEN, ended=False)
        assert now.startswith(before)
        before = now
    assert shown(raw, GIVEN, ended=True).startswith(before)


@given(PARTS)
def test_nothing_that_acts_is_shown(raw: str) -> None:
    text = shown(raw, GIVEN, ended=True)
    assert "![" not in text
    assert not re.search(r"<[A-Za-z/!?]", text)
    assert not {int(n) for n in re.findall(r"\[(\d)\]", text)} - GIVEN
    assert text == clean(text)


@given(st.integers(0, 10), PARTS)
def test_instructions_are_held_back_while_they_come(place: int, around: str) -> None:
    told = mentor_text(None)
    raw = f"{around[:place]}{told}{around[place:]}"
    before = ""
    for end in range(0, len(raw) + 1, 3):
        now = without_instructions(raw[:end], None, ended=False)
        assert now.startswith(before)
        before = now
    text = without_instructions(raw, None, ended=True)
    assert text.startswith(before)
    assert "You are the mentor" not in text


def test_no_answer_is_longer_than_its_row_holds() -> None:
    for ended in (False, True):
        assert len(shown("[1](x)" * 20_000, GIVEN, ended=ended)) == LONGEST_ANSWER


def test_passages_are_numbered_cleaned_and_bounded() -> None:
    many = [found(n, "x" * 3000 + "\u202e", title=f"A\n title {n}\u200b") for n in range(1, 12)]
    passages = numbered(many)
    assert [passage.number for passage in passages] == [*range(1, len(passages) + 1)]
    assert passages[0].title == "A title 1"
    assert sum(len(passage.text) for passage in passages) == MOST_CHARACTERS
    assert not any("\u202e" in passage.text for passage in passages)


def test_a_passage_that_nobody_sees_hides_no_other() -> None:
    two = [found(1, "\u200b\u2060"), found(2, "Twelve bridges.")]
    passages = numbered(two)
    assert [passage.text for passage in passages] == ["", "Twelve bridges."]
    assert [one["id"] for one in citations("[2]", two, passages)] == ["id-2"]


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("https://medium.example/@user/a_(b)", "https://medium.example/@user/a_%28b%29"),
        ("https://user:pw@news.example/", None),
        ("javascript:alert(1)", None),
        ("https://news.example/a b", None),
        ("https://[", None),
        (f"https://news.example/{'(' * 700}", None),
        (f"https://news.example/{'ж' * 1000}", None),
        (None, None),
    ],
)
def test_addresses_are_plain_or_left_out(url: str | None, kept: str | None) -> None:
    one = Found(1, "post", "id", "Title", url, "Text.", "")
    assert numbered([one])[0].url == kept


def test_only_what_is_cited_is_a_citation() -> None:
    three = [found(1), found(2), found(3)]
    cited = citations("First [3], then [ 1; 3 ], and [?].", three, numbered(three))
    assert [(one["number"], one["id"]) for one in cited] == [(1, "id-1"), (3, "id-3")]
    assert set(cited[0]) == {"number", "kind", "id", "title", "url", "snippet"}


def test_citations_are_taken_out_with_the_space_before_them() -> None:
    assert uncited("Twelve bridges [1, ?]. And [2][3] more[4].") == "Twelve bridges. And more."


def read(events: list[Event]) -> str:
    text = ""
    for event in events:
        if isinstance(event, Delta):
            text = event.text if event.anew else text + event.text
    return text


def test_a_space_that_takes_back_what_it_said_is_followed_anew() -> None:
    answer = Answer("m", "u", 1)
    answer.show("Thinking…")
    events = answer.follow(0, 0.01)
    assert next(events) == Delta("Thinking…", 9)
    answer.show("Twelve.")
    assert next(events) == Delta("Twelve.", 7, anew=True)
    answer.end(Ending("complete", "Twelve."))
    assert [*events] == [Ending("complete", "Twelve.")]


@given(st.text(max_size=20), st.integers(0, 25))
def test_a_reader_gets_what_is_missing_wherever_it_was(text: str, seen: int) -> None:
    row: dict[str, Any] = {
        "text": text,
        "state": "complete",
        "citations": [],
        "error_class": None,
        "error": None,
    }
    answer = Answer("m", "u", 1)
    answer.end(Ending("complete", text))
    for events in ([*answer.follow(seen, 1)], [*polled(lambda: row, seen, 1, 0)]):
        assert events[-1] == Ending("complete", text)
        assert read(events) == text[seen:]


def test_a_process_that_knows_less_than_the_reader_catches_up_first() -> None:
    texts = iter(["", "Twelve", "Twelve bri", "Twelve bridges."])
    states = iter(["streaming"] * 3 + ["complete"])
    ends: dict[str, Any] = {"citations": [], "error_class": None, "error": None}
    events = [*polled(lambda: {"text": next(texts), "state": next(states), **ends}, 8, 9, 0)]
    assert read(events) == "ridges."

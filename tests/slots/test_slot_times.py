"""Weekly times as people write them."""

from __future__ import annotations

from contextlib import suppress
from datetime import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.core.errors import InvalidInput
from backend.core.slot_times import WEEKDAYS, SlotTime, parse_when


@pytest.mark.parametrize(
    ("text", "weekday", "at"),
    [
        ("Monday 18:00", 1, "18:00"),
        ("monday at 6 pm", 1, "18:00"),
        ("  TUE   6:30pm ", 2, "18:30"),
        ("Wed, 9:05", 3, "09:05"),
        ("thu. 12 am", 4, "00:00"),
        ("Friday noon", 5, "12:00"),
        ("Saturday 12 p.m.", 6, "12:00"),
        ("sun 00:00", 7, "00:00"),
        ("lundi 18h", 1, "18:00"),
        ("Mardi à 18h30", 2, "18:30"),
        ("mer 8 h 05", 3, "08:05"),
        ("jeu. 18.45", 4, "18:45"),
        ("VENDREDI midi", 5, "12:00"),
        ("sam 23:59", 6, "23:59"),
        ("dimanche 7:00", 7, "07:00"),
    ],
)
def test_what_is_understood(text: str, weekday: int, at: str) -> None:
    assert parse_when(text) == SlotTime(weekday, time.fromisoformat(at))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "cannot be read"),
        ("18:00", "cannot be read"),
        ("Monday", "cannot be read"),
        ("Monday 18", "cannot be read"),
        ("Monday soon", "cannot be read"),
        ("Monday 18:0", "cannot be read"),
        ("Monday 18:00:00", "cannot be read"),
        ("Moonday 18:00", '"Moonday" is not a weekday'),
        ("Mond 18:00", "not a weekday"),
        ("Monday 24:00", "not a time of day"),
        ("lundi 25h", "not a time of day"),
        ("Monday 18:60", "not a time of day"),
        ("Monday 13 pm", "the hour is 1 to 12"),
        ("Monday 0 am", "the hour is 1 to 12"),
        ("Monday midnight", "end of one day and the start of another"),
        ("Monday ١٨:٠٠", "cannot be read"),
    ],
)
def test_what_is_refused_names_the_field_and_what_to_write(text: str, words: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        parse_when(text)
    assert words in str(refused.value)
    assert [problem.field for problem in refused.value.problems] == ["when"]


@given(st.integers(1, 7), st.times().map(lambda at: at.replace(second=0, microsecond=0)))
def test_what_is_shown_is_understood(weekday: int, at: time) -> None:
    slot_time = SlotTime(weekday, at)
    assert parse_when(str(slot_time)) == slot_time
    assert str(slot_time).startswith(WEEKDAYS[weekday - 1])


@given(st.text(max_size=40))
def test_any_text_is_understood_or_refused(text: str) -> None:
    with suppress(InvalidInput):
        assert 1 <= parse_when(text).weekday <= 7

"""What is kept of a text that is too long, and that nothing readers see as one letter is ever cut."""

from __future__ import annotations

import time

import pytest
import regex
from hypothesis import given
from hypothesis import strategies as st

from backend.core.fitting_text import Limits
from backend.platforms import PLATFORMS
from backend.platforms.ruler import Ruler
from backend.platforms.x_text import weighted_length

FAMILY = "👨‍👩‍👧‍👦"


RULER = Ruler(PLATFORMS, weighted_length)


def limits(**longest: int) -> Limits:
    return Limits(longest, RULER)


def test_what_fits_is_left_as_it_is() -> None:
    kept = limits(linkedin=5).trim("Hello")
    assert (kept.text, kept.how) == ("Hello", "")


CUTS = {
    "the last sentence that fits": ("One two three. Four five. Six seven.", 30, "One two three. Four five."),
    "a question": ("Is it one? Is it two? Is it three or four?", 25, "Is it one? Is it two?"),
    "a quoted end": ("He said “one two three.” Then he went on and on.", 30, "He said “one two three.”"),
    "a line end": ("A title without a point\nAnd then much more text", 30, "A title without a point"),
    "no full stop inside a number": ("It costs 3.5 million euros a year", 20, "It costs 3.5…"),
    "no title of a person": ("Thanks to Dr. Martin and her colleagues", 21, "Thanks to Dr. Martin…"),
    "no initial": ("Written by J. R. Smith of London", 20, "Written by J. R.…"),
    "a short first sentence is not all": ("Wow! Twelve bridges were renovated by the city", 30, "Wow! Twelve bridges were…"),
    "the last word": ("Twelve bridges were renovated", 20, "Twelve bridges were…"),
    "no comma before the dots": ("Twelve bridges, two towers", 18, "Twelve bridges…"),
    "a single word": ("a" * 50, 10, "a" * 9 + "…"),
    "no spaces": ("里昂今年修复了十二座桥梁", 6, "里昂今年修…"),
    "a Chinese sentence": ("里昂今年修复了。十二座桥梁开放了。", 10, "里昂今年修复了。"),
}  # fmt: skip


@pytest.mark.parametrize(("text", "most", "kept"), CUTS.values(), ids=CUTS.keys())
def test_it_is_cut_at(text: str, most: int, kept: str) -> None:
    assert limits(linkedin=most).trim(text).text == kept


def test_hashtags_and_links_at_the_end_stay() -> None:
    text = "One two three. Four five six seven eight.\n\nhttps://a.example/b\n\n#Bridges #Lyon"
    kept = limits(linkedin=60).trim(text)
    assert kept.text == "One two three.\n\nhttps://a.example/b\n\n#Bridges #Lyon"
    assert "were kept" in kept.how


def test_links_stay_before_hashtags_do() -> None:
    text = "One two three. Four five six.\n\nhttps://a.example/b\n\n#Bridges #Lyon #Construction"
    kept = limits(linkedin=40).trim(text)
    assert kept.text == "One two three.\n\nhttps://a.example/b"
    assert "the hashtags not" in kept.how


def test_what_leaves_no_room_for_a_word_goes() -> None:
    kept = limits(linkedin=20).trim("One two three four five. #" + "a" * 18)
    assert kept.text == "One two three four…"
    assert "left out" in kept.how


def test_a_text_of_hashtags_alone_is_cut_between_them() -> None:
    assert limits(linkedin=20).trim("#one #two #three #four #five").text == "#one #two #three…"


def test_every_platform_counts_in_its_own_way() -> None:
    text = "里昂今年修复了十二座桥梁。" * 20
    kept = limits(linkedin=200, x=100).trim(text).text
    assert weighted_length(kept) <= 100
    room = limits(linkedin=200, x=100).tightest(kept)
    assert (room.platform, room.longest) == ("x", 100)


def test_a_family_stays_together() -> None:
    kept = limits(tiktok=25).trim(FAMILY * 5).text
    assert kept == FAMILY * 2 + "…"


LETTERS = st.sampled_from(["a", "b ", "c. ", "D! ", "\n", " ", FAMILY, "é", "🇫🇷", "#tag ", "https://a.example/b ", "里", "。", "…", "\u0301", "\u200d"])  # fmt: skip


@given(st.lists(LETTERS, max_size=60).map("".join), st.integers(1, 40), st.sampled_from(["x", "tiktok", "linkedin"]))  # fmt: skip
def test_it_always_fits_and_cuts_no_letter(text: str, most: int, platform: str) -> None:
    most = max(most, 23 if platform == "x" else 1)
    one = limits(**{platform: most})
    kept = one.trim(text)
    assert one.fits(kept.text)
    assert bool(kept.how) == (not one.fits(text))
    seen, given_ = (set(regex.findall(r"\X", one_text)) for one_text in (kept.text, text))
    assert seen - given_ <= {"…", "\n", " "}, "a letter that was not there"


@given(st.text(max_size=200), st.integers(5, 60))
def test_any_text_can_be_made_to_fit(text: str, most: int) -> None:
    one = limits(tiktok=most, linkedin=most)
    assert one.fits(one.trim(text).text)


def test_a_very_long_text_takes_no_time_to_speak_of() -> None:
    text = "The city renovated twelve bridges, and it was good. " * 2000
    counted = 0

    class Counting(Ruler):
        def length(self, platform: str, text: str) -> int:
            nonlocal counted
            counted += 1
            return super().length(platform, text)

    kept = Limits({"x": 280}, Counting(PLATFORMS, weighted_length)).trim(text)
    assert RULER.length("x", kept.text) <= 280
    assert counted < 200, "it looks at a few cuts, not at all of them"


@pytest.mark.parametrize(
    "round_and_round", ["." * 30_000 + "b", "#a " * 10_000 + "b", " " * 30_000 + "b"]
)
def test_a_text_that_goes_round_in_circles_takes_no_time_either(round_and_round: str) -> None:
    one = limits(linkedin=280)
    begun = time.thread_time()
    kept = one.trim("Bridges! " + round_and_round)
    assert (
        time.thread_time() - begun < 5
    )  # looked at from each of its places, it would take a minute
    assert one.fits(kept.text)

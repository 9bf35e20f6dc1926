"""What of a text is read aloud."""

from __future__ import annotations

import time

import pytest

from backend.core.aloud import read_aloud

CASES = {
    "plain words stay as they are": ("Twelve bridges, 3 of them new.", "Twelve bridges, 3 of them new."),
    "a citation is left out": ("Twelve bridges [1].", "Twelve bridges."),
    "several citations": ("Bridges [1, 2] and towers [3][4]!", "Bridges and towers!"),
    "a citation of what was not given": ("Bridges [?] and towers [1, ?].", "Bridges and towers."),
    "a citation with an address": ("Bridges [1](https://a.example/x).", "Bridges."),
    "a year in brackets is no citation": ("[2024] was dry.", "[2024] was dry."),
    "a word in brackets stays": ("He said [sic] so.", "He said [sic] so."),
    "an address is left out": ("Read https://a.example/b?c=d#e today.", "Read today."),
    "an address at the end": ("More at https://a.example/b.", "More at."),
    "an address in parentheses": ("The bridge (https://a.example) is open.", "The bridge is open."),
    "an address without a scheme": ("See www.a.example/b, please", "See, please"),
    "a link keeps its words": ("See [the *old* bridge](https://a.example).", "See the old bridge."),
    "a picture keeps its description": ("![A bridge](https://a.example/b.png)", "A bridge"),
    "a hashtag loses its sign": ("#Bridges and #été2024", "Bridges and été2024"),
    "a number sign within a word stays": ("C# is a language", "C# is a language"),
    "headings": ("# Bridges\n\nText", "Bridges\n\nText"),
    "bold, italics, code, struck": ("**One** *two* `three` ~~four~~ __five__ _six_", "One two three four five six"),
    "an underscore within a name stays": ("snake_case_name", "snake_case_name"),
    "a multiplication stays": ("2 * 3 * 4", "2 * 3 * 4"),
    "bullets": ("- one\n* two\n• three", "one\ntwo\nthree"),
    "a quotation": ("> said\n>> again", "said\nagain"),
    "code keeps its lines": ("```python\nx = 1\n```", "x = 1"),
    "a rule": ("One\n\n---\n\nTwo", "One\n\nTwo"),
    "a table": ("| a | b |\n|---|---|\n| 1 | 2 |", "a b\n\n1 2"),
    "nothing but signs": ("**  ** [1] https://a.example ---", ""),
    "another script": ("橋を渡る #橋", "橋を渡る 橋"),
}  # fmt: skip


@pytest.mark.parametrize(("text", "spoken"), CASES.values(), ids=CASES.keys())
def test_words_are_read_and_signs_are_not(text: str, spoken: str) -> None:
    assert read_aloud(text) == spoken


@pytest.mark.parametrize("text", [text for text, _ in CASES.values()])
def test_reading_what_was_cleaned_changes_nothing_more(text: str) -> None:
    once = read_aloud(text)
    assert read_aloud(once) == once


@pytest.mark.parametrize(
    "piece", ["*", "[", "[1", "](", "`", "_a", "|", "- ", "> ", "~~x", "![a](", "[1]", "# ", "#", "www.", " ", "-", "*a ", "_ ", "\t|", "[1 ", "- -x", "~~~"]
)  # fmt: skip
def test_a_text_made_to_be_slow_is_not(piece: str) -> None:
    text = f"{piece * (60_000 // len(piece))}x"
    began = time.process_time()
    read_aloud(text)
    assert time.process_time() - began < 5, "quadratic: this text takes more than linear time"

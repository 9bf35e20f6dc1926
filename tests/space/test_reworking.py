"""Reworked drafts and variants, in process."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.space.drafting import SIGNATURE, Article, draft, length, split_sentences
from local.space.reworking import rework

ARTICLE = Article(
    "Lyon renews its bridges",
    "The city of Lyon renovated twelve bridges in 2024. The work cost thirty million euros, ten percent less than "
    "planned. Cyclists now have a lane of their own on every renovated bridge. The mayor announced that two more "
    "bridges follow next year.",
    "https://news.example/bridges",
)
SENTENCES = split_sentences(ARTICLE.text)


def drafted(variant: int = 1, max_length: int = 3000) -> str:
    return draft(
        ARTICLE, platform="linkedin", tone=None, language=None, max_length=max_length, variant=variant
    )  # fmt: skip


def reworked(instruction: str, text: str | None = None, **wanted: object) -> str:
    usual = {"platform": "linkedin", "tone": None, "language": None, "max_length": 3000}
    return rework(text or drafted(), instruction=instruction, **{**usual, **wanted})


def sentences_in(text: str) -> int:
    return sum(sentence in text for sentence in SENTENCES)


@pytest.mark.parametrize("instruction", ["shorter", "Make it more concise", "plus court, svp"])
def test_shorter_leaves_sentences_out(instruction):
    assert 1 <= sentences_in(reworked(instruction)) < sentences_in(drafted())
    assert length(reworked(instruction)) < length(drafted())


def test_longer_adds_no_facts_but_says_again_what_counts():
    text = reworked("longer")
    assert length(text) > length(drafted())
    assert "To remember: " in text
    assert sentences_in(text) == sentences_in(drafted())


@pytest.mark.parametrize("instruction", ["warmer", "Friendlier please", "plus amical"])
def test_warmer_changes_how_it_opens_and_what_it_asks(instruction):
    text = reworked(instruction)
    assert text.startswith("Something worth sharing today: Lyon renews its bridges")
    assert "I would love to hear." in text
    assert "What is your experience" not in text
    assert sentences_in(text) == sentences_in(drafted())


def test_a_second_tone_takes_the_place_of_the_first():
    text = reworked("enthusiastic", reworked("warmer"))
    assert text.startswith("This one made my day! Lyon renews its bridges")
    assert "I would love to hear." not in text


@pytest.mark.parametrize("instruction", ["in French", "en français"])
def test_in_french_it_keeps_the_sentences_and_says_that_it_cannot_translate(instruction):
    text = reworked(instruction)
    assert "Quelle est votre expérience" in text
    assert "ne sait pas traduire" in text
    assert sentences_in(text) == sentences_in(drafted())
    assert reworked("in English", text).count("cannot translate") == 0, "it is in English already"


def test_a_language_without_set_phrases_is_owned_up_to():
    assert "cannot translate" in reworked("in German")


@pytest.mark.parametrize("limit", [90, 150, 200, 280])
def test_at_most_so_many_characters_is_obeyed(limit):
    text = reworked(f"at most {limit} characters")
    assert length(text) <= limit
    assert text.startswith("Lyon renews")


def test_an_instruction_that_it_does_not_know_is_not_passed_over_in_silence():
    text = reworked("write it as a pirate would")
    assert "only knows: shorter, longer, warmer" in text
    assert sentences_in(text) == sentences_in(drafted())


def test_several_wishes_at_once():
    text = reworked("shorter and warmer, at most 250 characters")
    assert text.startswith("Something worth sharing")
    assert length(text) <= 250


def test_a_reworked_draft_says_once_what_wrote_it():
    assert reworked("warmer", reworked("shorter")).count(SIGNATURE) == 1


def test_variants_open_in_different_ways_and_tell_different_things():
    variants = [drafted(variant) for variant in range(1, 6)]
    assert len({text.splitlines()[0] for text in variants}) == 5
    told = [tuple(sentence in text for sentence in SENTENCES) for text in variants[:3]]
    assert len(set(told)) == 3
    assert variants == [drafted(variant) for variant in range(1, 6)]


def test_variants_of_a_rework_differ_as_well():
    assert len({reworked("shorter", variant=number) for number in (1, 2, 3)}) == 3


def test_even_short_variants_differ():
    assert len({drafted(variant, max_length=120) for variant in (1, 2, 3)}) == 3


@given(
    text=st.text(min_size=1, max_size=900),
    instruction=st.text(max_size=60)
    | st.sampled_from(["shorter", "longer", "warmer", "in French", "at most 80 characters"]),
    max_length=st.integers(1, 900),
    variant=st.integers(1, 10),
)
def test_a_reworked_draft_is_never_longer_than_asked(text, instruction, max_length, variant):
    made = reworked(instruction, text, max_length=max_length, variant=variant)
    assert length(made) <= max_length

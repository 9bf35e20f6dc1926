"""Drafting by extraction and the card, in process."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.space.card import SIZE, render_card
from local.space.drafting import SIGNATURE, Article, draft, length, split_sentences

LYON = Article(
    "Lyon rénove ses ponts",
    "La ville de Lyon a rénové douze ponts en 2024. Les travaux ont coûté trente millions d'euros, soit dix pour "
    "cent de moins que prévu. Les cyclistes disposent maintenant d'une voie sur chaque pont rénové. "
    "Le maire annonce deux autres ponts pour l'année prochaine.",
    "https://presse.example/ponts",
)


def drafted(article: Article = LYON, **wanted: object) -> str:
    usual = {"platform": "linkedin", "tone": None, "language": None, "max_length": 3000}
    return draft(article, **{**usual, **wanted})


@given(
    title=st.text(max_size=300),
    text=st.text(max_size=1500),
    url=st.none() | st.text(max_size=100),
    max_length=st.integers(1, 1200),
    tone=st.sampled_from([None, "warm", "direct", "enthusiastic", "x"]),
    language=st.sampled_from([None, "fr", "en", "de"]),
)
def test_a_draft_is_never_longer_than_asked(title, text, url, max_length, tone, language):
    made = drafted(Article(title, text, url), tone=tone, language=language, max_length=max_length)
    assert length(made) <= max_length
    assert len(made) <= max_length


@pytest.mark.parametrize("max_length", [60, 280, 500, 3000])
def test_a_draft_says_what_wrote_it_whenever_that_fits(max_length):
    assert drafted(max_length=max_length).endswith(SIGNATURE)


def test_a_french_article_gets_a_french_draft_without_being_told():
    assert "Quelle est votre expérience" in drafted()
    assert "What is your experience" in drafted(language="en")


def test_the_tone_changes_the_words():
    assert len({drafted(tone=tone) for tone in (None, "warm", "enthusiastic", "direct")}) == 4


def test_the_sentences_keep_the_order_of_the_article():
    text = drafted()
    places = [text.find(sentence) for sentence in split_sentences(LYON.text)]
    used = [place for place in places if place >= 0]
    assert len(used) == 3
    assert used == sorted(used)


def test_x_gets_a_short_draft_with_few_hashtags():
    text = drafted(platform="x", max_length=280)
    assert length(text) <= 280
    assert 1 <= text.count("#") <= 2


def test_the_same_article_gives_the_same_draft():
    assert drafted() == drafted()


@pytest.mark.parametrize(
    "title",
    [
        "",
        "Bridges",
        "word " * 200,
        "x" * 900,
        "日本語の題名" * 30,
        "שלום עולם",
        "مرحبا",
        "👩‍👩‍👧 🎉",
        "a\x00b\nc",
        "\ud83d",
    ],
)
def test_a_card_is_drawn_for_any_title(title):
    card = render_card(title)
    assert (card.size, card.mode) == (SIZE, "RGB")
    assert len(card.getcolors(1_000_000)) > 2, "something is written on it"


def test_the_same_title_gives_the_same_bytes():
    def png(title: str) -> bytes:
        buffer = io.BytesIO()
        render_card(title).save(buffer, "PNG")
        return buffer.getvalue()

    assert png("Lyon") == png("Lyon")
    assert png("Lyon") != png("Paris")

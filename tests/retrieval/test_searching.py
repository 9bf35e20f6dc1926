"""Questions as people ask them: which passages come, in which order, and whose."""

from __future__ import annotations

import json

import pytest

from backend.core.indexing import Indexer
from backend.core.models import Turn
from backend.core.retrieving import TOTAL_CHARACTERS, Retriever

from .readers import Database, Reader


def titles(reader: Reader, query: str) -> list[str]:
    """The titles of what is found, best first."""
    return [found["title"] for found in reader.finds(query)]


def test_only_ones_own_passages_are_found(reader: Reader, other: Reader, indexer: Indexer) -> None:
    mine = reader.reads("Marmots", "They whistle.")
    theirs = other.reads("Marmots", "They whistle louder.")
    indexer.run()
    assert [found["id"] for found in reader.finds("marmots")] == [mine]
    assert [found["id"] for found in other.finds("marmots")] == [theirs]
    assert len(reader.passages()) == 1


def test_another_owners_lexeme_in_a_question_opens_nothing(
    reader: Reader, other: Reader, indexer: Indexer
) -> None:
    other.reads("Marmots", "They whistle.")
    indexer.run()
    assert reader.finds(f"owner:{other.person.id}") == []
    assert reader.finds(f"'owner:{other.person.id}' | marmots") == []


@pytest.mark.parametrize(
    ("text", "question"),
    [
        ("The batteries were charged overnight.", "How do I charge a battery?"),
        ("Les batteries sont rechargées pendant la nuit.", "Comment recharger une batterie ?"),
        ("Die Batterien werden über Nacht geladen.", "Wann lädt man die Batterie?"),
        ("L'électricité coûte moins cher la nuit.", "prix de l'electricite"),
        ("Das Geschäft öffnet um neun Uhr.", "Geschäfte"),
    ],
)
def test_words_are_found_in_other_forms_by_the_rules_of_their_language(
    reader: Reader, indexer: Indexer, text: str, question: str
) -> None:
    reader.reads("Title", text)
    indexer.run()
    assert [found["text"] for found in reader.finds(question)] == [text]


@pytest.mark.parametrize(
    ("text", "question"),
    [
        ("里昂市在2025年翻修了十二座桥梁。", "桥梁"),
        ("里昂市在2025年翻修了十二座桥梁。", "哪个城市翻修了桥梁？"),
        ("リヨン市は十二の橋を改修した。", "橋"),
        ("OpenAIは新しいモデルを発表した。", "openai"),
        ("리옹시는 다리를 보수했다.", "다리가 몇 개입니까?"),
        ("เมืองลียงซ่อมแซมสะพานสิบสองแห่ง", "สะพาน"),
        ("Город Лион отремонтировал двенадцать мостов.", "какие мосты"),
        ("جددت مدينة ليون الجسور الاثني عشر.", "الجسور"),
        ("Η Λυών ανακαίνισε δώδεκα γέφυρες.", "γέφυρα"),
    ],
)
def test_words_are_found_in_every_script(
    reader: Reader, indexer: Indexer, text: str, question: str
) -> None:
    reader.reads("一", text)
    reader.reads("二", "東京的天气很好。今日は晴れです。날씨가 좋다. อากาศดี Погода. الطقس. Καιρός.")
    indexer.run()
    assert [found["text"] for found in reader.finds(question)][:1] == [text]


def test_names_are_found_whatever_language_surrounds_them(reader: Reader, indexer: Indexer) -> None:
    reader.reads(
        "Une boulangère", "À Rennes, Camille Le Goff cuit son pain l'après-midi seulement."
    )
    reader.reads("Bread", "Bakers get up early. Their bread is baked by six.")
    indexer.run()
    assert titles(reader, "What does Camille Le Goff do differently?")[0] == "Une boulangère"


def test_words_that_every_question_has_find_nothing(reader: Reader, indexer: Indexer) -> None:
    reader.reads("Habits", "What is the thing that you do when it is there?")
    indexer.run()
    assert reader.finds("What is the best recipe of Kyoto?") == []


def test_a_question_of_such_words_only_is_taken_by_its_words(
    reader: Reader, indexer: Indexer
) -> None:
    reader.reads("The Who", "The Who played in Leeds.")
    indexer.run()
    assert titles(reader, "the who") == ["The Who"]


def test_a_rare_word_weighs_more_than_common_ones(reader: Reader, indexer: Indexer) -> None:
    for number in range(8):
        reader.reads(f"Coffee {number}", "Coffee and water, water and coffee, all day long.")
    reader.reads("Kopi luwak", "A civet eats the cherries.")
    indexer.run()
    assert titles(reader, "coffee water civet")[0] == "Kopi luwak"


def test_a_title_that_is_asked_for_comes_first(reader: Reader, indexer: Indexer) -> None:
    reader.reads("Begin with the attic", "Warm air rises.")
    reader.reads("Warmth", "Begin in the attic. The attic, the attic! Warm attics begin well.")
    indexer.run()
    assert titles(reader, "begin with the attic")[0] == "Begin with the attic"


def test_of_two_that_fit_equally_the_newer_comes_first(reader: Reader, indexer: Indexer) -> None:
    reader.reads("Marmots", "They whistle.", published="2026-01-01")
    newer = reader.reads("Marmots", "They whistle.", published="2026-10-01")
    reader.reads("Marmots", "They whistle.", published="2026-05-01")
    indexer.run()
    assert reader.finds("whistle")[0]["id"] == newer


def test_one_article_gives_two_passages_at_most(reader: Reader, indexer: Indexer) -> None:
    reader.reads("Lighthouses", "\n\n".join(f"Lighthouse {n}. " + "Its lamp turns. " * 60 for n in range(6)))  # fmt: skip
    small = reader.reads("Lamps", "A lamp of a lighthouse.")
    indexer.run()
    found = [one["id"] for one in reader.finds("lighthouse lamp")]
    assert len(found) == 3
    assert small in found


@pytest.mark.parametrize(
    "query",
    ["", "   ", "'", '"', "!!!", "& | !", "\\", "a'b\\c:*", "(", "owner:", "x" * 50_000, "a " * 9_000, None, "\u0301"],
)  # fmt: skip
def test_a_search_takes_whatever_people_type(
    reader: Reader, indexer: Indexer, query: str | None
) -> None:
    reader.reads("Marmots", "They whistle.")
    indexer.run()
    answer = reader.person.rpc("search_passages", query=query)
    assert (answer.status_code, answer.json()) == (200, [])


@pytest.mark.parametrize(("take", "count"), [(-5, 1), (0, 1), (3, 3), (1000, 20)])
def test_nobody_gets_more_than_twenty(
    reader: Reader, indexer: Indexer, take: int, count: int
) -> None:
    for number in range(25):
        reader.reads(f"Marmots {number}", "They whistle.")
    indexer.run()
    assert len(reader.finds("marmots", take=take)) == count


def test_a_short_question_is_read_with_the_one_before(reader: Reader, indexer: Indexer) -> None:
    reader.reads("Marmots", "They whistle when an eagle comes near.")
    indexer.run()
    turns = [Turn("user", "What do marmots do?"), Turn("assistant", "They whistle [1].")]
    assert [found.title for found in Retriever().find(reader.store, "And why?", turns)] == ["Marmots"]  # fmt: skip
    assert Retriever().find(reader.store, "And why?") == []


@pytest.mark.parametrize(
    "question",
    [
        "What did my other article say about growing tomatoes in winter?",
        "我的另一篇文章是怎么说冬天种西红柿的？",
    ],
)
def test_a_long_question_is_read_alone(reader: Reader, indexer: Indexer, question: str) -> None:
    reader.reads("Marmots", "They whistle.")
    indexer.run()
    turns = [Turn("user", "What do marmots do?")]
    assert Retriever().find(reader.store, question, turns) == []


def test_what_is_found_is_numbered_and_bounded(reader: Reader, indexer: Indexer) -> None:
    for number in range(12):
        reader.reads(f"Marmots {number}", "Marmots whistle on the mountain all day. " * 29)
    indexer.run()
    found = Retriever().find(reader.store, "Why do marmots whistle?")
    assert [one.number for one in found] == list(range(1, len(found) + 1))
    assert 4 <= len(found) <= 8
    assert sum(len(one.text) for one in found) <= TOTAL_CHARACTERS


def test_a_search_among_many_reads_indexes_only(
    reader: Reader, other: Reader, indexer: Indexer, database: Database
) -> None:
    reader.reads("Marmots", "They whistle.")
    indexer.run()
    media = database.execute(
        "insert into public.media (user_id, path) values (%s, %s || '/x.pdf') returning id",
        [other.person.id, other.person.id],
    ).fetchone()
    assert media
    database.execute(
        "insert into public.passages (user_id, media_id, position, title, text, language, written_at)"
        " select %s, %s, n, 'Item', (select 'whistle ' || string_agg(md5((n * w)::text), ' ') from generate_series(1, 30) w), 'en', now()"
        " from generate_series(1, 3000) n",
        [other.person.id, media[0]],
    )
    database.execute("analyze public.passages")
    with database.transaction():
        database.execute("select set_config('request.jwt.claims', %s, true)", [json.dumps({"sub": reader.person.id})])  # fmt: skip
        database.execute("set local role authenticated")
        found = database.execute(
            "select title from public.search_passages('who whistles?')"
        ).fetchall()
        database.execute("reset role")
        counts = database.execute(
            "select seq_scan, idx_scan, idx_tup_fetch from pg_stat_xact_user_tables where relname = 'passages'"
        ).fetchone()
    assert found == [("Marmots",)]
    assert counts
    whole, by_index, rows = counts
    assert whole == 0
    assert by_index > 0
    assert rows < 100  # not one for each of the other's

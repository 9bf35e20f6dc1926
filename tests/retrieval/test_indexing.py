"""What is new or edited becomes passages; what is deleted vanishes; nothing is lost on the way."""

from __future__ import annotations

import threading

from backend.core.indexing import Indexed, Indexer, Unindexed
from backend.store import Supabase

from .readers import Database, Reader

LONG = "\n\n".join(
    f"Paragraph {number} tells of lighthouses. " + "Their lamps turn all night long. " * 12
    for number in range(9)
)


def queued(database: Database, thing: str) -> bool:
    """Whether it waits to be indexed."""
    found = database.execute("select 1 from public.indexing_queue where id = %s", [thing])
    return found.fetchone() is not None


def claim(supabase: Supabase, thing: str) -> Unindexed:
    """Take it, and whatever else waits, as a worker would."""
    return next(
        one for one in supabase.service.passages.claim_unindexed(1000, 60) if one.id == thing
    )


def passage_of(thing: Unindexed, text: str) -> Indexed:
    """One passage for it."""
    return Indexed(thing.id, thing.version, thing.title, None, "en", thing.written_at, [text])


def test_an_article_can_be_found_once_it_is_indexed(reader: Reader, indexer: Indexer) -> None:
    item = reader.reads("Marmots", "They whistle when an eagle comes near.")
    assert reader.finds("whistling marmots") == []
    indexer.run()
    (found,) = reader.finds("Who whistles?")
    assert (found["kind"], found["id"], found["title"]) == ("source_item", item, "Marmots")
    assert found["snippet"] == "They «whistle» when an eagle comes near"
    assert (found["language"], found["url"]) == ("en", "https://example.com/article")


def test_a_long_article_is_cut_into_passages_in_their_order(
    reader: Reader, indexer: Indexer
) -> None:
    reader.reads("Lighthouses", LONG)
    indexer.run()
    passages = reader.passages()
    assert [passage["position"] for passage in passages] == list(range(len(passages)))
    assert len(passages) > 3
    assert all(400 < len(passage["text"]) <= 1400 for passage in passages)
    assert " ".join(" ".join(p["text"] for p in passages).split()) == " ".join(LONG.split())


def test_a_headline_without_a_text_is_a_passage(reader: Reader, indexer: Indexer) -> None:
    reader.reads("Kraken seen off Bergen", "")
    indexer.run()
    assert [found["text"] for found in reader.finds("kraken")] == ["Kraken seen off Bergen"]


def test_an_edited_article_is_indexed_again_in_place_of_the_old(
    reader: Reader, indexer: Indexer, database: Database
) -> None:
    item = reader.reads("Marmots", "They whistle.")
    indexer.run()
    database.execute("update public.source_items set text = 'They hibernate.' where id = %s", [item])  # fmt: skip
    indexer.run()
    assert [passage["text"] for passage in reader.passages()] == ["They hibernate."]


def test_an_article_that_was_only_used_is_not_indexed_again(
    reader: Reader, indexer: Indexer, database: Database
) -> None:
    item = reader.reads("Marmots", "They whistle.")
    indexer.run()
    database.execute("update public.source_items set used_at = now() where id = %s", [item])
    assert not queued(database, item)


def test_a_deleted_article_takes_its_passages_and_its_place_in_the_queue_along(
    reader: Reader, indexer: Indexer, database: Database
) -> None:
    indexed, waiting = reader.reads("Marmots", "They whistle."), None
    indexer.run()
    waiting = reader.reads("Ibexes", "They climb.")
    database.execute("delete from public.source_items where id = any (%s)", [[indexed, waiting]])
    indexer.run()
    assert reader.passages() == []
    assert not queued(database, waiting)


def test_what_was_edited_while_a_worker_had_it_is_not_overwritten_with_the_old(
    reader: Reader, indexer: Indexer, supabase: Supabase, database: Database
) -> None:
    item = reader.reads("Marmots", "They whistle.")
    slow = claim(supabase, item)
    database.execute("update public.source_items set text = 'They hibernate.' where id = %s", [item])  # fmt: skip
    assert supabase.service.passages.store_passages([passage_of(slow, "They whistle.")]) == 0
    assert queued(database, item)
    indexer.run()
    assert supabase.service.passages.store_passages([passage_of(slow, "They whistle.")]) == 0
    assert [passage["text"] for passage in reader.passages()] == ["They hibernate."]


def test_what_was_deleted_while_a_worker_had_it_keeps_nothing_else_from_being_stored(
    reader: Reader, supabase: Supabase, database: Database
) -> None:
    gone, kept = reader.reads("Marmots", "They whistle."), reader.reads("Ibexes", "They climb.")
    waiting = {one.id: one for one in supabase.service.passages.claim_unindexed(1000, 60)}
    database.execute("delete from public.source_items where id = %s", [gone])
    stored = supabase.service.passages.store_passages(
        [passage_of(waiting[gone], "x"), passage_of(waiting[kept], "They climb.")]
    )
    assert stored == 1
    assert [passage["title"] for passage in reader.passages()] == ["Ibexes"]


def test_what_the_database_refuses_keeps_nothing_else_from_being_found(
    reader: Reader, supabase: Supabase, database: Database
) -> None:
    refused, kept = reader.reads("Kraken", "It sings."), reader.reads("Ibexes", "They climb.")

    def detect(text: str) -> str:
        return "no such code" if "Kraken" in text else "en"

    Indexer(supabase.service.passages, detect, threading.Event()).run()
    assert [passage["title"] for passage in reader.passages()] == ["Ibexes"]
    assert (queued(database, refused), queued(database, kept)) == (True, False)
    database.execute("delete from public.source_items where id = %s", [refused])


def test_each_batch_gives_way_to_what_is_more_urgent_before_it_takes_anything(
    reader: Reader, supabase: Supabase, database: Database
) -> None:
    items = [reader.reads(f"Marmots {number}", "They whistle.") for number in range(25)]
    left: list[int] = []

    def give_way() -> None:
        left.append(sum(queued(database, item) for item in items))

    stopping = threading.Event()
    Indexer(supabase.service.passages, lambda _: "en", stopping, give_way).run()
    # twenty at a time, and the look that found nothing
    assert (left[0], left[-1], len(left) >= 3) == (25, 0, True)
    assert left == sorted(left, reverse=True)


def test_what_a_dead_worker_took_comes_up_again_and_each_time_later(
    reader: Reader, supabase: Supabase, database: Database
) -> None:
    item = reader.reads("Marmots", "They whistle.")
    waits = []
    for _ in range(3):
        claim(supabase, item)
        row = database.execute(
            "select round(extract(epoch from due_at - now()))::integer from public.indexing_queue where id = %s",
            [item],
        ).fetchone()
        assert row
        waits.append(row[0])
        database.execute("update public.indexing_queue set due_at = now() where id = %s", [item])
    assert [round(wait, -1) for wait in waits] == [60, 120, 240]


def test_two_workers_never_get_the_same_article(reader: Reader, supabase: Supabase) -> None:
    for number in range(40):
        reader.reads(f"Article {number}", "text")
    taken: list[str] = []

    def work() -> None:
        while waiting := supabase.service.passages.claim_unindexed(7, 60):
            taken.extend(thing.id for thing in waiting)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(taken) == len(set(taken)) >= 40


def test_a_feed_of_hundreds_is_queued_in_one_go_and_indexed(
    reader: Reader, indexer: Indexer, database: Database
) -> None:
    database.execute(
        "insert into public.source_items (user_id, source_id, guid, title, text)"
        " select %s, %s, n, 'Item ' || n, 'It has one sentence.' from generate_series(1, 300) n",
        [reader.person.id, reader.source],
    )
    assert indexer.run() >= 300
    found = database.execute(
        "select count(*) from public.passages where user_id = %s", [reader.person.id]
    ).fetchone()
    assert found == (300,)


def test_the_watch_tells_at_once_that_something_waits_and_nothing_when_it_is_done(
    reader: Reader, indexer: Indexer, supabase: Supabase
) -> None:
    def due() -> bool:
        seconds = supabase.service.operations.next_work()["passages"]
        return seconds is not None and seconds <= 0

    indexer.run()
    assert not due()
    reader.reads("Marmots", "They whistle.")
    assert due()
    indexer.run()
    assert not due()


def test_a_published_post_can_be_found_and_a_draft_cannot(reader: Reader, indexer: Indexer) -> None:
    post = reader.publishes("Why marmots whistle\n\nThey warn each other of eagles.")
    reader.drafts("Marmots are secretly Swiss.")
    indexer.run()
    (found,) = reader.finds("marmots")
    assert (found["kind"], found["id"]) == ("post", post)
    assert (found["title"], found["url"]) == ("Why marmots whistle", "https://example.com/post")


def test_a_post_with_a_text_for_its_account_only_is_found_by_that(
    reader: Reader, indexer: Indexer
) -> None:
    reader.publishes("", override="Marmots whistle on LinkedIn.")
    indexer.run()
    assert [found["text"] for found in reader.finds("marmots")] == ["Marmots whistle on LinkedIn."]


def test_what_postgres_cannot_store_is_left_out(indexer: Indexer) -> None:
    thing = Unindexed("x", 1, "Mar\x00mots", None, "They \x00whistle\ud800.", "2026-01-01")
    made = indexer._index(thing)
    assert (made.title, list(made.texts)) == ("Marmots", ["They whistle."])

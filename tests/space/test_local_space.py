"""The local Space as Lin's writer uses it: drafts, queue, orders, start and stop."""

from __future__ import annotations

import io
import re
import threading
import time
import urllib.request

import pytest
from PIL import Image

from backend.core.errors import (
    GenerationCanceled,
    SpaceAnswerUnusable,
    SpaceFailed,
    SpaceTimedOut,
    SpaceUnavailable,
)
from backend.core.models import Progress, WriteRequest, Written
from backend.spaces.writer import WriterSpace

ARTICLE = (
    "The city of Lyon renovated twelve bridges in 2024. The work cost thirty million euros, "
    "ten percent less than planned. Cyclists now have a lane of their own on every renovated bridge. "
    "The mayor announced that two more bridges follow next year."
)


def write(
    space,
    deadline_seconds: float = 60,
    on_progress=lambda _: None,
    canceled=lambda: False,
    writer: WriterSpace | None = None,
    **wanted,
) -> Written:
    usual = {
        "title": "Lyon renews its bridges",
        "text": ARTICLE,
        "url": "https://news.example/bridges",
        "platform": "linkedin",
        "tone": None,
        "language": "en",
        "max_length": 3000,
        "image": True,
    }
    return (writer or WriterSpace(space.url)).write(
        WriteRequest(**{**usual, **wanted}),
        on_progress=on_progress,
        canceled=canceled,
        deadline_seconds=deadline_seconds,
    )


def test_a_draft_has_sentences_of_the_article_hashtags_link_and_says_what_wrote_it(space):
    written = write(space)
    assert written.text.startswith("Lyon renews its bridges")
    assert sum(sentence.strip(".") in written.text for sentence in ARTICLE.split(". ")) in (2, 3)
    assert re.search(r"#\w+", written.text)
    assert "https://news.example/bridges" in written.text
    assert written.text.splitlines()[-1] == "— drafted by Lin's local stand-in Space"
    assert written.image_mime == "image/png"
    assert Image.open(io.BytesIO(written.image)).size == (1200, 627)


def test_a_draft_streams_and_only_grows(space):
    seen: list[Progress] = []
    written = write(space, on_progress=seen.append)
    texts = [progress.text for progress in seen if progress.text]
    assert len(texts) > 3
    assert all(written.text.startswith(text) for text in texts)


def test_the_space_receives_each_part_of_the_request_in_its_own_input(space):
    write(space, tone="warm", language="fr", max_length=900, image=False)
    status, calls = space.control("calls")
    assert status == 200
    assert calls[-1] == {
        "endpoint": "write",
        "title": "Lyon renews its bridges",
        "text": ARTICLE,
        "url": "https://news.example/bridges",
        "platform": "linkedin",
        "tone": "warm",
        "language": "French",
        "max_length": 900,
        "with_image": False,
        "instruction": "",
        "task": "write",
        "variant": 1,
        "variants": 1,
        "order": None,
    }


def test_no_image_is_made_when_none_is_wanted(space):
    assert write(space, image=False).image is None


def test_an_article_without_anything_is_refused_in_words(space):
    with pytest.raises(SpaceFailed, match="nothing to write about"):
        write(space, title="", text=" ")


def test_an_ordered_failure_reaches_the_user_and_happens_as_often_as_ordered(space):
    space.order("fail", message="No GPU today", times=2)
    for _ in range(2):
        with pytest.raises(SpaceFailed, match="reported: No GPU today"):
            write(space)
    assert write(space).text


def test_an_ordered_sleep_delays_the_call_but_not_the_answer(space):
    space.order("sleep", seconds=0.3)
    before = time.monotonic()
    assert write(space).text
    assert time.monotonic() - before >= 0.3


def test_an_ordered_hang_ends_at_the_deadline_and_the_queue_is_free_again(space):
    writer = WriterSpace(space.url)
    write(space, writer=writer)  # connects, which may take longer than the deadline
    space.order("hang")
    with pytest.raises(SpaceTimedOut):
        write(space, writer=writer, deadline_seconds=2)
    assert space.control("calls")[1][-1]["order"] == "hang", "it was carried out"
    assert write(space).text


def test_a_hanging_call_can_be_canceled(space):
    space.order("hang")
    running = threading.Event()
    with pytest.raises(GenerationCanceled):
        write(
            space,
            on_progress=lambda p: running.set() if p.state == "running" else None,
            canceled=running.is_set,
        )
    assert write(space).text


@pytest.mark.parametrize("order", ["garbage", "empty"])
def test_an_ordered_answer_without_text_is_unusable(space, order):
    space.order(order)
    with pytest.raises(SpaceAnswerUnusable):
        write(space)


def test_an_ordered_slow_stream_arrives_piece_by_piece(space):
    space.order("slow", seconds=0.06)
    seen: list[Progress] = []
    before = time.monotonic()
    write(space, on_progress=seen.append)
    assert time.monotonic() - before >= 0.6
    assert len([progress for progress in seen if progress.text]) >= 8


def test_an_ordered_crash_in_mid_stream_is_a_failure_after_partial_text(space):
    space.order("crash")
    seen: list[Progress] = []
    with pytest.raises(SpaceFailed):
        write(space, on_progress=seen.append)
    assert any(progress.text for progress in seen)


def test_a_space_that_dies_in_mid_stream_is_unavailable(start_space):
    mortal = start_space()
    mortal.order("die")
    with pytest.raises(SpaceUnavailable, match="went away"):
        write(mortal)
    assert mortal.process.wait(60) == 0


def test_the_second_call_waits_in_the_queue(space):
    space.order("hang")
    first_runs, second_waits = threading.Event(), threading.Event()
    done: list[object] = []

    def first() -> None:
        try:
            write(
                space,
                on_progress=lambda p: first_runs.set() if p.state == "running" else None,
                canceled=second_waits.is_set,
            )
        except GenerationCanceled as canceled:
            done.append(canceled)

    thread = threading.Thread(target=first, daemon=True)
    thread.start()
    assert first_runs.wait(60)
    positions: list[int | None] = []

    def note(progress: Progress) -> None:
        if progress.state == "queued":
            positions.append(progress.queue_position)
            second_waits.set()

    assert write(space, on_progress=note).text
    thread.join(60)
    assert done
    assert positions[0] == 0


@pytest.mark.parametrize(
    "body",
    [
        {"order": "dance"},
        {"order": "sleep", "seconds": -1},
        {"seconds": 2},
        {"order": "fail", "endpoint": "paint"},
    ],
)
def test_an_order_that_means_nothing_is_refused(space, body):
    status, _ = space.control("orders", "POST", **body)
    assert status == 422
    assert space.control("orders") == (200, [])


def test_the_page_says_that_there_is_no_model_and_loads_nothing_from_font_servers(space):
    with urllib.request.urlopen(space.url, timeout=60) as answer:  # noqa: S310  loopback
        page = answer.read().decode()
    assert "local stand-in Space" in page
    assert "There is no model here" in page
    assert "fonts.googleapis.com" not in page


def test_a_busy_port_is_passed_over(space, busy_port):
    assert busy_port < int(space.url.rpartition(":")[2]) <= busy_port + 200


@pytest.mark.slow
def test_it_stops_at_once_with_0_and_without_a_word_even_while_a_call_hangs(start_space):
    own = start_space()
    own.order("hang")
    running = threading.Event()
    noticed = threading.Event()

    def call() -> None:
        with pytest.raises(SpaceUnavailable, match="went away"):
            write(own, 170, on_progress=lambda p: running.set() if p.state == "running" else None)
        noticed.set()

    thread = threading.Thread(target=call, daemon=True)
    thread.start()
    assert running.wait(150)
    own.process.terminate()
    assert own.process.wait(60) == 0  # the call would hang for good
    assert (own.process.stdout.read(), own.said()) == (b"", "")
    assert noticed.wait(60)


def test_it_connects_to_nobody_on_the_internet(space, connections):
    with urllib.request.urlopen(space.url, timeout=60) as page:  # noqa: S310  loopback
        page.read()
    write(space)
    assert set(connections.read_text().splitlines()) == {"watching"}, "the engines are watched too"

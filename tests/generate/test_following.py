"""Following a draft: numbered events that go on where a browser lost them, on any web process."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest

from tests.generate.offices import Caller, OwnSpace, Web
from tests.waiting import until


def test_a_stream_goes_on_after_the_event_seen_last_even_on_another_web_process(
    ada: Caller, space: OwnSpace, hasty_web: Web
) -> None:
    space.order("slow", seconds=0.3)
    generation = ada.ask(topic="Bridges of Lyon")
    first = ada.follow(generation)
    seen = []
    for event in first:
        seen.append(event)
        if "text" in event.data:
            break
    first.close()

    other = Caller(hasty_web.url, ada.person)
    rest = list(other.follow(generation, after=seen[-1].number))
    numbers = [event.number for event in seen + rest]
    assert all(earlier < later for earlier, later in pairwise(numbers)), numbers  # type: ignore[operator] # each has one
    assert rest[-1].name == "result"
    assert len(space.calls) == 1, "leaving must not stop or repeat the draft"
    assert ada.row(generation)["status"] == "complete"

    again = list(ada.follow(generation))
    assert again == [rest[-1]], "the end has the same number on every connection"


def test_who_has_seen_the_end_is_told_to_stay_away(ada: Caller, space: OwnSpace) -> None:
    generation = ada.ask(topic="Bridges")
    last = ada.end(generation)
    path = f"/api/generations/{generation}/events"
    answer = ada.call("GET", path, Last_Event_ID=str(last.number))
    assert (answer.status_code, answer.content) == (204, b"")
    assert list(ada.follow(generation, after=(last.number or 0) - 1)) == [last]


@pytest.mark.parametrize("odd", ["", "abc", "-1", "999999", "1.5", "²", "9" * 30])
def test_an_id_that_never_was_is_no_id(ada: Caller, space: OwnSpace, odd: str) -> None:
    generation = ada.ask(topic="Bridges")
    last = ada.end(generation)
    if odd.isascii():  # what else a header cannot carry
        assert list(ada.follow(generation, after=odd)) == [last]


def test_a_stream_says_when_to_come_back(ada: Caller, space: OwnSpace) -> None:
    stream = ada.follow(ada.ask(topic="Bridges"))
    assert list(stream)[-1].name == "result"
    assert stream.retry == 1000


def test_a_browser_that_leaves_cancels_nothing(ada: Caller, space: OwnSpace) -> None:
    space.order("slow", seconds=0.2)
    generation = ada.ask(topic="Bridges")
    stream = ada.follow(generation)
    next(iter(stream))
    stream.close()
    done = until(lambda: ada.row(generation)["status"] == "complete" or None, "the result", 60)
    assert done
    assert ada.row(generation)["output"]["text"]


def test_text_says_which_variant_it_is_of(ada: Caller, space: OwnSpace) -> None:
    space.order("slow", seconds=0.1, times=3)
    events = list(ada.follow(ada.ask(topic="Bridges of Lyon", variants=3)))
    told = [event.data["variant"] for event in events if event.data.get("text")]
    assert set(told) == {1, 2, 3}
    assert told == sorted(told)
    output = events[-1].data["output"]
    assert len(output["variants"]) == 3
    assert output["text"] == output["variants"][0]["text"]
    asked = [(call["variant"], call["variants"]) for call in space.calls]
    assert asked == [(1, 3), (2, 3), (3, 3)]


def test_a_place_in_the_queue_is_told(ada: Caller, ben: Caller, space: OwnSpace) -> None:
    space.order("hang")
    before = ben.ask(topic="Towers")
    until(lambda: space.calls or None, "the Space to be busy", 30)
    generation = ada.ask(topic="Bridges")
    for event in ada.follow(generation):
        if "queue_position" in event.data:
            break
    else:
        raise AssertionError("no position was told")
    assert ben.call("DELETE", f"/api/generations/{before}").status_code == 204
    assert ada.end(generation).name == "result"
    assert ben.end(before).data["status"] == "canceled"


def test_a_longer_lease_is_no_event(
    ada: Caller, space: OwnSpace, sql: Callable[..., list[Any]]
) -> None:
    generation = ada.ask(topic="Bridges")
    last = ada.end(generation)
    sql("update public.generations set lease_until = now() where id = %s", generation)
    assert ada.row(generation)["version"] == last.number


def test_nobody_follows_a_draft_of_somebody_else(ada: Caller, ben: Caller, space: OwnSpace) -> None:
    generation = ada.ask(topic="Bridges")
    path = f"/api/generations/{generation}/events"
    assert ben.call("GET", path, Last_Event_ID="1").status_code == 404
    assert ada.end(generation).name == "result"

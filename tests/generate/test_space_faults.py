"""Every fault of a Space, by name, against a real Space process: each ends as a state with words that a user understands."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from backend.core.errors import SpaceUnavailable
from backend.platforms.x_text import weighted_length
from backend.spaces._troubles import judge
from local.stack import Stack
from tests.generate.offices import Caller, OwnSpace, Web
from tests.waiting import until


def failed(caller: Caller, generation: str, *words: str) -> dict[str, Any]:
    """How a draft failed: its last event, which says the same as its row."""
    event = caller.end(generation)
    row = caller.row(generation)
    assert (event.name, event.data["status"]) == ("error", "failed"), event
    assert event.data["error_class"] in words
    assert (row["status"], row["error_class"], row["error"]) == (
        "failed", event.data["error_class"], event.data["error"],
    )  # fmt: skip
    said = event.data["error"]
    assert said.endswith((".", "!", "?")) or ":" in said, said
    assert not any(odd in said for odd in ("Traceback", "Error(", "httpx", "gradio_client", "0x"))
    assert row["output"] is None
    assert row["finished_at"]
    return event.data


def test_sleep(ada: Caller, space: OwnSpace) -> None:
    space.order("asleep", seconds=2)
    events = list(ada.follow(ada.ask(topic="Bridges")))
    assert any(event.data["status"] == "waking" for event in events)
    assert events[-1].name == "result", events[-1]


def test_hang(ada: Caller, space: OwnSpace, hasty_web: Web) -> None:
    hurried = Caller(hasty_web.url, ada.person)
    space.order("hang")
    told = failed(hurried, hurried.ask(topic="Bridges"), "space_timed_out")
    assert "within 4 s" in told["error"]
    space.forget()
    assert ada.end(ada.ask(topic="Bridges")).name == "result", "the Space was let go"


def test_drop(ada: Caller, space: OwnSpace) -> None:
    space.order("drop")
    failed(ada, ada.ask(topic="Bridges of Lyon"), "space_unavailable", "space_failed")
    assert ada.end(ada.ask(topic="Bridges")).name == "result"


def test_garbage(ada: Caller, space: OwnSpace) -> None:
    space.order("garbage")
    failed(ada, ada.ask(topic="Bridges", image=True), "space_answer_unusable")


def test_an_empty_text(ada: Caller, space: OwnSpace) -> None:
    space.order("empty")
    failed(ada, ada.ask(topic="Bridges"), "space_answer_unusable")


def test_a_crash(ada: Caller, space: OwnSpace) -> None:
    space.order("crash")
    failed(ada, ada.ask(topic="Bridges"), "space_failed")


def test_an_error_of_its_own(ada: Caller, space: OwnSpace) -> None:
    space.order("fail", message="Out of credits.")
    assert "Out of credits." in failed(ada, ada.ask(topic="Bridges"), "space_failed")["error"]


def test_slow(ada: Caller, space: OwnSpace) -> None:
    space.order("slow", seconds=0.3)
    events = list(ada.follow(ada.ask(topic="Bridges of Lyon")))
    texts = [event.data["text"] for event in events if event.data.get("text")]
    assert len(texts) >= 2
    assert events[-1].name == "result", events[-1]


@pytest.mark.slow  # a Space takes seconds to start
def test_restart_of_the_space_in_mid_stream(ada: Caller, space: OwnSpace) -> None:
    space.order("die")
    failed(ada, ada.ask(topic="Bridges of Lyon"), "space_unavailable", "space_failed")
    until(lambda: not space.lives or None, "the Space to end")


def test_a_space_that_wakes_between_two_questions_is_asked_again(space: OwnSpace) -> None:
    asleep = ValueError(f"Could not fetch config for {space.url}")  # as gradio_client says it
    trouble = judge(asleep, space.url, space.url, None)
    assert (type(trouble.problem), trouble.may_be_waking) == (SpaceUnavailable, True)


def test_a_space_that_never_wakes(ada: Caller, absent_space: OwnSpace, hasty_web: Web) -> None:
    hurried = Caller(hasty_web.url, ada.person)
    told = failed(hurried, hurried.ask(topic="Bridges"), "space_unavailable")
    assert "did not wake up within 4 s" in told["error"]


@pytest.mark.slow  # a Space takes seconds to start
def test_a_space_that_starts_late_is_waited_for(ada: Caller, absent_space: OwnSpace) -> None:
    generation = ada.ask(topic="Bridges")
    stream = iter(ada.follow(generation))
    until(lambda: next(stream).data["status"] == "waking" or None, "the state waking", 60)
    absent_space.start()
    last = list(stream)[-1]
    assert last.name == "result", last


def test_a_later_variant_that_fails_leaves_the_earlier_ones(ada: Caller, space: OwnSpace) -> None:
    space.order("slow", seconds=0)  # the first behaves
    space.order("fail", message="Out of credits.")
    event = ada.end(ada.ask(topic="Bridges", variants=3))
    assert event.name == "result"
    output = event.data["output"]
    assert len(output["variants"]) == 1
    assert "1 of 3 variants" in output["note"]
    assert "Out of credits." in output["note"]
    assert len(space.calls) == 2


@pytest.mark.parametrize("variants", [1, 2])
def test_a_canceled_draft_stops_the_space(ada: Caller, space: OwnSpace, variants: int) -> None:
    for _ in range(variants - 1):
        space.order("slow", seconds=0)
    space.order("hang")
    generation = ada.ask(topic="Bridges", variants=variants)
    until(lambda: len(space.calls) == variants or None, "the Space to be called", 60)
    assert ada.call("DELETE", f"/api/generations/{generation}").status_code == 204
    event = ada.end(generation)
    assert (event.name, event.data["status"]) == ("error", "canceled")
    assert event.data["error"] == "This draft was canceled."
    assert ada.row(generation)["output"] is None
    # it works on one call at a time: the next one is written only when it let go of this one
    assert ada.end(ada.ask(topic="Bridges")).name == "result"


def drafted_for_a_slot(sql: Callable[..., list[Any]], caller: Caller) -> str:
    """A run as a slot queues it: for one platform, with its limit."""
    article = {"title": "里昂今年修复了十二座桥梁" * 20, "text": "", "url": None}
    wanted = {"platform": "x", "max_length": 280, "article": article}
    ((made,),) = sql(
        "insert into public.generations (user_id, input) values (%s, %s) returning id",
        caller.person.id, json.dumps(wanted),
    )  # fmt: skip
    return str(made)


def test_a_web_process_that_is_killed_leaves_its_draft_to_a_worker(
    ada: Caller,
    space: OwnSpace,
    floor: Stack,
    environment: dict[str, str],
    open_door: Callable[..., Web],
    sql: Callable[..., list[Any]],
) -> None:
    doomed = open_door("doomed")
    space.order("slow", seconds=0.5)
    generation = Caller(doomed.url, ada.person).ask(topic="Bridges")
    until(lambda: space.calls or None, "the Space to be called", 60)
    stream = ada.follow(generation)
    doomed.kill()
    slots = drafted_for_a_slot(sql, ada)
    sql("update public.generations set lease_until = now() where id = %s", generation)
    worker = floor.start_worker(environment)
    try:
        events = list(stream)
        of_slot = ada.end(slots)
    finally:
        floor.stop_worker(worker)
    assert events[-1].name == "result", events[-1]
    assert sql("select tries from public.generations where id = %s", generation) == [(2,)]
    output = of_slot.data["output"]
    assert (output["max_length"], len(output["variants"])) == (280, 1)
    assert output["length"] == weighted_length(output["text"]) <= 280

"""A chat whose Space sleeps, hangs, drops, sends garbage, is slow, or restarts in mid-stream."""

from __future__ import annotations

import threading

import pytest

from backend.core.errors import (
    GenerationCanceled,
    SpaceAnswerUnusable,
    SpaceTimedOut,
    SpaceUnavailable,
)
from backend.core.models import Progress
from backend.spaces import connect

ANSWER = "Lyon renovated twelve bridges [1]."


def port_of(url: str) -> int:
    return int(url.rpartition(":")[2])


def test_sleep_a_space_that_sleeps_is_said_to_wake_and_answers_when_it_is_up(apps, ran, free_port):
    doors: list[str] = []
    ran.on_progress = lambda p: doors.append(apps.door(free_port)) if p.state == "waking" else None
    try:
        answer = ran.chat(connect(f"http://127.0.0.1:{free_port}/talk_material"), "How many?")
    finally:
        for door in doors:
            apps.slam(door)
    assert answer == ANSWER
    assert len(doors) == 1
    assert ran.progress[0] == Progress("waking")


def test_hang_a_space_that_never_answers_is_left_at_the_deadline_and_told_to_stop(
    apps, model, ran, title
):
    space = model("talk_acting")
    ran.chat(space, "How many?")  # connected: the deadline goes to the job alone
    with pytest.raises(SpaceTimedOut, match="did not finish within 1 s"):
        ran.chat(space, f"hang {title}", deadline_seconds=1)
    assert apps.wait_stopped(f"hang {title}", 10)


def test_drop_a_connection_cut_in_mid_stream_leaves_the_pieces_that_came(apps, ran, title):
    url = apps.door()
    ran.on_progress = lambda p: apps.slam(url) if p.text else None
    with pytest.raises(SpaceUnavailable, match="went away while it was working"):
        ran.chat(connect(f"{url}/talk_acting"), f"half {title}")
    apps.open_gate(f"half {title}")
    told = [p.text for p in ran.progress if p.text]
    assert told
    assert all("Lyon".startswith(text) for text in told)


def test_garbage_an_answer_of_control_characters_is_no_answer(model, ran):
    with pytest.raises(SpaceAnswerUnusable, match="without any text"):
        ran.chat(model("talk_acting"), "garbage")
    assert not [p for p in ran.progress if p.text]


def test_slow_each_piece_is_handed_on_before_the_next_one_exists(apps, model, ran, title):
    seen: list[str] = []

    def let_it_go_on(progress: Progress) -> None:
        if progress.text and progress.text not in seen:
            seen.append(progress.text)
            apps.open_gate(f"slow {title} {len(seen)}")

    ran.on_progress = let_it_go_on
    assert ran.chat(model("talk_acting"), f"slow {title}") == ANSWER
    words = ANSWER.split()
    assert len(seen) >= len(words) - 1
    for made, text in enumerate(seen, start=1):
        assert " ".join(words[:made]).startswith(text), "no more than was made by then"


def test_restart_in_mid_stream_is_unavailable_and_the_next_call_finds_the_space_again(
    apps, ran, title
):
    url = apps.door()
    space = connect(f"{url}/talk_acting")
    doors: list[str] = []

    def restart(progress: Progress) -> None:
        if progress.text and not doors:
            apps.slam(url)
            doors.append(apps.door(port_of(url)))

    ran.on_progress = restart
    try:
        with pytest.raises(SpaceUnavailable, match="went away while it was working"):
            ran.chat(space, f"half {title}")
        apps.open_gate(f"half {title}")
        assert type(ran)().chat(space, "How many?") == ANSWER
    finally:
        for door in doors:
            apps.slam(door)


def test_a_reader_who_leaves_stops_the_space(apps, model, ran, title):
    ran.on_progress = lambda p: ran.cancel.set() if p.text else None
    with pytest.raises(GenerationCanceled):
        ran.chat(model("talk_acting"), f"half {title}")
    assert apps.wait_stopped(f"half {title}", 10)


def test_a_space_that_ignores_everything_keeps_no_thread(apps, model, ran, title):
    apps.set_deaf(True)
    try:
        ran.on_progress = lambda p: ran.cancel.set() if p.text else None
        with pytest.raises(GenerationCanceled):
            ran.chat(model("talk_acting"), f"half {title}")
        for thread in threading.enumerate():
            if thread.name in ("space-call", "space-cancel"):
                thread.join(20)
                assert not thread.is_alive()
    finally:
        apps.set_deaf(False)
        apps.open_gate(f"half {title}")

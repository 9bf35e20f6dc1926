"""The stream of a generation, event by event, with rows that change, vanish and cannot be read."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from typing import Any

from backend.api.generation_events import follow, last_seen
from backend.core.bell import Bell
from backend.core.errors import LinError, NotAllowed, NotFound, Unavailable


def row(version: int, status: str = "running", **more: Any) -> dict[str, Any]:
    told = {
        "output": None,
        "error_class": None,
        "error": None,
        "progress": {"text": f"text {version}"},
    }
    times = dict.fromkeys(("created_at", "started_at", "first_text_at", "finished_at"))
    return {"id": "g", "version": version, "status": status, **told, **times, **more}


class Rows:
    """Answers in turn: a row, None, or an error."""

    def __init__(self, *answers: dict[str, Any] | LinError | None) -> None:
        self._answers = list(answers)
        self.asked: list[int] = []

    def generation_since(self, _generation_id: str, version: int) -> dict[str, Any] | None:
        self.asked.append(version)
        answer = self._answers.pop(0)
        if isinstance(answer, LinError):
            raise answer
        return answer

    def generation(self, _generation_id: str) -> dict[str, Any]:
        raise AssertionError("is looked for only when nothing was said for long")


def events(stream: Iterator[str]) -> list[tuple[str | None, str, Any]]:
    found = []
    for block in stream:
        fields = dict(line.split(": ", 1) for line in block.strip().splitlines())
        if "event" in fields:
            found.append((fields.get("id"), fields["event"], json.loads(fields["data"])))
    return found


def test_each_change_is_told_once_with_its_number() -> None:
    rows = Rows(None, row(3), None, row(7, "complete", output={"text": "a"}))
    found = events(follow(rows, row(2), 0, Bell()))
    assert [(number, name) for number, name, _ in found] == [
        ("2", "progress"), ("3", "progress"), ("7", "result"),
    ]  # fmt: skip
    assert rows.asked == [2, 2, 3, 3]


def test_what_was_seen_is_not_told_again() -> None:
    rows = Rows(None, row(3, "failed", error="No."))
    assert [number for number, _, _ in events(follow(rows, row(2), 2, Bell()))] == ["3"]


def test_an_end_that_was_not_seen_is_told() -> None:
    found = events(follow(Rows(), row(9, "canceled", error="This draft was canceled."), 8, Bell()))
    assert [(number, name) for number, name, _ in found] == [("9", "error")]
    assert found[0][2]["error"] == "This draft was canceled."


def test_a_database_that_is_away_for_a_moment_ends_no_stream() -> None:
    rows = Rows(Unavailable("away"), Unavailable("away"), row(3, "complete"))
    assert [name for _, name, _ in events(follow(rows, row(2), 0, Bell()))] == [
        "progress",
        "result",
    ]


def test_a_token_that_ends_ends_the_stream_without_an_end_of_the_draft() -> None:
    found = events(follow(Rows(NotAllowed("expired")), row(2), 0, Bell()))
    assert [name for _, name, _ in found] == ["progress"]


def test_a_draft_that_is_deleted_meanwhile_is_said_to_be() -> None:
    found = events(follow(Rows(NotFound("gone")), row(2), 0, Bell()))
    assert found[-1][:2] == (None, "error")
    assert found[-1][2]["status"] == "deleted"


def test_a_line_end_in_a_text_breaks_no_event() -> None:
    (found,) = events(
        follow(Rows(), row(1, "complete", output={"text": "a\n\nevent: x"}), 0, Bell())
    )
    assert found[2]["output"]["text"] == "a\n\nevent: x"


def test_only_a_number_that_was_given_out_counts_as_seen() -> None:
    sent = {
        None: 0,
        "": 0,
        "3": 3,
        "5": 5,
        "6": 0,
        "-1": 0,
        "1.0": 0,
        "²": 0,
        "x": 0,
        "1" * 5000: 0,
    }
    assert {header: last_seen(header, row(5)) for header in sent} == sent


def test_a_ring_wakes_those_who_listen_for_the_name() -> None:
    bell = Bell()
    with bell.listening("a") as one, bell.listening("a") as two, bell.listening("b") as other:
        bell.ring("a")
        assert one.is_set()
        assert two.is_set()
        assert not other.is_set()
    bell.ring("a")  # nobody is left
    with bell.listening("a") as late:
        assert not late.is_set()


def test_many_may_come_and_go_while_it_rings() -> None:
    bell, stop = Bell(), threading.Event()

    def ring() -> None:
        while not stop.is_set():
            bell.ring("a")

    ringing = threading.Thread(target=ring)
    ringing.start()
    try:
        for _ in range(100):
            with bell.listening("a") as event:
                assert event.wait(20)
    finally:
        stop.set()
        ringing.join()

"""The events of a generation as a stream: what its row says, each time it says something else."""

from __future__ import annotations

import json
import logging
import re
import threading
import time
from collections.abc import Iterator, Mapping
from typing import Any, Protocol

from ..core.bell import Bell
from ..core.errors import LinError, NotFound, Unavailable

log = logging.getLogger("lin.http")

ENDED = frozenset({"complete", "failed", "canceled"})

# A generation mostly runs in this process, which rings; the others are looked at. One read by primary key, which returns
# nothing while nothing is new, costs the database less than a millisecond: at five reads a second the words come as fast as
# their writer stores them, and 50 quiet streams that have backed off to two a second ask for 100 small reads.
_SHORTEST_POLL_SECONDS, _LONGEST_POLL_SECONDS, _SLOWER = 0.2, 0.5, 1.2
_KEEP_ALIVE_SECONDS = 15.0
_LONGEST_STREAM_SECONDS = 1800.0
_RETRY_MILLISECONDS = 1000
# a bigint; int() refuses thousands of digits with an error
_VERSION = re.compile(r"[0-9]{1,19}")


class Rows(Protocol):
    """The generations of one user; see store/user.py."""

    def generation(self, generation_id: str) -> dict[str, Any]: ...

    def generation_since(self, generation_id: str, version: int) -> dict[str, Any] | None: ...


def last_seen(header: str | None, row: Mapping[str, Any]) -> int:
    """The version that a returning browser saw last (Last-Event-ID); 0 for none, and for one that never was."""
    seen = int(header) if header and _VERSION.fullmatch(header) else 0
    return seen if seen <= row["version"] else 0


def follow(rows: Rows, row: dict[str, Any], seen: int, bell: Bell) -> Iterator[str]:
    """Events of everything newer than version `seen`, to the end of the generation.

    The id of an event is the row's version, so it is the same on every connection and in every process. Of changes in quick
    succession only the last is told: each event says all that is known. A browser that loses the stream comes back with the
    id it saw last; the stream ends by itself after half an hour, or when the database does not answer.
    """
    yield f"retry: {_RETRY_MILLISECONDS}\n\n"
    with bell.listening(row["id"]) as rung:
        newer: dict[str, Any] | None = row if row["version"] > seen else None
        started = spoke = time.monotonic()
        pause = _SHORTEST_POLL_SECONDS
        while True:
            if newer is not None:
                row, seen, spoke = newer, newer["version"], time.monotonic()
                yield _written(row)
                pause = _SHORTEST_POLL_SECONDS
            if row["status"] in ENDED or time.monotonic() - started > _LONGEST_STREAM_SECONDS:
                return
            _wait(rung, pause)
            pause = min(pause * _SLOWER, _LONGEST_POLL_SECONDS)
            look_for_it = time.monotonic() - spoke > _KEEP_ALIVE_SECONDS
            if look_for_it:
                spoke = time.monotonic()
                yield ": still here\n\n"
            try:
                newer = rows.generation_since(row["id"], seen)
                if look_for_it and newer is None:
                    rows.generation(row["id"])
            except NotFound:
                yield _event(
                    None, "error", {"status": "deleted", "error": "This draft was deleted."}
                )
                return
            except Unavailable:
                log.warning("a stream waits for the database", extra={"generation_id": row["id"]})
                newer = None
            except LinError:
                return  # the token has ended: its browser comes back with a new one


def _wait(rung: threading.Event, seconds: float) -> None:
    rung.wait(seconds)
    rung.clear()


def _written(row: Mapping[str, Any]) -> str:
    status = row["status"]
    if status not in ENDED:
        return _event(row["version"], "progress", {"status": status, **row["progress"]})
    told = ("status", "output") if status == "complete" else ("status", "error_class", "error")
    times = ("created_at", "started_at", "first_text_at", "finished_at")
    name = "result" if status == "complete" else "error"
    return _event(row["version"], name, {key: row[key] for key in (*told, *times)})


def _event(number: int | None, name: str, data: Mapping[str, Any]) -> str:
    head = "" if number is None else f"id: {number}\n"
    return f"{head}event: {name}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n"

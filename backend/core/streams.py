"""An answer while it grows: written by one thread, read by any number, each from the character it has already.

Whoever reads it in another process looks at its row instead (`polled`), and gets the same events.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass(frozen=True)
class Delta:
    """Text that was added; `until` is how many characters there are with it. `anew`: the Space took back what it had said, and
    this is all text."""

    text: str
    until: int
    anew: bool = False


@dataclass(frozen=True)
class Standing:
    """No text yet: the Space wakes up, or the call waits in its queue (0 is "next")."""

    state: Literal["waking", "queued", "running"]
    queue_position: int | None = None


@dataclass(frozen=True)
class Ending:
    """How it ended, as it is stored."""

    state: Literal["complete", "interrupted"]
    text: str
    citations: list[dict[str, Any]] = field(default_factory=list)
    error_class: str | None = None
    error: str | None = None


@dataclass(frozen=True)
class StillHere:
    """Nothing happened for a while; told so that connections stay open."""


Event = Delta | Standing | Ending | StillHere


class Answer:
    """One answer that this process makes."""

    def __init__(self, message_id: str, user_id: str, lease_token: int) -> None:
        self.message_id = message_id
        self.user_id = user_id
        self.lease_token = lease_token
        self._changed = threading.Condition()
        self._text = ""
        self._first_text_at: float | None = None
        self._standing: Standing | None = None
        self._ending: Ending | None = None
        self._stop: Literal["stop", "lost"] | None = None

    @property
    def text(self) -> str:
        """All text so far."""
        return self._text

    @property
    def first_text_ago(self) -> float | None:
        """How many seconds ago the first text came; None before."""
        return time.monotonic() - self._first_text_at if self._first_text_at else None

    @property
    def stopped(self) -> Literal["stop", "lost"] | None:
        """Whether to stop: its owner asked, or the row is not ours any more."""
        return self._stop

    def stop(self, why: Literal["stop", "lost"]) -> None:
        """Ask for its end. The thread that makes it looks every moment."""
        self._stop = self._stop or why

    def show(self, text: str) -> None:
        """All text so far, or what the Space says instead of it."""
        with self._changed:
            if text != self._text:
                self._first_text_at = self._first_text_at or time.monotonic()
                self._text = text
                self._changed.notify_all()

    def stand(self, standing: Standing) -> None:
        """Where the call stands before there is text."""
        with self._changed:
            self._standing = standing
            self._changed.notify_all()

    def end(self, ending: Ending) -> None:
        """The end, for all readers."""
        with self._changed:
            self._text = ending.text
            self._ending = ending
            self._changed.notify_all()

    def follow(self, seen: int, quiet_seconds: float) -> Iterator[Event]:
        """What happens, from character `seen` to the ending. StillHere comes after each `quiet_seconds` without news."""
        reader, stood = _Reader(seen), None
        while True:
            with self._changed:
                text, standing, ending = self._text, self._standing, self._ending
                if ending is None and reader.has(text) and standing == stood:
                    heard = self._changed.wait(quiet_seconds)
                    if heard:
                        continue
            if (news := reader.news(text)) is not None:
                yield news
            elif ending is not None:
                yield ending
                return
            elif standing != stood and standing is not None:
                stood = standing
                yield standing
            else:
                yield StillHere()


def polled(
    read: Callable[[], Mapping[str, Any]], seen: int, quiet_seconds: float, poll_seconds: float
) -> Iterator[Event]:
    """The same of an answer that another process makes, or that has ended. `read` looks at its row; what it raises is raised."""
    reader, spoke = _Reader(seen), time.monotonic()
    while True:
        row = read()
        if (news := reader.news(row["text"])) is not None:
            spoke = time.monotonic()
            yield news
        if row["state"] != "streaming":
            yield Ending(
                row["state"], row["text"], row["citations"], row["error_class"], row["error"]
            )
            return
        if time.monotonic() - spoke > quiet_seconds:
            spoke = time.monotonic()
            yield StillHere()
        time.sleep(poll_seconds)


class _Reader:
    """What one reader has of a text, of which it had `seen` characters when it came."""

    def __init__(self, seen: int) -> None:
        self._seen = seen
        self._had: str | None = None

    def has(self, text: str) -> bool:
        """Whether there is nothing to tell."""
        return len(text) <= self._seen if self._had is None else text == self._had

    def news(self, text: str) -> Delta | None:
        if self._had is None:
            if len(text) < self._seen:
                return None  # this process knows less than the one that told so much: it catches up
            self._had = text[: self._seen]
        had, self._had = self._had, text
        if text == had:
            return None
        if text.startswith(had):
            return Delta(text[len(had) :], len(text))
        return Delta(text, len(text), anew=True)

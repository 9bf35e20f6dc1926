"""Runs calls of endpoints: one thread with an event loop for all of them, and the side that waits for one.

On a loop, giving up a call is cancelling its task: whatever it waits for (a name, a connection, the next byte), its
connection is closed at once. A thread that blocks in a socket could not be told. Fifty streams cost one thread.
"""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from typing import Any, TypeVar

from backend.core.errors import GenerationCanceled, SpaceError, SpaceTimedOut, SpaceUnavailable
from backend.core.models import Progress

_CANCELED_POLL_SECONDS = 0.1

T = TypeVar("T")

_loops: dict[
    int, asyncio.AbstractEventLoop
] = {}  # by process, since a fork copies the loop but not its thread
_starting = threading.Lock()


class News:
    """What a call tells the one who waits for it. Only the newest progress is kept: it holds all text so far, and a
    caller who takes long over one must not fall behind the stream."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._arrived = threading.Event()
        self._newest: Progress | None = None
        self._asleep_because: SpaceError | None = None
        self._answering = False

    def asleep(self, because: SpaceError) -> None:
        """The endpoint is not up yet; it will be asked again."""
        self._asleep_because = because
        self._tell(Progress("waking"))

    def running(self, text: str | None = None) -> None:
        """The endpoint answers; `text` is all text so far."""
        self._answering = True
        self._tell(Progress("running", text=text))

    def ended(self, _: Future[Any]) -> None:
        """The call has ended; there is nothing more to wait for."""
        self._arrived.set()

    def take(self, seconds: float) -> Progress | None:
        """The newest progress as soon as there is one; None when nothing came within `seconds`, or the call ended."""
        self._arrived.wait(max(seconds, 0.0))
        with self._lock:
            self._arrived.clear()
            newest, self._newest = self._newest, None
            return newest

    def late(self, name: str, deadline_seconds: float) -> SpaceError:
        """The error for a deadline that passed, depending on how far the call came."""
        seconds = f"{deadline_seconds:g} s"
        if self._asleep_because and not self._answering:
            return SpaceUnavailable(
                f"The endpoint {name} did not wake up within {seconds}: {self._asleep_because}"
            )
        what = "did not finish" if self._answering else "did not answer"
        return SpaceTimedOut(f"The endpoint {name} {what} within {seconds}.")

    def _tell(self, progress: Progress) -> None:
        with self._lock:
            self._newest = progress
            self._arrived.set()


def follow(
    work: Callable[[News], Coroutine[Any, Any, T]],
    *,
    name: str,
    on_progress: Callable[[Progress], None],
    canceled: Callable[[], bool],
    deadline_seconds: float,
) -> T:
    """The result of `work(news)`, run on the loop. `on_progress` runs in the caller's thread, as soon as there is news.

    `canceled` is asked every 0.1 s. Raises GenerationCanceled, SpaceTimedOut, SpaceUnavailable, what `work` raises, and
    what `on_progress` and `canceled` raise; the call's connection is closed in every case.
    """
    news = News()
    ends = time.monotonic() + deadline_seconds
    call = asyncio.run_coroutine_threadsafe(_settle(work(news)), _loop())
    call.add_done_callback(news.ended)
    asked = float("-inf")
    try:
        while True:
            now = time.monotonic()
            if now - asked >= _CANCELED_POLL_SECONDS:
                asked = now
                if canceled():
                    raise GenerationCanceled("The generation was canceled.")
            if now >= ends:
                raise news.late(name, deadline_seconds)
            over = call.done()  # before the look at the news: what is told last is told
            progress = news.take(0 if over else min(_CANCELED_POLL_SECONDS, ends - now))
            if progress is not None:
                on_progress(progress)
            elif over:
                return _unwrap(call.result())
    finally:
        call.cancel()


async def _settle(work: Coroutine[Any, Any, T]) -> T | _Failed:
    """Every failure as a value: asyncio logs, with all details, an error whose reader has left."""
    try:
        return await work
    except Exception as error:
        return _Failed(error)


class _Failed:
    def __init__(self, error: Exception) -> None:
        self.error = error


def _unwrap(outcome: T | _Failed) -> T:
    if isinstance(outcome, _Failed):
        raise outcome.error
    return outcome


def _loop() -> asyncio.AbstractEventLoop:
    with _starting:
        loop = _loops.get(os.getpid())
        if loop is None:
            loop = _loops[os.getpid()] = asyncio.new_event_loop()
            # a daemon, so that a call that hangs does not hold up the exit of the process
            threading.Thread(target=loop.run_forever, name="endpoints", daemon=True).start()
        return loop

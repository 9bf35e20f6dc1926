"""One call of a Space in a thread of its own: connect, ask, follow, read the answer."""

from __future__ import annotations

import threading
import urllib.parse
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Any, Generic, Protocol, TypeVar

from backend.core.errors import (
    GenerationCanceled,
    SpaceAnswerUnusable,
    SpaceError,
    SpaceTimedOut,
    SpaceUnavailable,
)
from backend.core.models import Progress

from ._answers import MAX_FILE_BYTES, RemoteFile, too_large
from ._signature import Endpoint
from ._stream import Job, Update
from ._troubles import Trouble

_FIRST_RETRY_SECONDS, _LONGEST_RETRY_SECONDS = 0.25, 5.0

T = TypeVar("T")
Fetch = Callable[[RemoteFile], bytes]
"""Reads a file through the Space that named it, never more than MAX_FILE_BYTES."""


@dataclass(frozen=True)
class Ask(Generic[T]):
    """What one kind of model wants of a Space; the functions run in the call's thread and may raise SpaceAnswerUnusable.

    `find` picks the endpoint from the dict of `view_api`, `arguments` gives values by parameter name, `read` makes
    the result of the answer, `partial` the text so far of a partial answer.
    """

    find: Callable[[object], Endpoint]
    arguments: Callable[[Endpoint], Mapping[str, Any]]
    read: Callable[[object, Endpoint, Fetch], T]
    partial: Callable[[object, Endpoint], str | None] = lambda output, endpoint: None


@dataclass(frozen=True)
class Done(Generic[T]):
    """The result of a call that ended well."""

    result: T


class Lender(Protocol):
    """Who lends the connected client to calls, and knows what their errors mean."""

    name: str

    def borrow(self, given_up: threading.Event) -> tuple[Any, bool]:
        """A connected client, and whether calls used it before. Blocks; raises anything."""
        ...

    def forget(self, client: Any) -> None:
        """Lend this client no more."""
        ...

    def judge(self, error: BaseException) -> Trouble:
        """What went wrong, in our words."""
        ...


class Call(Generic[T]):
    """One call of a Space, worked on in its own thread; its events are read by the caller's."""

    def __init__(self, space: Lender, ask: Ask[T]) -> None:
        self._space = space
        self._ask = ask
        self._events: SimpleQueue[Progress | Done[T] | SpaceError] = SimpleQueue()
        self._given_up = threading.Event()
        self._asleep_because: str | None = None
        self._job: Job | None = None
        self._text: str | None = None
        self.connecting = True

    # ------------------------------------------------------------------------ the caller's side

    def next_event(self, seconds: float) -> Progress | Done[T] | SpaceError | None:
        """The next thing that happened, None when nothing did within `seconds`."""
        try:
            return self._events.get(timeout=max(seconds, 0.001))
        except Empty:
            return None

    def give_up(self) -> None:
        """Cancel what still runs, without waiting for it. Harmless when the call has ended."""
        self._given_up.set()
        job = self._job
        if job is not None:
            threading.Thread(target=job.stop, name="space-cancel", daemon=True).start()

    def late(self, deadline_seconds: float) -> SpaceError:
        """The error for a deadline that passed, depending on how far the call came."""
        space, seconds = self._space.name, f"{round(deadline_seconds, 2):g} s"
        if self.connecting and self._asleep_because:
            return SpaceUnavailable(
                f"The Space {space} did not wake up within {seconds}: {self._asleep_because}"
            )
        what = "did not answer" if self.connecting else "did not finish"
        return SpaceTimedOut(f"The Space {space} {what} within {seconds}.")

    # ------------------------------------------------------------------------ the call's own thread

    def work(self) -> None:
        """Connect, run the job, read the answer. Every outcome becomes an event; nothing is raised."""
        pause = _FIRST_RETRY_SECONDS
        while not self._given_up.is_set():
            try:
                self._events.put(Done(self._attempt()))
                return
            except Exception as error:
                trouble = self._space.judge(error)
                if not trouble.may_be_waking:
                    self._events.put(trouble.problem)
                    return
                if not self.connecting:
                    name = self._space.name
                    lost = f"The Space {name} went away while it was working; try again later."
                    self._events.put(SpaceUnavailable(lost))
                    return
                self._asleep_because = str(trouble.problem)
                self._events.put(Progress("waking"))
            self._given_up.wait(pause)
            pause = min(pause * 1.5, _LONGEST_RETRY_SECONDS)

    def _attempt(self, *, again: bool = True) -> T:
        client, used = self._space.borrow(self._given_up)
        try:
            self._stop_if_given_up()
            endpoint = self._ask.find(client.view_api(print_info=False, return_format="dict"))
            values = endpoint.positional(self._ask.arguments(endpoint))
            output = self._run(Job(client, endpoint.name, values), endpoint)
            return self._ask.read(output, endpoint, lambda file: self._fetch(client, file))
        except GenerationCanceled:
            raise
        except Exception as error:
            # A client kept from earlier may know a Space that restarted or changed since: once more with a new one.
            self._space.forget(client)
            if used and again and self.connecting and not isinstance(error, SpaceError):
                return self._attempt(again=False)
            raise

    def _run(self, job: Job, endpoint: Endpoint) -> object:
        """Follow the job to its end, reporting position and partial text the moment they come."""

        def report(update: Update) -> None:
            self.connecting = False
            if update.has_output:
                self._text = self._ask.partial(update.output, endpoint) or self._text
            text = self._text if update.state == "running" else None
            self._events.put(Progress(update.state, update.queue_position, text))

        job.join()
        if job.accepted:
            self.connecting = False
        self._job = job
        try:
            if (
                self._given_up.is_set()
            ):  # while the Space took the job: nobody else could stop it then
                job.stop()
                raise GenerationCanceled("The call was given up.")
            return job.follow(report)
        finally:
            self._job = None

    def _fetch(self, client: Any, file: RemoteFile) -> bytes:
        """Read a file through the Space, without redirects, never more than MAX_FILE_BYTES."""
        url = client.src_prefixed + "file=" + urllib.parse.quote(file.path, safe="/")
        content = bytearray()
        with client.http.stream("GET", url) as answer:
            if answer.status_code != 200:
                raise SpaceAnswerUnusable(
                    f"The Space does not hand out the file it named (HTTP {answer.status_code})."
                )
            for piece in answer.iter_bytes():
                content += piece
                if len(content) > MAX_FILE_BYTES:
                    raise too_large()
                self._stop_if_given_up()
        return bytes(content)

    def _stop_if_given_up(self) -> None:
        if self._given_up.is_set():
            raise GenerationCanceled("The call was given up.")

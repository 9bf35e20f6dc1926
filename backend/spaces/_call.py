"""One call of a Space in a thread of its own: connect, submit, follow, read the answer."""

from __future__ import annotations

import threading
import time
import urllib.parse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Any, Protocol

from backend.core.errors import (
    GenerationCanceled,
    SpaceAnswerUnusable,
    SpaceError,
    SpaceTimedOut,
    SpaceUnavailable,
)
from backend.core.models import Progress

from ._answers import MAX_IMAGE_BYTES, Output, RemoteFile, image_mime, read_output, too_large
from ._signature import Endpoint, find_endpoint
from ._troubles import Trouble

CONNECT_SECONDS = 10.0
READ_SECONDS = 60.0
"""Longest silence accepted from a Space; Gradio sends a heartbeat every 15 s while a job waits or runs."""
_POLL_SECONDS = 0.02
_FIRST_RETRY_SECONDS, _LONGEST_RETRY_SECONDS = 0.25, 5.0

_NO_NEWS = ("STARTING", "JOINING_QUEUE", "SENDING_DATA", "FINISHED")  # gradio_client.utils.Status


@dataclass(frozen=True)
class Result:
    """A Space's answer: `text` as it came (None without one), the image's bytes with their real MIME type."""

    text: str | None
    image: bytes | None = None
    image_mime: str | None = None


class Lender(Protocol):
    """Who lends connected clients to calls, and knows what their errors mean."""

    name: str

    def borrow(self) -> tuple[Any, bool]:
        """A gradio_client.Client for one call, and whether it was used before. Blocks; raises anything."""
        ...

    def give_back(self, client: Any) -> None:
        """Take back a client whose call ended well."""
        ...

    def forget_idle(self) -> None:
        """Drop the clients that wait for another call."""
        ...

    def judge(self, error: BaseException) -> Trouble:
        """What went wrong, in our words."""
        ...


class Call:
    """One call of a Space, worked on in its own thread; its events are read by the caller's."""

    def __init__(
        self,
        space: Lender,
        preferred: Sequence[str],
        arguments: Callable[[Endpoint], Mapping[str, Any]],
        *,
        want_image: bool,
    ) -> None:
        self._space = space
        self._preferred = preferred
        self._arguments = arguments
        self._want_image = want_image
        self._events: SimpleQueue[Progress | Result | SpaceError] = SimpleQueue()
        self._given_up = threading.Event()
        self._asleep_because: str | None = None
        self.connecting = True

    # ------------------------------------------------------------------------ the caller's side

    def next_event(self, seconds: float) -> Progress | Result | SpaceError | None:
        """The next thing that happened, None when nothing did within `seconds`."""
        try:
            return self._events.get(timeout=max(seconds, 0.001))
        except Empty:
            return None

    def give_up(self) -> None:
        """Let the call's thread cancel what still runs and end. Harmless when it has ended."""
        self._given_up.set()

    def late(self, deadline_seconds: float) -> SpaceError:
        """The error for a deadline that passed, depending on how far the call came."""
        space, seconds = self._space.name, f"{deadline_seconds:g} s"
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
                self._events.put(self._attempt())
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

    def _attempt(self) -> Result:
        client, used = self._space.borrow()
        try:
            endpoint = find_endpoint(
                client.view_api(print_info=False, return_format="dict"), self._preferred
            )
            values = endpoint.positional(self._arguments(endpoint))
            job = client.submit(*values, api_name=endpoint.name)
            output = self._follow(job, endpoint)
            result = self._collect(client, output)
        except Exception as error:
            _discard(client)
            # A client kept from earlier may know a Space that restarted or changed since: once more with a new one.
            self._space.forget_idle()
            if used and self.connecting and not isinstance(error, SpaceError):
                return self._attempt()
            raise
        self._space.give_back(client)
        return result

    def _follow(self, job: Any, endpoint: Endpoint) -> Output:
        """Wait for the job's end, reporting position and partial text on the way."""
        seen, text = 0, None
        while not job.done():
            if self._given_up.wait(_POLL_SECONDS):
                self._cancel(job)
                raise GenerationCanceled("The call was given up.")
            if job.communicator.event_id is None:
                continue  # the Space has not accepted the job yet
            self.connecting = False
            status, outputs = job.status(), job.outputs()
            if status.code.name in _NO_NEWS:
                continue
            if status.code.name == "IN_QUEUE":
                self._events.put(Progress("queued", queue_position=status.rank))
                continue
            if len(outputs) > seen:
                seen = len(outputs)
                partial = read_output(outputs[-1], endpoint.returns).text
                text = partial if isinstance(partial, str) else text
            self._events.put(Progress("running", text=text))
        if job.communicator.event_id is not None:
            self.connecting = False
        return read_output(job.result(timeout=0), endpoint.returns)

    def _cancel(self, job: Any) -> None:
        """Tell the Space to stop, once it has accepted the job: before, it would not know what to stop."""
        patience = time.monotonic() + CONNECT_SECONDS
        while job.communicator.event_id is None and not job.done() and time.monotonic() < patience:
            threading.Event().wait(_POLL_SECONDS)
        job.cancel()

    def _collect(self, client: Any, output: Output) -> Result:
        text = output.text
        if isinstance(text, RemoteFile):
            text = self._fetch(client, text).decode("utf-8", "replace")
            text = read_output(text, ()).text  # the limit on texts holds here too
        if not self._want_image or output.image is None:
            return Result(text if isinstance(text, str) else None)
        image = (
            self._fetch(client, output.image)
            if isinstance(output.image, RemoteFile)
            else output.image
        )
        return Result(text if isinstance(text, str) else None, image, image_mime(image))

    def _fetch(self, client: Any, file: RemoteFile) -> bytes:
        """Read a file through the Space, without redirects, never more than MAX_IMAGE_BYTES."""
        import httpx

        url = client.src_prefixed + "file=" + urllib.parse.quote(file.path, safe="/")
        content = bytearray()
        with httpx.stream(
            "GET", url, headers=client.headers, cookies=client.cookies, timeout=READ_SECONDS
        ) as answer:
            if answer.status_code != 200:
                raise SpaceAnswerUnusable(
                    f"The Space does not hand out the file it named (HTTP {answer.status_code})."
                )
            for piece in answer.iter_bytes():
                content += piece
                if len(content) > MAX_IMAGE_BYTES:
                    raise too_large()
                if self._given_up.is_set():
                    raise GenerationCanceled("The call was given up.")
        return bytes(content)


def _discard(client: Any) -> None:
    """Let go of a client after trouble, and end its threads that wait for messages nobody will send."""
    with client.pending_lock:
        waiting = list(client.pending_messages_per_event.values())
    for messages in waiting:
        messages.append(None)  # gradio_client's own sign for "the stream has ended"

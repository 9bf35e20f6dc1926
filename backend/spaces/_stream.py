"""One job of a Space, followed message by message in the thread that asked for it.

gradio_client connects and knows the app. Its own job looks for messages every 50 ms and keeps four threads busy; here
each message is handed on when it arrives, over connections that are kept, in a session of its own: what a Space
remembers of a session (a chat's history) never reaches another call, and cancelling one call leaves the others alone.
"""

from __future__ import annotations

import contextlib
import json
import socket
import urllib.parse
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from backend.core.errors import SpaceAnswerUnusable

from ._troubles import AppFailed, QueueFull, StreamEnded

CONNECT_SECONDS = 10.0
READ_SECONDS = 60.0
"""Longest silence accepted from a Space; Gradio sends a heartbeat every 15 s while a job waits or runs."""
_MAX_MESSAGE_BYTES = 64 * 1024 * 1024
"""Longest message: an answer may hold a file of 20 MB as a data URL."""


@dataclass(frozen=True)
class Update:
    """What a running job told. `queue_position` is 0 for "next"; `output` the partial answer, if `has_output`."""

    state: Literal["queued", "running"]
    queue_position: int | None = None
    output: object = None
    has_output: bool = False


class Job:
    """One call of a Space's endpoint. `join` and `follow` belong to one thread, `stop` to any other."""

    def __init__(self, client: Any, endpoint: str, values: Sequence[object]) -> None:
        self._client = client
        self._known = next(e for e in client.endpoints.values() if e.api_name == endpoint)
        self._values = values
        self._session = {"fn_index": self._known.fn_index, "session_hash": str(uuid.uuid4())}
        self._response: Any = None
        self._stopped = False
        self._grown: list[Any] | None = None
        self._event_id: str | None = None

    @property
    def accepted(self) -> bool:
        """Whether the Space took the job into its queue."""
        return self._event_id is not None

    def join(self) -> None:
        """Put the job into the Space's queue. Raises QueueFull, AppFailed and what httpx raises.

        Gradio 4.0 to 4.11 ("sse") is asked in `follow`: there a job joins by opening its stream.
        """
        if self._client.protocol != "sse":
            self._event_id = self._send({}).get("event_id")

    def follow(self, report: Callable[[Update], None]) -> object:
        """Hand on what the Space tells until it ends; returns the answer, one value or a tuple of them.

        Raises StreamEnded when the Space goes away, AppFailed for an error of its own, QueueFull,
        SpaceAnswerUnusable, what httpx raises, and what `report` raises.
        """
        for message in self._messages():
            match message.get("msg"):
                case "estimation":
                    rank = message.get("rank")
                    report(Update("queued", rank if isinstance(rank, int) else None))
                case "process_starts" | "progress":
                    report(Update("running"))
                case "process_generating":
                    output = self._read(message, partial=True)
                    report(Update("running", output=output, has_output=output is not None))
                case "process_completed":
                    return self._read(message, partial=False)
                case (
                    "send_data"
                ):  # the oldest protocol asks for the inputs when it is the job's turn
                    self._event_id = str(message.get("event_id"))
                    self._send({"event_id": self._event_id})
                case "queue_full":
                    raise QueueFull
                case "server_stopped" | "unexpected_error" | "close_stream":
                    raise StreamEnded
        raise StreamEnded

    def stop(self) -> None:
        """Tell the Space to stop, and end the stream. Blocks for at most CONNECT_SECONDS; raises nothing."""
        import httpx

        self._stopped = True
        client, url = self._client, urllib.parse.urljoin(self._client.src_prefixed, "cancel")
        if self.accepted:
            with contextlib.suppress(httpx.HTTPError):
                client.http.post(
                    url,
                    json={**self._session, "event_id": self._event_id},
                    timeout=CONNECT_SECONDS,
                )
        # Closing a response from another thread is not safe; an end of file is.
        response = self._response
        stream = response.extensions.get("network_stream") if response is not None else None
        connection = stream.get_extra_info("socket") if stream is not None else None
        if connection is not None:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def _send(self, more: Mapping[str, object]) -> Mapping[str, Any]:
        """Hand over the inputs, with the None that Gradio wants where an endpoint keeps a state."""
        from gradio_client.utils import extract_validation_message

        client = self._client
        answer = client.http.post(
            client.sse_data_url,
            json={"data": self._known.insert_empty_state(*self._values), **more, **self._session},
            headers={"x-gradio-user": "api"},
        )
        if answer.status_code == 503:
            raise QueueFull
        if (complaint := extract_validation_message(answer)) is not None:
            raise AppFailed(complaint)
        answer.raise_for_status()
        told = answer.json()
        return told if isinstance(told, Mapping) else {}

    def _messages(self) -> Iterator[Mapping[str, Any]]:
        """What the Space sends, each as soon as its last byte is there."""
        client, buffer = self._client, bytearray()
        params = self._session if client.protocol == "sse" else self._session_only()
        with client.http.stream("GET", client.sse_url, params=params) as response:
            response.raise_for_status()
            self._response = response
            for piece in response.iter_bytes():
                if self._stopped:
                    raise StreamEnded
                seen = max(0, len(buffer) - 1)
                buffer += piece
                while (end := buffer.find(b"\n\n", seen)) >= 0:
                    block, seen = bytes(buffer[:end]), 0
                    del buffer[: end + 2]
                    if block.strip():
                        yield _message(block)
                if len(buffer) > _MAX_MESSAGE_BYTES:
                    raise SpaceAnswerUnusable("The Space's answer is larger than 64 MB.")

    def _session_only(self) -> dict[str, str]:
        return {"session_hash": self._session["session_hash"]}

    def _read(self, message: Mapping[str, Any], *, partial: bool) -> object:
        output = message.get("output")
        if not isinstance(output, Mapping):
            raise SpaceAnswerUnusable("The Space sent a message that Lin cannot read.")
        if "error" in output and (not partial or not output.get("data")):
            raise AppFailed(output["error"])
        data = output.get("data")
        if not isinstance(data, list) or not data:
            if partial:
                return None
            raise SpaceAnswerUnusable("The Space answered without any output.")
        if partial and self._client.protocol not in ("sse", "sse_v1"):
            data = self._grow(data)
        answer: object = self._known.process_predictions(*data)
        return answer

    def _grow(self, data: list[Any]) -> list[Any]:
        """The first partial answer comes whole, each later one as its difference from the one before."""
        from gradio_client.utils import apply_diff

        if self._grown is None:
            self._grown = list(data)
            return list(data)
        for place, difference in enumerate(data):
            if place >= len(self._grown):  # an app reloaded in mid-stream may have more outputs
                self._grown.append(None)
            try:
                self._grown[place] = apply_diff(self._grown[place], difference)
            except (ValueError, TypeError, LookupError):
                raise SpaceAnswerUnusable(
                    "The Space sent a message that Lin cannot read."
                ) from None
        return list(self._grown)


def _message(block: bytes) -> Mapping[str, Any]:
    if block.lstrip().startswith(b"data:"):
        with contextlib.suppress(ValueError):
            told = json.loads(block.lstrip()[5:])
            if isinstance(told, Mapping):
                return told
    raise SpaceAnswerUnusable("The Space sent a message that Lin cannot read.")

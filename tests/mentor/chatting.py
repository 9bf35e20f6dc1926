"""People who talk with the mentor over HTTP, as a frontend does."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.people import Person
from tests.tls import TLS

SECONDS = 60.0


@dataclass(frozen=True)
class Event:
    """One event of a stream; `id` is its own, empty without one."""

    name: str
    id: str
    data: dict[str, Any]


class Stream:
    """An answer as it comes in."""

    def __init__(self, answer: httpx.Response) -> None:
        self.answer = answer
        self.text = ""
        self.last_id = ""
        self._events = self._read()

    def __iter__(self) -> Iterator[Event]:
        return self._events

    def until_text(self, characters: int = 1) -> str:
        """Read on until there are so many characters; returns all text so far."""
        while len(self.text) < characters:
            event = next(self._events)
            assert event.name not in ("done", "error"), event
        return self.text

    def rest(self) -> list[Event]:
        """All events that are still to come."""
        return list(self._events)

    def end(self) -> Event:
        """The last event; its text is the whole answer."""
        return self.rest()[-1]

    def _read(self) -> Iterator[Event]:
        name = event_id = ""
        for line in self.answer.iter_lines():
            kind, _, value = line.partition(": ")
            if kind == "id":
                event_id = value
            elif kind == "event":
                name = value
            elif kind == "data":
                event = Event(name, event_id, json.loads(value))
                if name == "delta":
                    self.text += event.data["text"]
                if name == "replace":
                    self.text = event.data["text"]
                self.last_id = event_id or self.last_id
                yield event
                name = event_id = ""


@dataclass
class Chatter:
    """Somebody at a frontend that talks with one web process."""

    api_url: str
    person: Person
    http: httpx.Client = field(
        default_factory=lambda: httpx.Client(timeout=SECONDS, trust_env=False, verify=TLS)
    )

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> httpx.Response:
        """One call; underscores in names of headers are hyphens."""
        return self.http.request(
            method, f"{self.api_url}{path}", json=body, headers=self._headers(headers)
        )

    def ask(self, message: str, session_id: str | None = None, **headers: str) -> dict[str, Any]:
        """Say something; the whole turn."""
        answer = self.call("POST", "/api/chat/send", _body(message, session_id), Accept="application/json", **headers)  # fmt: skip
        assert answer.status_code == 200, answer.text
        turn: dict[str, Any] = answer.json()
        return turn

    @contextmanager
    def say(self, message: str, session_id: str | None = None, **headers: str) -> Iterator[Stream]:
        """Say something and follow the answer; leaving the block is leaving the page."""
        with self._stream("POST", "/api/chat/send", _body(message, session_id), headers) as stream:
            yield stream

    @contextmanager
    def follow(self, message_id: str, last_id: str | None = None) -> Iterator[Stream]:
        """Follow an answer from where an earlier stream ended."""
        headers = {"Last_Event_ID": last_id} if last_id else {}
        path = f"/api/chat/messages/{message_id}/events"
        with self._stream("GET", path, None, headers) as stream:
            yield stream

    @contextmanager
    def _stream(
        self, method: str, path: str, body: Any, headers: dict[str, str]
    ) -> Iterator[Stream]:
        url = f"{self.api_url}{path}"
        with self.http.stream(method, url, json=body, headers=self._headers(headers)) as answer:
            if answer.status_code != 200:
                answer.read()
            assert answer.status_code == 200, answer.text
            yield Stream(answer)

    def _headers(self, more: dict[str, str]) -> dict[str, str]:
        own = {name.replace("_", "-"): value for name, value in more.items()}
        return {"Authorization": f"Bearer {self.person.token}"} | own

    # -------------------------------------------------------------------- rows, as the frontend reads them

    def messages(self, session_id: str) -> list[dict[str, Any]]:
        """A session, oldest first."""
        found: list[dict[str, Any]] = self.person.rest(
            "GET", f"chat_messages?session_id=eq.{session_id}&order=position"
        ).json()
        return found

    def message(self, message_id: str) -> dict[str, Any]:
        """One message."""
        (found,) = self.person.rest("GET", f"chat_messages?id=eq.{message_id}").json()
        row: dict[str, Any] = found
        return row


def _body(message: str, session_id: str | None) -> dict[str, str]:
    return {"message": message} | ({"session_id": session_id} if session_id else {})

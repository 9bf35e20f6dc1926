"""Processes of these tests alone: web servers and a Space that may be killed, and people who follow drafts."""

from __future__ import annotations

import json
import os
import signal
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import requests

from local.stack import Stack
from local.stack.forking import Forked
from tests.people import Person
from tests.programs import fork_space, fork_web
from tests.waiting import until

SECONDS = 90


class Event(NamedTuple):
    """One event of a stream."""

    number: int | None
    name: str
    data: dict[str, Any]


class Stream:
    """An open stream of a generation's events."""

    def __init__(self, answer: requests.Response) -> None:
        self._answer = answer
        self._lines = answer.iter_lines(decode_unicode=True)
        self.retry: int | None = None

    def __iter__(self) -> Iterator[Event]:
        number, name = None, ""
        for line in self._lines:
            field, _, value = line.partition(": ")
            if field == "id":
                number = int(value)
            elif field == "event":
                name = value
            elif field == "retry":
                self.retry = int(value)
            elif field == "data":
                yield Event(number, name, json.loads(value))
                number = None

    def close(self) -> None:
        """Leave, as a browser does."""
        self._answer.close()


@dataclass(frozen=True)
class Caller:
    """Somebody who is signed in, at one web process."""

    api_url: str
    person: Person

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> requests.Response:
        """One call of the API; underscores in header names are hyphens."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        sent["Authorization"] = f"Bearer {self.person.token}"
        return requests.request(
            method, f"{self.api_url}{path}", json=body, headers=sent, timeout=SECONDS
        )

    def ask(self, **wanted: Any) -> str:
        """Ask for a draft; its id."""
        answer = self.call("POST", "/api/generate", {"platform": "linkedin"} | wanted)
        assert answer.status_code == 202, answer.text
        return str(answer.json()["generation_id"])

    def follow(self, generation: str, after: Any = None) -> Stream:
        """The stream of a draft, going on after an event's id."""
        headers = {"Authorization": f"Bearer {self.person.token}"}
        if after is not None:
            headers["Last-Event-ID"] = str(after)
        answer = requests.get(
            f"{self.api_url}/api/generations/{generation}/events", headers=headers, stream=True, timeout=SECONDS
        )  # fmt: skip
        assert answer.status_code == 200, answer.text
        assert answer.headers["Content-Type"].startswith("text/event-stream")
        return Stream(answer)

    def end(self, generation: str) -> Event:
        """How a draft ends."""
        return list(self.follow(generation))[-1]

    def row(self, generation: str) -> dict[str, Any]:
        """The row as its owner reads it."""
        (found,) = self.person.rest("GET", f"generations?id=eq.{generation}").json()
        row: dict[str, Any] = found
        return row


class OwnSpace:
    """The local Space as a process that a test may stop, kill and start again at the same address."""

    def __init__(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self._port = int(free.getsockname()[1])
        self.url = f"http://127.0.0.1:{self._port}"
        self.process: Forked | None = None

    @property
    def lives(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def start(self) -> None:
        """Start it unless it lives, and wait until it serves."""
        if self.lives:
            return
        self.stop()
        self.process, url = fork_space(port=self._port)
        assert url.rstrip("/") == self.url

    def stop(self) -> None:
        """End it at once."""
        if self.process is None:
            return
        self.process.kill()
        self.process.wait(20)
        if self.process.stdout:
            self.process.stdout.close()
        self.process = None

    def order(self, order: str, **more: Any) -> None:
        """What its next call does instead of behaving."""
        told = {"order": order, **more}
        requests.post(f"{self.url}/_control/orders", json=told, timeout=30).raise_for_status()

    def forget(self) -> None:
        """Forget orders and calls."""
        requests.delete(f"{self.url}/_control/orders", timeout=30).raise_for_status()

    @property
    def calls(self) -> list[dict[str, Any]]:
        """What it was asked for."""
        found: list[dict[str, Any]] = requests.get(f"{self.url}/_control/calls", timeout=30).json()
        return found


class Web:
    """One more web process on the quiet stack."""

    def __init__(self, stack: Stack, name: str, **env: str) -> None:
        listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        self.log = Path(stack.info["state"]) / "logs" / f"web-{name}.log"
        with listening:
            env = stack.backend_env() | {"PUBLIC_URL": self.url} | env
            self._process = fork_web(env, listening, self.log)
        until(self._is_live, f"the web process {name}", 90)

    def _is_live(self) -> bool:
        assert self._process.poll() is None, self.log.read_text()[-3000:]
        try:
            return requests.get(f"{self.url}/health/live", timeout=5).status_code == 200
        except requests.RequestException:
            return False

    def kill(self) -> None:
        """End it in the middle of whatever it does."""
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(20)

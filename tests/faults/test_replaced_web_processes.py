"""Web processes are replaced one after another while people use them: every request is answered, every post goes out once."""

from __future__ import annotations

import http.client
import json
import os
import secrets
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import pytest

from local.stack import Stack
from local.stack.forking import Forked
from tests.engine.actors import Post
from tests.faults.rig import Rig
from tests.people import People, Person
from tests.programs import fork_web
from tests.waiting import until

SECONDS = 60
PUBLISHERS, READERS = 3, 3


class Web:
    """A web process at an address that is its own, before and after it is replaced."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = int(free.getsockname()[1])
        self._process: Forked | None = None

    def start(self) -> None:
        """Start it and wait until it answers."""
        log = Path(self._stack.info["state"]) / "logs" / f"web-{self.port}.log"
        env = self._stack.backend_env() | {"PUBLIC_URL": f"http://127.0.0.1:{self.port}"}
        self._process = fork_web(env, self.port, log)
        until(self._is_live, "the web process", 90)

    def _is_live(self) -> bool:
        try:
            return ask(self.port, "GET", "/health/live", {})[0] == 200
        except OSError:
            return False

    def stop(self) -> int:
        """Tell it to end, as an init system does; its exit status."""
        assert self._process
        self._process.send_signal(signal.SIGTERM)
        return self._process.wait(SECONDS)

    def kill(self) -> None:
        """End it if it still runs."""
        if self._process and self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(20)


def ask(port: int, method: str, path: str, headers: dict[str, str]) -> tuple[int, bytes]:
    """One request over a connection of its own, as Nginx talks to an upstream without keepalive."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=SECONDS)
    try:
        connection.request(method, path, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


@dataclass
class Proxy:
    """What scripts/deploy/nginx.conf does: turn by turn, to the other one where no connection can be made, and nothing that was
    sent is sent again."""

    ports: list[int]
    turns: Iterator[int] = field(default_factory=count)

    def ask(self, method: str, path: str, headers: dict[str, str]) -> tuple[int, bytes]:
        first = next(self.turns)
        try:
            return ask(self.ports[first % 2], method, path, headers)
        except ConnectionRefusedError:
            return ask(self.ports[(first + 1) % 2], method, path, headers)


@dataclass
class Crowd:
    """People who go on with what they do until it is over, and what they were answered."""

    proxy: Proxy
    over: threading.Event = field(default_factory=threading.Event)
    answered: list[tuple[str, int]] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    threads: list[threading.Thread] = field(default_factory=list)

    def repeat(self, deed: Callable[[], tuple[str, int]]) -> None:
        """Somebody who does this again and again."""

        def go_on() -> None:
            while not self.over.is_set():
                try:
                    self.answered.append(deed())
                except (OSError, http.client.HTTPException) as error:
                    self.failed.append(repr(error))

        self.threads.append(threading.Thread(target=go_on))
        self.threads[-1].start()

    def end(self) -> None:
        """Let everybody finish."""
        self.over.set()
        for thread in self.threads:
            thread.join(SECONDS)


@pytest.fixture
def webs(quiet_stack: Stack) -> Iterator[list[Web]]:
    """Two of them."""
    made = [Web(quiet_stack), Web(quiet_stack)]
    try:
        for web in made:
            web.start()
        yield made
    finally:
        for web in made:
            web.kill()


@pytest.fixture
def ada(quiet_stack: Stack) -> Iterator[Person]:
    """Somebody who is signed in."""
    people = People(quiet_stack.info)
    yield people.make("ada")
    people.close()


@pytest.mark.parametrize("times", [1, pytest.param(4, marks=pytest.mark.slow)])
def test_web_processes_replaced_under_load_fail_no_request_and_double_no_post(
    rig: Rig, webs: list[Web], ada: Person, times: int
) -> None:
    worker = rig.worker_process()
    crowd = Crowd(Proxy([web.port for web in webs]))
    posts: list[Post] = []

    def publish() -> tuple[str, int]:
        post = rig.draft(rig.account(ada.id), text=f"Post {secrets.token_hex(8)}")
        posts.append(post)
        headers = _headers(ada) | {"Prefer": "wait=5", "Idempotency-Key": post.id}
        status, _ = crowd.proxy.ask("POST", f"/api/posts/{post.id}/publish", headers)
        return "publish", status

    def read() -> tuple[str, int]:
        status, body = crowd.proxy.ask("GET", "/api/platforms", _headers(ada))
        assert json.loads(body)
        return "read", status

    try:
        for _ in range(PUBLISHERS):
            crowd.repeat(publish)
        for _ in range(READERS):
            crowd.repeat(read)
        for web in webs * times:
            seen = len(crowd.answered)
            until(lambda seen=seen: len(crowd.answered) > seen + 10, "requests", SECONDS)  # type: ignore[misc] # the same
            assert web.stop() == 0
            web.start()
    finally:
        crowd.end()
    assert crowd.failed == []
    statuses = {("publish", 200), ("publish", 202), ("read", 200)}
    assert set(crowd.answered) <= statuses
    rig.wait_for(posts, "published")
    assert {len(rig.received(post)) for post in posts} == {1}
    rig.first_due.update({post.target: rig.target(post.target)["due_at"] for post in posts})
    assert rig.end(worker) == 0
    rig.assert_invariants(*posts)


def _headers(person: Person) -> dict[str, str]:
    return {"Authorization": f"Bearer {person.token}", "Content-Length": "0"}

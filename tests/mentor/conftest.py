"""People with things to read, Spaces that can be told to misbehave or that obey everything, and the mentor between them."""

from __future__ import annotations

import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
import requests

from backend.core.errors import LinError
from backend.core.mentoring import BegunTurn, Mentor
from backend.core.retrieving import Retriever
from backend.core.streams import Answer, Ending, Event
from backend.spaces import connect
from backend.store import Supabase
from local.stack import Stack
from local.stack.forking import Forked
from local.stack.processes import Child
from tests.mentor.chatting import Chatter
from tests.people import Person
from tests.programs import fork_web
from tests.tls import TLS
from tests.waiting import until

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 60


@pytest.fixture
def chatter(stack: Stack) -> Iterator[Callable[..., Chatter]]:
    """`chatter(person)`: at a frontend; `api_url` names another web process."""
    opened = []

    def make(person: Person, api_url: str | None = None) -> Chatter:
        opened.append(Chatter(api_url or stack.info["api_url"], person))
        return opened[-1]

    yield make
    for one in opened:
        one.http.close()


@pytest.fixture(scope="package")
def sql(stack: Stack) -> Iterator[Callable[..., list[Any]]]:
    """Runs a statement as the database's owner."""
    if not stack.info["database_url"]:
        pytest.skip("this stack has no database URL")
    with psycopg.connect(stack.info["database_url"], autocommit=True) as connection:

        def run(statement: str, *values: Any) -> list[Any]:
            cursor = connection.execute(statement, values)
            return cursor.fetchall() if cursor.description else []

        yield run


Reads = Callable[..., list[str]]


@pytest.fixture(scope="package")
def reads(stack: Stack, sql: Callable[..., list[Any]]) -> Reads:
    """`reads(person, (title, text, url), …)`: articles of a source of theirs, found from now on; returns their ids."""

    def add(person: Person, *articles: tuple[str, str, str | None]) -> list[str]:
        ((source,),) = sql(
            "insert into sources (user_id, url, next_fetch_at, status) values (%s, 'https://reads.example/' || gen_random_uuid(), '2100-01-01', 'ok') returning id",
            person.id,
        )
        ids = [
            str(
                sql(
                    "insert into source_items (user_id, source_id, guid, title, text, url) values (%s, %s, %s, %s, %s, %s) returning id",
                    person.id, source, str(number), title, text, url,
                )[0][0]
            )
            for number, (title, text, url) in enumerate(articles)
        ]  # fmt: skip
        waiting = "select 1 from indexing_queue where id = any (%s::uuid[])"
        until(lambda: not sql(waiting, ids), "the worker to index what they read", SECONDS)
        return ids

    return add


@dataclass
class SpaceProcess:
    """A local Space of this suite's own, which may end and come back at the same address."""

    stack: Stack
    port: int
    child: Child | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it if it does not run."""
        if self.child and self.child.popen.poll() is None:
            return
        command = [sys.executable, "-m", "local.space", "--port", str(self.port)]
        env = os.environ | {"PYTHONPATH": str(ROOT / "scripts")}
        self.child = self.stack.processes.start("space-mentor", command, env=env, cwd=ROOT)
        assert self.child.wait_ready(120)["ready"] == self.url

    def order(self, order: str, **more: Any) -> None:
        """What its next chat does instead of behaving."""
        told = {"order": order, "endpoint": "chat", **more}
        requests.post(f"{self.url}/_control/orders", json=told, timeout=30).raise_for_status()

    def forget(self) -> None:
        """Forget orders and calls."""
        requests.delete(f"{self.url}/_control/orders", timeout=30).raise_for_status()

    @property
    def calls(self) -> list[dict[str, Any]]:
        """What it was asked."""
        found: list[dict[str, Any]] = requests.get(f"{self.url}/_control/calls", timeout=30).json()
        return found


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    return port


@pytest.fixture(scope="package")
def space_process(stack: Stack) -> Iterator[SpaceProcess]:
    one = SpaceProcess(stack, free_port())
    yield one
    if one.child:
        stack.processes.stop([one.child])


@pytest.fixture
def space(space_process: SpaceProcess) -> Iterator[SpaceProcess]:
    """The Space, behaving until it is told otherwise."""
    space_process.start()
    space_process.forget()
    yield space_process
    space_process.start()
    space_process.forget()


@dataclass
class Web:
    """A web process beside the stack's, whose mentor is the Space of this suite."""

    stack: Stack
    port: int
    space_url: str
    process: Forked | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it if it does not run."""
        if self.process and self.process.poll() is None:
            return
        env = self.stack.backend_env() | {"MENTOR_SPACE": self.space_url, "PUBLIC_URL": self.url}
        log = Path(self.stack.info["state"]) / "logs" / "web-mentor.log"
        self.process = fork_web(env, self.port, log)
        until(self._is_live, "the second web process", SECONDS)

    def kill(self) -> None:
        """End it at once, with everything that it was doing (kill -9)."""
        if self.process and self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def _is_live(self) -> bool:
        try:
            return requests.get(f"{self.url}/health/live", timeout=5).status_code == 200
        except requests.RequestException:
            return False


@pytest.fixture(scope="package")
def web_process(stack: Stack, space_process: SpaceProcess) -> Iterator[Web]:
    one = Web(stack, free_port(), space_process.url)
    yield one
    one.kill()


@pytest.fixture
def web(web_process: Web, space: SpaceProcess) -> Web:
    """A second web process, running."""
    web_process.start()
    return web_process


@dataclass
class Talk:
    """The mentor in this process, as services.py builds it, with a Space and a database connection of the test's choice."""

    supabase: Supabase
    mentor: Mentor
    retriever: Retriever = field(default_factory=Retriever)

    def say(self, person: Person, message: str, session_id: str | None = None) -> Said:
        """Say something; the answer comes by itself."""
        assert person.token
        user = self.supabase.as_user(person.token)
        turn = user.chat.begin(session_id, message)
        answer = self.mentor.start(
            turn, person.id, message, lambda: self.retriever.find(user, message, turn.history)
        )
        return Said(turn, answer)


@dataclass
class Said:
    """A turn under way."""

    turn: BegunTurn
    answer: Answer

    def events(self, seen: int = 0) -> Iterator[Event]:
        """What happens, from this character on."""
        return self.answer.follow(seen, SECONDS)

    def ending(self) -> Ending:
        """How it ends."""
        return next(event for event in self.events() if isinstance(event, Ending))

    def until_text(self) -> None:
        """Wait for the first characters."""
        until(lambda: self.answer.text, "the first text", SECONDS)


@pytest.fixture(scope="package")
def supabase(stack: Stack) -> Iterator[Supabase]:
    one = Supabase(
        stack.info["supabase_url"], stack.info["publishable_key"], stack.info["secret_key"]
    )
    yield one
    one.close()


@pytest.fixture(scope="package")
def talk_with(supabase: Supabase) -> Callable[..., Talk]:
    """`talk_with(url)`: a mentor that speaks through the Gradio app there."""

    def make(url: str, deadline_seconds: float = SECONDS, over: Supabase = supabase) -> Talk:
        model = connect(url)
        return Talk(over, Mentor(over.service.answers, model, deadline_seconds=deadline_seconds))

    return make


@dataclass(frozen=True)
class Obedient:
    """A Gradio app that notes what it gets and does whatever any part of it says."""

    url: str

    @property
    def received(self) -> list[dict[str, Any]]:
        """What reached it, with the headers it came with."""
        found: list[dict[str, Any]] = httpx.get(
            f"{self.url}/_received", timeout=30, verify=TLS
        ).json()
        return found

    def forget(self) -> None:
        """Forget that."""
        httpx.delete(f"{self.url}/_received", timeout=30, verify=TLS).raise_for_status()


@pytest.fixture(scope="package")
def obedient(stack: Stack) -> Iterator[Obedient]:
    command = [sys.executable, "-m", "tests.mentor.obedient_space"]
    env = os.environ | {"PYTHONPATH": f"{ROOT}:{ROOT / 'scripts'}"}
    child = stack.processes.start("space-obedient", command, env=env, cwd=stack.state)
    yield Obedient(str(child.wait_ready(120)["ready"]))
    stack.processes.stop([child])


def failed(call: Callable[[], Any], kind: type[LinError]) -> str:
    """What a call says that is refused in this way."""
    with pytest.raises(kind) as refused:
        call()
    return str(refused.value)

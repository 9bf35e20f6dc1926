"""People calling Lin's API over HTTP: the web process of the stack, and a second one with settings of its own."""

from __future__ import annotations

import json
import os
import re
import secrets
import signal
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urljoin, urlsplit

import psycopg
import pytest
import requests

from local.sandbox.driver import Sandbox
from local.stack import Stack
from tests.people import Person
from tests.programs import fork_web
from tests.waiting import until

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 60
PROBLEM = {"type", "title", "status", "detail", "request_id"}


def problem(answer: requests.Response, status: int) -> dict[str, Any]:
    """The body of a refusal of this status."""
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    body: dict[str, Any] = answer.json()
    assert set(body) >= PROBLEM
    assert body["request_id"] == answer.headers["X-Request-ID"]
    return body


@dataclass
class Browser:
    """A browser in which a person, or nobody, is signed in."""

    api_url: str
    frontend_url: str
    sandbox: Sandbox
    person: Person | None
    http: requests.Session = field(default_factory=requests.Session)

    def call(self, method: str, path: str, body: Any = None, **more: Any) -> requests.Response:
        """One call of the API; `headers` are added to those a frontend sends."""
        headers = {"Origin": self.frontend_url}
        if self.person and self.person.token:
            headers["Authorization"] = f"Bearer {self.person.token}"
        headers |= more.pop("headers", {})
        return self.http.request(
            method, f"{self.api_url}{path}", json=body, headers=headers, timeout=SECONDS, **more
        )

    def start(self, redirect_to: str | None = None, platform: str = "linkedin") -> str:
        """Begin to connect an account; returns where the browser has to go."""
        wanted = {
            "platform": platform,
            "redirect_to": redirect_to or f"{self.frontend_url}/connected",
        }
        answer = self.call("POST", "/api/platforms/connect", wanted)
        assert answer.status_code == 200, answer.text
        url: str = answer.json()["authorization_url"]
        return url

    def decide(self, authorization_url: str, member: str, decision: str = "allow") -> str:
        """Answer the consent page; returns the URL of our callback that the platform names."""
        page = self.http.get(authorization_url, timeout=SECONDS)
        action = re.search(r'<form[^>]*\baction="([^"]+)"', page.text)
        target = urljoin(page.url, action[1]) if action else page.url
        form = {"member": member, "decision": decision}
        return self.http.post(target, form, timeout=SECONDS, allow_redirects=False).headers[
            "Location"
        ]

    def back(self, callback_url: str) -> dict[str, str]:
        """Go to our callback; returns the query with which the browser ends at the frontend."""
        answer = self.http.get(callback_url, timeout=SECONDS, allow_redirects=False)
        assert answer.status_code == 303, answer.text
        assert answer.headers["Location"].startswith(f"{self.frontend_url}/")
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        query = parse_qs(urlsplit(answer.headers["Location"]).query)
        return {name: values[0] for name, values in query.items()}

    def new_member(self, name: str = "Ada Lovelace", **more: Any) -> str:
        """A member of all platforms nobody else uses."""
        return str(self.sandbox.tell("members", name=name, **more)["member"])

    def connect(self, member: str | None = None, platform: str = "linkedin") -> str:
        """Connect an account; returns its id."""
        url = self.start(platform=platform)
        return self.back(self.decide(url, member or self.new_member()))["account"]

    def events(self, generation_id: str) -> list[tuple[str, dict[str, Any]]]:
        """All events of a generation until the stream ends."""
        answer = self.call("GET", f"/api/generations/{generation_id}/events", stream=True)
        assert answer.status_code == 200, answer.text
        assert answer.headers["Content-Type"].startswith("text/event-stream")
        found, event = [], ""
        with answer:
            for line in answer.iter_lines(decode_unicode=True):
                name, _, value = line.partition(": ")
                if name == "event":
                    event = value
                elif name == "data":
                    found.append((event, json.loads(value)))
        return found

    def generate(self, **wanted: Any) -> str:
        """Ask for a draft; returns its id."""
        asked = {"platform": "linkedin"} | (wanted or {"topic": "Bridges of Lyon"})
        answer = self.call("POST", "/api/generate", asked)
        assert answer.status_code == 202, answer.text
        generation_id: str = answer.json()["generation_id"]
        return generation_id

    # -------------------------------------------------------------------- rows, as the frontend reads and writes them

    def row(self, table: str, row_id: str, columns: str = "*") -> dict[str, Any]:
        """One row of the person's."""
        assert self.person
        (found,) = self.person.rest("GET", f"{table}?id=eq.{row_id}&select={columns}").json()
        row: dict[str, Any] = found
        return row

    def insert(self, table: str, row: dict[str, Any]) -> dict[str, Any]:
        """Insert as the person."""
        assert self.person
        answer = self.person.rest("POST", table, row, Prefer="return=representation")
        assert answer.status_code == 201, answer.text
        made: dict[str, Any] = answer.json()[0]
        return made

    def write(self, text: str, *accounts: str) -> str:
        """A post for these accounts; returns its id."""
        post = self.insert("posts", {"text": text})
        for account in accounts:
            self.insert("post_targets", {"post_id": post["id"], "account_id": account})
        post_id: str = post["id"]
        return post_id

    def target(self, post_id: str) -> dict[str, Any]:
        """The only target of a post."""
        assert self.person
        (found,) = self.person.rest("GET", f"post_targets?post_id=eq.{post_id}").json()
        row: dict[str, Any] = found
        return row


@pytest.fixture(scope="session")
def sandbox(stack: Stack) -> Sandbox:
    return Sandbox(stack.info["sandbox_url"])


@pytest.fixture
def open_browser(stack: Stack, sandbox: Sandbox) -> Iterator[Callable[..., Browser]]:
    """`open_browser(person)`: a fresh browser; `api_url` names another web process."""
    opened = []

    def make(person: Person | None, api_url: str | None = None) -> Browser:
        info = stack.info
        opened.append(Browser(api_url or info["api_url"], info["frontend_url"], sandbox, person))
        return opened[-1]

    yield make
    for browser in opened:
        browser.http.close()


@pytest.fixture
def ada(open_browser: Callable[..., Browser], alice: Person) -> Browser:
    """Alice at her browser."""
    return open_browser(alice)


@pytest.fixture
def ben(open_browser: Callable[..., Browser], bob: Person) -> Browser:
    """Bob at his."""
    return open_browser(bob)


@pytest.fixture(scope="session")
def everybody(make_person: Callable[..., Person]) -> Person:
    """One person for all tests whose requests change nothing."""
    return make_person("everybody")


@pytest.fixture
def reader(open_browser: Callable[..., Browser], everybody: Person) -> Browser:
    """Somebody whose requests are refused or only read."""
    return open_browser(everybody)


@pytest.fixture
def stranger(open_browser: Callable[..., Browser]) -> Browser:
    """A browser in which nobody is signed in."""
    return open_browser(None)


@pytest.fixture
def sql(stack: Stack) -> Iterator[Callable[..., list[Any]]]:
    """Runs a statement as the database's owner."""
    if not stack.info["database_url"]:
        pytest.skip("this stack has no database URL")
    with psycopg.connect(stack.info["database_url"], autocommit=True) as connection:

        def run(statement: str, *values: Any) -> list[Any]:
            cursor = connection.execute(statement, values)  # type: ignore[call-overload] # a literal in every test
            return cursor.fetchall() if cursor.description else []

        yield run


@dataclass(frozen=True)
class Space:
    """The control path of a local Space."""

    url: str

    def order(self, order: str, **more: Any) -> None:
        """What its next call does instead of behaving."""
        requests.post(
            f"{self.url}/_control/orders", json={"order": order, **more}, timeout=10
        ).raise_for_status()

    def forget(self) -> None:
        """Forget orders and calls."""
        requests.delete(f"{self.url}/_control/orders", timeout=10).raise_for_status()

    @property
    def calls(self) -> list[dict[str, Any]]:
        """What it was asked to write; the worker has passages embedded meanwhile."""
        return self.calls_of("write")

    def calls_of(self, endpoint: str) -> list[dict[str, Any]]:
        """What this endpoint was asked, oldest first."""
        found: list[dict[str, Any]] = requests.get(f"{self.url}/_control/calls", timeout=10).json()
        return [call for call in found if call["endpoint"] == endpoint]


@pytest.fixture
def space(stack: Stack) -> Iterator[Space]:
    """The stack's Space, behaving."""
    one = Space(stack.info["space_url"])
    one.forget()
    yield one
    one.forget()


def _closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    return port


@dataclass(frozen=True)
class HastyServer:
    """A second web process: patient for one second only, and its Space is whoever serves `space_port`, first nobody."""

    api_url: str
    space_port: int


@pytest.fixture(scope="session")
def hasty(stack: Stack, sandbox: Sandbox) -> Iterator[HastyServer]:
    listening = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    port = _closed_port()
    app = {"client_id": f"hasty-{secrets.token_hex(4)}", "client_secret": secrets.token_hex(8)}
    sandbox.tell("apps", **app, redirect_uris=[f"{url}/api/platforms/linkedin/callback"])
    environment = stack.backend_env() | {
        "PUBLIC_URL": url,
        "LINKEDIN_CLIENT_ID": app["client_id"],
        "LINKEDIN_CLIENT_SECRET": app["client_secret"],
        "PLATFORM_TIMEOUT_SECONDS": "1",
        "GENERATION_DEADLINE_SECONDS": "3",
        "WRITER_SPACE": f"http://127.0.0.1:{port}",
    }
    with listening:
        process = fork_web(
            environment, listening, Path(stack.info["state"]) / "logs" / "web-hasty.log"
        )
    try:
        until(lambda: _is_live(url), "the second web process", 60)
        yield HastyServer(url, port)
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(40)


def _is_live(url: str) -> bool:
    try:
        return requests.get(f"{url}/health/live", timeout=2).status_code == 200
    except requests.RequestException:
        return False

"""The worker's health check, against a far end that answers as Supabase does."""

from __future__ import annotations

import email.utils
import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest

from backend.api.health import HEARTBEAT_SECONDS
from tests.deploy.files import DEPLOY, ROOT

KEY = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"


class Project(ThreadingHTTPServer):
    """Answers every question for heartbeats with `status` and one row that is `silent_seconds` old; None: with no row."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.status = 200
        self.silent_seconds: float | None = 1.0
        self.ahead = timedelta()
        self.asked: list[tuple[str, str]] = []

    def rows(self) -> list[dict[str, str]]:
        """As PostgREST says them, by the project's own clock."""
        if self.silent_seconds is None:
            return []
        return [{"seen_at": (self.now() - timedelta(seconds=self.silent_seconds)).isoformat()}]

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead


class Answer(BaseHTTPRequestHandler):
    """One answer."""

    server: Project

    def do_GET(self) -> None:
        self.server.asked.append((self.path, self.headers["apikey"]))
        body = json.dumps(self.server.rows()).encode()
        self.send_response_only(self.server.status)
        self.send_header("Date", email.utils.format_datetime(self.server.now(), usegmt=True))
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """The tests look at what was asked."""


@pytest.fixture
def project() -> Iterator[Project]:
    with Project() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def check(*arguments: str, url: str = "http://127.0.0.1:9") -> tuple[int, str]:
    """Exit status and standard error of healthy.py, as the container runs it."""
    settings = {
        "PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1", "APP_ENV": "development",
        "SUPABASE_URL": url, "SUPABASE_KEY": "sb_publishable_k", "SUPABASE_SECRET_KEY": "sb_secret_s",
        "PUBLIC_URL": "https://api.example", "FRONTEND_ORIGINS": "https://app.example", "TOKEN_KEYS": KEY,
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, str(DEPLOY / "healthy.py"), *arguments],
        env=settings, cwd="/", capture_output=True, text=True, check=False,
    )  # fmt: skip
    return done.returncode, done.stderr


def worker(project: Project) -> tuple[int, str]:
    return check("worker", url=f"http://127.0.0.1:{project.server_port}")


def test_a_worker_that_was_heard_of_is_well(project: Project) -> None:
    assert worker(project) == (0, "")
    ((path, key),) = project.asked
    asked = parse_qs(urlsplit(path).query)
    assert asked["worker"] == [f"like.{socket.gethostname()}:*"]
    assert key == "sb_secret_s"


def test_a_worker_that_is_silent_is_not(project: Project) -> None:
    project.silent_seconds = HEARTBEAT_SECONDS + 5
    status, said = worker(project)
    assert status == 1
    assert "has been silent for" in said


def test_as_long_as_readiness_waits_for_one(project: Project) -> None:
    project.silent_seconds = HEARTBEAT_SECONDS - 5
    assert worker(project) == (0, "")


def test_a_worker_that_never_said_anything_is_not(project: Project) -> None:
    project.silent_seconds = None
    assert worker(project) == (1, "this worker never said that it lives\n")


def test_a_wrong_clock_of_this_machine_is_no_fault_of_the_worker(project: Project) -> None:
    project.ahead = timedelta(hours=3)
    assert worker(project) == (0, "")


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_project_in_trouble_is_no_fault_of_the_worker(project: Project, status: int) -> None:
    project.status = status
    assert worker(project) == (0, "")


def test_a_project_that_is_away_is_no_fault_of_the_worker() -> None:
    assert check("worker") == (0, "")


def test_a_key_that_is_refused_is_told_without_the_key(project: Project) -> None:
    project.status = 401
    status, said = worker(project)
    assert status == 1
    assert said == "Supabase refuses the question for heartbeats (401)\n"


def test_settings_that_cannot_be_used_are_told() -> None:
    status, said = check("worker", url="no address")
    assert status == 1
    assert "SUPABASE_URL" in said


def test_a_web_process_that_is_away_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    status, said = check("web", str(port))
    assert status == 1
    assert "does not answer" in said


def test_anything_else_is_a_mistake() -> None:
    assert check("webb") == (1, "usage: healthy.py web [PORT] | worker\n")

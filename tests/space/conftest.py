"""The local Space as `dev` starts it: a process of its own."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from local.stack.forking import Forked
from tests.programs import fork_space

REPOSITORY = Path(__file__).parents[2]


class LocalSpace:
    """A running `python -m local.space`."""

    def __init__(self, port: int = 0, extra_path: str = "", key: str | None = None) -> None:
        # A file: nobody reads along, and a pipe that is full would hold the Space up.
        self._errors = tempfile.NamedTemporaryFile("r")  # noqa: SIM115  closed by stop()
        options = ["--key", key] if key else []
        self.process: Forked | subprocess.Popen[bytes]
        self.process, self.url = (
            _watched(Path(self._errors.name), port, extra_path)
            if extra_path
            else fork_space(*options, port=port, log=Path(self._errors.name))
        )

    def control(self, path: str, method: str = "GET", **body: Any) -> tuple[int, Any]:
        """Ask the control path; (status, JSON)."""
        request = urllib.request.Request(  # noqa: S310  our own loopback server
            f"{self.url}/_control/{path}",
            json.dumps(body).encode() if body else None,
            {"Content-Type": "application/json"},
            method=method,
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310  as above
                content = answer.read()
                return answer.status, json.loads(content) if content else None
        except urllib.error.HTTPError as refused:
            return refused.code, json.loads(refused.read())

    def order(self, order: str, **more: Any) -> None:
        status, _ = self.control("orders", "POST", order=order, **more)
        assert status == 201

    def said(self) -> str:
        """What it wrote to its standard error so far."""
        self._errors.seek(0)
        return self._errors.read()

    def stop(self) -> int:
        """End the process if it still runs; its exit status."""
        if self.process.poll() is None:
            self.process.terminate()
        try:
            return self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        finally:
            if self.process.stdout:
                self.process.stdout.close()
            self._errors.close()


def _watched(errors: Path, port: int, path: str) -> tuple[subprocess.Popen[bytes], str]:
    """The Space of an interpreter of its own, which finds modules at `path` before any other."""
    with errors.open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "local.space", "--port", str(port)],
            env={**os.environ, "PYTHONPATH": f"{path}{os.pathsep}{REPOSITORY / 'scripts'}"},
            stdout=subprocess.PIPE,
            stderr=log,
        )
    assert process.stdout
    return process, str(json.loads(process.stdout.readline())["ready"])


@pytest.fixture(scope="package")
def busy_port() -> Iterator[int]:
    """A port that is taken when the Space looks for one."""
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        yield busy.getsockname()[1]


@pytest.fixture(scope="package")
def connections(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file where the running Space notes every name looked up and every connection that leaves this machine."""
    folder = tmp_path_factory.mktemp("watched")
    notes = folder / "connections.txt"
    (folder / "sitecustomize.py").write_text(
        "import sys\n"
        "def note(line):\n"
        f"    with open({str(notes)!r}, 'a') as file:\n"
        "        file.write(line + '\\n')\n"
        "def hook(event, args):\n"
        "    if event == 'socket.connect' and args[1][0] not in ('127.0.0.1', '::1'):\n"
        "        note(f'connects to {args[1]}')\n"
        "    if event == 'socket.getaddrinfo' and args[0] not in ('127.0.0.1', 'localhost', None):\n"
        "        note(f'looks up {args[0]}')\n"
        "sys.addaudithook(hook)\n"
        "note('watching')\n"
    )
    return notes


@pytest.fixture(scope="package")
def running(connections: Path, busy_port: int) -> Iterator[LocalSpace]:
    space = LocalSpace(busy_port, extra_path=str(connections.parent))
    yield space
    space.stop()


@pytest.fixture
def space(running: LocalSpace) -> LocalSpace:
    """The running Space without orders of other tests."""
    running.control("orders", "DELETE")
    return running


@pytest.fixture(scope="package")
def connected(running: LocalSpace) -> Any:
    """Gradio's own client of the running Space, which the test before may have left asleep."""
    from gradio_client import Client

    running.control("orders", "DELETE")
    return Client(running.url, verbose=False, download_files=False)


@pytest.fixture
def start_client() -> Callable[[str], Any]:
    """Connects clients of one's own, that may lose their connection."""
    from gradio_client import Client

    return lambda url: Client(url, verbose=False, download_files=False)


@pytest.fixture
def client(space: LocalSpace, connected: Any) -> Any:
    """Gradio's own client of the running Space, which has no orders."""
    return connected


@pytest.fixture
def start_space() -> Iterator[Callable[..., LocalSpace]]:
    """Starts Spaces of one's own, to be stopped or killed."""
    started: list[LocalSpace] = []

    def start(port: int = 0, key: str | None = None) -> LocalSpace:
        started.append(LocalSpace(port, key=key))
        return started[-1]

    yield start
    for one in started:
        one.stop()

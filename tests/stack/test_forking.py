"""Programs that are forked, as the suite starts most of its own, are processes like any other."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests

from local.stack import Stack
from local.stack.forking import Forked, can_fork
from tests.programs import fork_web
from tests.waiting import until

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 30
Fork = Callable[..., Forked]


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """What the worker writes."""
    return tmp_path / "worker.log"


@pytest.fixture
def fork(stack: Stack, log: Path, tmp_path: Path) -> Iterator[Fork]:
    """Forks a worker, which is gone after the test."""
    forked: list[Forked] = []

    def start(**env: str) -> Forked:
        forked.append(
            Forked(
                ["backend.worker"],
                env=stack.backend_env() | {"SPOOL_DIRECTORY": str(tmp_path / "spool")} | env,
                cwd=ROOT,
                log=log,
            )
        )
        return forked[-1]

    yield start
    for one in forked:
        one.kill()
        one.wait(SECONDS)


def _started(log: Path) -> bool:
    return log.exists() and "worker started" in log.read_text()


def test_it_runs_in_a_group_of_its_own_and_ends_in_order(fork: Fork, log: Path) -> None:
    worker = fork()
    assert (os.getpgid(worker.pid), os.getsid(worker.pid)) == (worker.pid, worker.pid)
    until(lambda: _started(log), "the worker to start", SECONDS)
    assert (worker.poll(), worker.returncode) == (None, None)
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(SECONDS) == worker.poll() == worker.returncode == 0
    assert "worker stopped" in log.read_text()


def test_it_is_killed_as_any_other(fork: Fork, log: Path) -> None:
    worker = fork()
    until(lambda: _started(log), "the worker to start", SECONDS)
    with pytest.raises(subprocess.TimeoutExpired):
        worker.wait(0.01)
    os.killpg(worker.pid, signal.SIGKILL)
    assert worker.wait(SECONDS) == -signal.SIGKILL
    worker.send_signal(signal.SIGTERM)  # nobody is there, and nobody else gets it


def test_it_reads_its_own_environment_and_nobody_elses(
    fork: Fork, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORKER_THREADS", "7")
    wrong = fork(WORKER_THREADS="none")
    assert wrong.wait(SECONDS) == 2
    assert "WORKER_THREADS" in log.read_text()
    right = fork(WORKER_THREADS="3")
    until(lambda: _started(log), "the worker to start", SECONDS)
    assert '"threads": 3' in log.read_text()
    assert right.poll() is None


def test_two_live_side_by_side(fork: Fork) -> None:
    one, other = fork(), fork()
    one.kill()
    assert one.wait(SECONDS) == -signal.SIGKILL
    assert other.poll() is None


@pytest.mark.parametrize("name", ["LD_PRELOAD", "COVERAGE_PROCESS_START", "PYTHONMALLOC", "MALLOC_ARENA_MAX"])  # fmt: skip
def test_what_only_a_new_interpreter_reads_is_left_to_one(name: str) -> None:
    command = [sys.executable, "-m", "backend.worker"]
    assert can_fork(command, {"WORKER_THREADS": "3", "PYTHONUNBUFFERED": "1"})
    assert not can_fork(command, {"WORKER_THREADS": "3", name: "x"})


@pytest.mark.parametrize("command", [["node", "main.mjs"], [sys.executable, "-c", "pass"], [sys.executable, "-E", "-m", "backend.worker"]])  # fmt: skip
def test_only_a_module_of_python_is_forked(command: list[str]) -> None:
    assert not can_fork(command, {})


def test_what_it_prints_comes_through_a_pipe_when_it_announces(log: Path) -> None:
    program = ["local.frontend", "--port", "0", "--stack-json", str(log)]
    one = Forked(program, env=os.environ, cwd=ROOT, log=log, announces=True)
    assert one.stdout
    with one.stdout:
        url = json.loads(one.stdout.readline())["ready"]
        assert requests.get(f"{url}/feed.xml", timeout=10).ok
        one.terminate()
        assert one.wait(SECONDS) == 0
        assert one.stdout.read() == b""


def test_a_web_server_is_given_the_socket_that_listens(stack: Stack, log: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        web = fork_web(stack.backend_env(), listening, log)
    live = f"{url}/health/live"
    assert requests.get(live, timeout=SECONDS).json()
    web.terminate()
    assert web.wait(SECONDS) == 0
    with pytest.raises(requests.ConnectionError):
        requests.get(live, timeout=SECONDS)

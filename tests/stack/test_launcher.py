"""Starting, stopping and being killed: nothing stays behind, and two stacks do not meet."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from local.stack import Stack, StackError
from local.stack.guard import is_running, read_record
from local.stack.ports import PORTS
from local.stack.processes import Processes
from tests.tls import TLS

from .conftest import BARE, PROJECT, ROOT

Launch = Callable[..., "Launcher"]
ENVIRONMENT = {**os.environ, **BARE, "PYTHONPATH": str(ROOT / "scripts")}


class Launcher:
    """`python -m local.stack` as a person runs it."""

    def __init__(self, state: Path, **env: str) -> None:
        self.state = state
        self.process = subprocess.Popen(
            [sys.executable, "-m", "local.stack", "--no-web", "--no-worker", "--state", str(state)],
            env=ENVIRONMENT | env,
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        self.said = ""

    def read_until(self, words: str, seconds: float = 120) -> None:
        """Wait for a line with these words."""
        assert self.process.stdout
        deadline = time.monotonic() + seconds
        while words not in self.said:
            ready, _, _ = select.select([self.process.stdout], [], [], deadline - time.monotonic())
            read = os.read(self.process.stdout.fileno(), 65536) if ready else b""
            assert read, f"it ended or hung before saying {words!r}:\n{self.said}"
            self.said += read.decode()

    def end(self) -> int:
        """Its exit status, with all it said."""
        said, _ = self.process.communicate(timeout=60)
        self.said += said.decode()
        return self.process.returncode

    @property
    def info(self) -> dict[str, Any]:
        read: dict[str, Any] = json.loads((self.state / "stack.json").read_text())
        return read

    def children(self) -> list[dict[str, object]]:
        """What it recorded to have started."""
        return read_record(self.state / "processes.json")[1:]


@pytest.fixture
def launch(state: Path) -> Iterator[Launch]:
    """Start launchers; whatever is left of them ends with the test."""
    started: list[Launcher] = []

    def start(directory: Path = state, **env: str) -> Launcher:
        started.append(Launcher(directory, **env))
        return started[-1]

    yield start
    children = [entry for launcher in started for entry in launcher.children()]
    for launcher in started:
        launcher.process.kill()
        launcher.process.communicate()
    wait_gone(children)
    # root's Postgres may keep its data elsewhere
    for directory in {launcher.state for launcher in started} | {state}:
        Stack(ROOT, directory, services=False, extra_env=BARE).remove_data()


def wait_gone(entries: list[dict[str, object]]) -> None:
    """Until none of these processes runs."""
    deadline = time.monotonic() + 60
    while left := [entry["name"] for entry in entries if is_running(entry)]:
        assert time.monotonic() < deadline, f"still running: {left}"
        time.sleep(0.02)


@pytest.mark.parametrize(
    "number", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.slow)]
)
def test_a_stack_tells_where_it_is_and_a_signal_stops_everything(
    launch: Launch, number: signal.Signals
) -> None:
    launcher = launch()
    launcher.read_until("Ctrl-C stops everything")
    _is_complete_and_private(launcher)
    children = launcher.children()
    assert {entry["name"] for entry in children} >= {"postgres", "gateway", "mailbox", "frontend"}
    assert httpx.get(launcher.info["mailbox_url"], verify=TLS).status_code == 200
    launcher.process.send_signal(number)
    assert launcher.end() == 0
    assert launcher.said.rstrip().endswith("stopped")
    assert not [entry for entry in children if is_running(entry)]
    assert not (launcher.state / "stack.json").exists()


def _is_complete_and_private(launcher: Launcher) -> None:
    file = launcher.state / "stack.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    promised = {
        "api_url", "supabase_url", "publishable_key", "secret_key", "database_url", "sandbox_url",
        "space_url", "mailbox_url", "frontend_url", "worker_pids",
    }  # fmt: skip
    assert promised <= launcher.info.keys()
    assert launcher.info["publishable_key"].startswith("sb_publishable_")
    with psycopg.connect(launcher.info["database_url"]) as connection:
        row = connection.execute("select current_user, count(*) from public.platforms").fetchone()
    assert row is not None
    assert row[0] == "postgres"


@pytest.mark.slow
def test_a_second_launcher_in_the_same_directory_says_so(launch: Launch) -> None:
    first = launch()
    first.read_until("Ctrl-C stops everything")
    second = launch()
    assert second.end() == 1
    assert (
        f"a stack is running in {first.state} already (process {first.process.pid})" in second.said
    )
    assert httpx.get(first.info["mailbox_url"], verify=TLS).status_code == 200


@pytest.mark.slow
def test_two_directories_make_two_stacks(launch: Launch, state: Path) -> None:
    first, second = launch(state / "one"), launch(state / "two")
    for launcher in (first, second):
        launcher.read_until("Ctrl-C stops everything")
    for key in ("supabase_url", "mailbox_url", "frontend_url", "database_url", "secret_key"):
        assert first.info[key] != second.info[key]
    foreign = httpx.get(
        f"{second.info['supabase_url']}/rest/v1/platforms",
        headers={"apikey": first.info["secret_key"]},
        verify=TLS,
    )
    assert foreign.status_code == 401
    first.process.terminate()
    assert first.end() == 0
    assert httpx.get(second.info["mailbox_url"], verify=TLS).status_code == 200


def test_a_killed_launcher_leaves_nothing_behind(launch: Launch) -> None:
    launcher = launch()
    launcher.read_until("Ctrl-C stops everything")
    children = launcher.children()
    launcher.process.kill()
    launcher.process.wait()
    wait_gone(children)


@pytest.mark.slow
def test_what_a_killed_launcher_and_guard_left_is_stopped_by_the_next_start(
    launch: Launch,
) -> None:
    launcher = launch()
    launcher.read_until("Ctrl-C stops everything")
    children = launcher.children()
    guards = subprocess.run(
        ["pgrep", "-P", str(launcher.process.pid), "-f", "guard.py"],
        capture_output=True,
        text=True,
        check=True,
    )
    os.kill(int(guards.stdout), signal.SIGKILL)
    launcher.process.kill()
    launcher.process.wait()
    assert all(is_running(entry) for entry in children)

    following = launch()
    following.read_until("Ctrl-C stops everything")
    assert "stopped what an earlier run left behind" in following.said
    assert not [entry for entry in children if is_running(entry)]


def test_a_recycled_pid_is_not_an_orphan(state: Path) -> None:
    mine = {"name": "me", "pid": os.getpid(), "started": "1", "signal": int(signal.SIGTERM)}
    state.joinpath("processes.json").write_text(json.dumps([mine, mine]))
    processes = Processes(state, state / "stack.json")
    processes.open()
    assert read_record(processes.record)[0]["pid"] == os.getpid()
    processes.close()


@pytest.mark.slow
def test_a_migration_that_fails_is_shown_and_leaves_nothing_running(state: Path) -> None:
    migrations = state / "project" / "supabase" / "migrations"
    migrations.mkdir(parents=True)
    (migrations / "20260101000000_break.sql").write_text("create table public.a (id nonsense);")
    stack = Stack(
        ROOT,
        state / "s",
        services=False,
        extra_env=BARE,
        supabase_directory=state / "project",
    )
    try:
        with pytest.raises(StackError, match='type "nonsense" does not exist'):
            stack.start()
        assert not stack.processes.children
        assert not read_record(state / "s" / "processes.json")
        assert not (state / "s" / "stack.json").exists()
    finally:
        stack.discard()


def test_a_part_that_dies_while_starting_is_named_with_its_log(state: Path) -> None:
    broken = {**BARE, "GATEWAY_POOL_SIZE": "0", "NODE_OPTIONS": "--no-such-option"}
    stack = Stack(ROOT, state, services=False, extra_env=broken, supabase_directory=PROJECT)
    with pytest.raises(StackError, match=r"(?s)gateway stopped with exit code 9.*no-such-option"):
        stack.start()
    stack.discard()


def test_production_is_refused(state: Path) -> None:
    with pytest.raises(StackError, match="development and tests only"):
        Stack(ROOT, state, extra_env={"APP_ENV": "production"}).start()


def test_a_hosted_project_needs_its_keys(state: Path) -> None:
    stack = Stack(ROOT, state, services=False, extra_env={"SUPABASE_URL": "https://x.supabase.co"})
    with pytest.raises(StackError, match="set SUPABASE_KEY"):
        stack.start()


def test_docker_is_asked_for_only_where_it_is_needed(state: Path) -> None:
    stack = Stack(
        ROOT,
        state,
        kind="supabase",
        services=False,
        extra_env={**BARE, "DOCKER_HOST": "tcp://127.0.0.1:9"},
    )
    with pytest.raises(StackError, match=r"needs (a running )?Docker"):
        stack.start()


@pytest.mark.slow
def test_postgres_and_gateway_come_back_where_they_were(state: Path) -> None:
    stack = Stack(ROOT, state, services=False, extra_env=BARE, supabase_directory=PROJECT)
    try:
        stack.start()
        url = f"{stack.info['supabase_url']}/rest/v1/notes"
        headers = {"apikey": stack.info["secret_key"]}
        stack.restart_postgres()
        deadline = time.monotonic() + 5
        while httpx.get(url, headers=headers, verify=TLS).status_code != 200:
            assert time.monotonic() < deadline
        stack.stop_gateway()
        with pytest.raises(httpx.ConnectError):
            httpx.get(url, headers=headers, verify=TLS)
        stack.start_gateway()
        assert httpx.get(url, headers=headers, verify=TLS).status_code == 200
    finally:
        stack.discard()


class Crowd:
    """Callers that keep asking, as the service and as nobody, as whom they act."""

    def __init__(self, stack: Stack) -> None:
        self._url = f"{stack.info['supabase_url']}/rest/v1/rpc/acting_as"
        self._over = threading.Event()
        self.answers: list[tuple[str, int, str]] = []
        keys = {"service_role": stack.info["secret_key"], "anon": stack.info["publishable_key"]}
        self._callers = [
            threading.Thread(target=self._ask, args=(role, key))
            for role, key in keys.items()
            for _ in range(4)
        ]

    def __enter__(self) -> Crowd:
        for caller in self._callers:
            caller.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for caller in self._callers:
            caller.join()

    def _ask(self, role: str, key: str) -> None:
        with httpx.Client(headers={"apikey": key}, timeout=5, verify=TLS) as http:
            while not self._over.is_set():
                try:
                    answer = http.post(self._url, json={})
                    self.answers.append((role, answer.status_code, answer.text))
                except httpx.HTTPError as error:
                    self.answers.append((role, 0, repr(error)))

    def served(self) -> None:
        """Until some more were answered."""
        wanted = sum(status == 200 for _, status, _ in self.answers) + 50
        deadline = time.monotonic() + 60
        while sum(status == 200 for _, status, _ in self.answers) < wanted:
            assert time.monotonic() < deadline, self.answers[-5:]
            time.sleep(0.01)


@pytest.mark.slow
def test_restarts_of_postgres_under_load_cost_answers_and_never_mix_callers(state: Path) -> None:
    stack = Stack(ROOT, state, services=False, extra_env=BARE, supabase_directory=PROJECT)
    try:
        stack.start()
        with Crowd(stack) as crowd:
            for _ in range(4):
                crowd.served()
                stack.restart_postgres()
            crowd.served()
        # a lost answer (0) is the cost; an answer meant for somebody else would be the crime
        wrong = [
            answer
            for answer in crowd.answers
            if 0 < answer[1] < 500 and answer[2] != f'"{answer[0]}"'
        ]
        assert wrong == []
        assert all(child.popen.poll() is None for child in stack.processes.children)
    finally:
        stack.discard()


@pytest.mark.slow
def test_a_gateway_finds_a_port_when_many_are_busy(state: Path) -> None:
    first = PORTS["gateway"]
    held = []
    try:
        for port in range(first, first + 15):
            holder = socket.socket()
            held.append(holder)
            holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with contextlib.suppress(OSError):
                holder.bind(("127.0.0.1", port))
                holder.listen()
        with Stack(
            ROOT, state, services=False, extra_env=BARE, supabase_directory=PROJECT
        ) as stack:
            assert int(stack.info["supabase_url"].rpartition(":")[2]) >= first + 15
        stack.discard()
    finally:
        for holder in held:
            holder.close()

"""The processes of one stack: started in groups of their own, recorded, stopped with everything they started."""

from __future__ import annotations

import json
import os
import pwd
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any, Protocol

from . import guard
from .errors import StackError
from .forking import Forked, can_fork

LOG_LINES_SHOWN = 15


class Running(Protocol):
    """A process of ours: subprocess.Popen, or one that was forked (forking.py)."""

    @property
    def pid(self) -> int: ...

    @property
    def returncode(self) -> int | None: ...

    def poll(self) -> int | None: ...

    def wait(self, timeout: float | None = None) -> int: ...

    def send_signal(self, sig: int, /) -> None: ...


class Child:
    """One started process. `ready` holds what its ready line said, once it has printed it."""

    def __init__(
        self,
        name: str,
        popen: Running,
        log: Path,
        stop_signal: int,
        stdout: IO[bytes] | None = None,
    ) -> None:
        self.name = name
        self.popen = popen
        self.log = log
        self.stop_signal = stop_signal
        self.ready: dict[str, Any] = {}
        self._said = threading.Event()
        if stdout is not None:
            threading.Thread(target=self._listen, args=(stdout,), daemon=True).start()

    def _listen(self, stdout: IO[bytes]) -> None:
        with stdout, self.log.open("ab") as log:
            for line in stdout:
                log.write(line)
                log.flush()
                if not self.ready and line.startswith(b'{"ready"'):
                    self.ready = json.loads(line)
                    self._said.set()
        self._said.set()

    def wait_ready(self, seconds: float = 60.0) -> dict[str, Any]:
        """What the ready line says. Raises StackError when the process ends first or takes too long."""
        self._said.wait(seconds)
        if self.ready:
            return self.ready
        if self._said.is_set():
            code = self.popen.wait()
            raise StackError(
                f"{self.name} stopped with exit code {code} before it was ready.\n{self.log_end()}"
            )
        raise StackError(f"{self.name} was not ready after {seconds:.0f} s.\n{self.log_end()}")

    def log_end(self) -> str:
        """The last lines of its log, with where to find the rest."""
        lines = (
            self.log.read_text(errors="replace").splitlines()[-LOG_LINES_SHOWN:]
            if self.log.exists()
            else []
        )
        return "\n".join(f"  | {line}" for line in lines) + f"\n  (the whole log: {self.log})"

    def signal(self) -> None:
        """Ask it, and whatever it started, to stop."""
        _signal_group(self.popen.pid, self.stop_signal)

    def finish(self, grace_seconds: float) -> None:
        """Wait for it to end; kill its whole group after the grace period, and what outlives it in the group."""
        try:
            self.popen.wait(grace_seconds)
        except subprocess.TimeoutExpired:
            _signal_group(self.popen.pid, signal.SIGKILL)
            self.popen.wait()
        _signal_group(self.popen.pid, signal.SIGKILL)


def _signal_group(pid: int, number: int) -> None:
    try:
        os.killpg(pid, number)
    except (ProcessLookupError, PermissionError):
        return


class Processes:
    """Starts children, keeps `processes.json` true, and has a guard that stops them should this process be killed. With
    `forks` programs in Python are forked (forking.py)."""

    def __init__(self, state: Path, stack_json: Path, *, forks: bool = False) -> None:
        self._forks = forks
        self.logs = state / "logs"
        self.record = state / "processes.json"
        self.stack_json = stack_json
        self.children: list[Child] = []
        self._guard: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()

    def open(self) -> None:
        """Begin: stop what an earlier launcher left behind and start the guard."""
        self.logs.mkdir(parents=True, exist_ok=True)
        left = guard.stop_recorded(self.record)
        if left:
            print(
                f"stopped what an earlier run left behind: {', '.join(left)}",
                file=sys.stderr,
                flush=True,
            )
        self._write_record()
        self._guard = subprocess.Popen(
            [sys.executable, "-S", "-E", guard.__file__, str(self.record), str(self.stack_json)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            cwd="/",
        )

    def start(
        self,
        name: str,
        command: Sequence[str | Path],
        *,
        env: Mapping[str, str],
        cwd: Path | str = "/",
        stop_signal: int = signal.SIGTERM,
        announces: bool = True,
        pass_fds: Sequence[int] = (),
        user: str | None = None,
    ) -> Child:
        """Start a process in a group of its own. Output goes to logs/<name>.log; with `announces` its standard output
        is also read for the ready line. `user` drops root's rights."""
        log = self.logs / f"{name}.log"
        if self._forks and can_fork(command, env):
            program = [str(part) for part in command[2:]]
            forked = Forked(
                program, env=env, cwd=cwd, log=log, announces=announces, pass_fds=pass_fds
            )
            return self._keep(Child(name, forked, log, stop_signal, forked.stdout))
        with log.open("ab") as stderr:
            popen = subprocess.Popen(
                [str(part) for part in command],
                env=dict(env),
                cwd=str(cwd),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE if announces else stderr,
                stderr=stderr,
                start_new_session=True,
                pass_fds=pass_fds,
                **rights_of(user),
            )
        return self._keep(Child(name, popen, log, stop_signal, popen.stdout))

    def _keep(self, child: Child) -> Child:
        with self._lock:
            self.children.append(child)
            self._write_record()
        return child

    def stop(self, children: Sequence[Child], grace_seconds: float = 5.0) -> None:
        """Stop these together and forget them."""
        for child in children:
            child.signal()
        for child in children:
            child.finish(grace_seconds)
        with self._lock:
            self.children = [child for child in self.children if child not in children]
            self._write_record()

    def close(self) -> None:
        """Stop whatever is left, newest first, and let the guard go."""
        for child in reversed(self.children[:]):
            self.stop([child])
        if self._guard:
            self._guard.communicate(guard.GOODBYE)
            self._guard = None
        self.record.unlink(missing_ok=True)

    def _write_record(self) -> None:
        entries: list[dict[str, object]] = [
            {
                "name": "launcher",
                "pid": os.getpid(),
                "started": guard.started_at(os.getpid()),
                "signal": 0,
            }
        ]
        entries += [
            {
                "name": child.name,
                "pid": child.popen.pid,
                "started": guard.started_at(child.popen.pid),
                "signal": int(child.stop_signal),
            }
            for child in self.children
        ]
        try:
            write_private(self.record, json.dumps(entries, indent=1))
        except FileNotFoundError:
            # somebody removed the state directory under a running stack; it can still stop what it started
            return


def rights_of(user: str | None) -> dict[str, Any]:
    """The arguments with which subprocess gives root's rights up for this user's; none for ourselves."""
    if not user:
        return {}
    entry = pwd.getpwnam(user)
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}


def write_private(file: Path, text: str) -> None:
    """Replace a file in one step; only its owner may read it."""
    fresh = file.with_name(f".{file.name}.{os.getpid()}.{threading.get_ident()}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as stream:
        stream.write(text)
    fresh.replace(file)


def wait_until(condition: Any, seconds: float, step: float = 0.02) -> bool:
    """Ask `condition()` again and again until it is true or the seconds are over."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(step)
    return True

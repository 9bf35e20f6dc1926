"""Workers that are forked from a process which has loaded their modules already: for suites that start hundreds of them.

Loading costs a second of a processor each time, most of what a short test of a worker costs. From then on both ways are the
same: `main` of backend/worker.py in a process of its own, in a group of its own, with its own environment and descriptors,
which ends by itself or is killed.
"""

from __future__ import annotations

import importlib
import logging
import multiprocessing
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from multiprocessing import forkserver
from multiprocessing.connection import Connection
from pathlib import Path

WORKER = "backend.worker"
_METHOD = multiprocessing.get_context("forkserver")
# what only a new interpreter reads
_READ_AT_THE_START = ("LD_PRELOAD", "MALLOC_", "COVERAGE_", "PYTHONMALLOC", "PYTHONTRACEMALLOC")
START_SECONDS = 60.0


class Forked:
    """A forked process, with what subprocess.Popen would offer of it."""

    stdout = None

    def __init__(self, env: Mapping[str, str], cwd: Path, log: Path) -> None:
        """Fork a worker with this environment, whose output goes to the end of `log`. Raises OSError when it does not start."""
        ours, its = _METHOD.Pipe(duplex=False)
        # daemon: should we end first, it does too
        self._process = _METHOD.Process(
            target=_be_a_worker, args=(dict(env), str(cwd), str(log), its), daemon=True
        )
        with _found_by_the_server(cwd):
            self._process.start()
        its.close()
        with ours:
            # from here on it leads a group of its own, which can be sent signals
            if not ours.poll(START_SECONDS) or ours.recv() != "begun":
                raise OSError("a forked worker did not begin")

    @property
    def pid(self) -> int:
        """Its process id."""
        return int(self._process.pid or 0)

    @property
    def returncode(self) -> int | None:
        """As poll() said last."""
        return self.poll()

    def poll(self) -> int | None:
        """Its exit status, negative for a signal; None while it runs."""
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        """Its exit status, when it has ended. Raises subprocess.TimeoutExpired after `timeout` seconds."""
        self._process.join(timeout)
        status = self.poll()
        if status is None:
            raise subprocess.TimeoutExpired(WORKER, timeout or 0.0)
        return status

    def send_signal(self, number: int) -> None:
        """Send it a signal; none when it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """SIGKILL."""
        self._process.kill()


def can_fork(env: Mapping[str, str]) -> bool:
    """Whether nothing in these variables has to be there when an interpreter starts."""
    return not any(name.startswith(_READ_AT_THE_START) for name in env)


@contextmanager
def _found_by_the_server(root: Path) -> Iterator[None]:
    """The server that forks loads modules where PYTHONPATH says; it starts with the first process."""
    _METHOD.set_forkserver_preload([WORKER, __name__])
    kept = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join([str(root), str(root / "scripts")])
    try:
        forkserver.ensure_running()
        yield
    finally:
        if kept is None:
            del os.environ["PYTHONPATH"]
        else:
            os.environ["PYTHONPATH"] = kept


def _be_a_worker(env: dict[str, str], cwd: str, log: str, begun: Connection) -> None:
    os.setsid()
    os.chdir(cwd)
    nothing = os.open(os.devnull, os.O_RDONLY)
    written = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    for descriptor, stands_for in ((nothing, 0), (written, 1), (written, 2)):
        os.dup2(descriptor, stands_for)
    os.close(nothing)
    os.close(written)
    os.environ.clear()
    os.environ.update(env)
    begun.send("begun")
    begun.close()

    status = importlib.import_module(WORKER).main()
    logging.shutdown()
    sys.exit(status)

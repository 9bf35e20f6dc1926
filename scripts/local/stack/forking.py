"""Programs that are forked from a process which has loaded their modules already: for suites that start hundreds of them.

Loading costs a worker or a web server a second of a processor, a Space three: most of what a short test costs. From then on
both ways are the same: what `python -m MODULE ARGUMENTS` runs, in a process of its own, in a group of its own, with its own
environment and descriptors, which ends by itself or is killed.
"""

from __future__ import annotations

import atexit
import gc
import multiprocessing
import os
import runpy
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from multiprocessing import forkserver, reduction
from multiprocessing.connection import Connection
from pathlib import Path
from typing import IO, Any

from local.paths import ROOT, SCRIPTS

# what the programs of a stack load
LOADED = (
    "backend.worker", "backend.wsgi", "gunicorn.app.wsgiapp", "gunicorn.workers.gthread",
    "local.frontend.pages", "local.mailbox.pages", "local.sandbox.registry", "local.space.app", "uvicorn", "aiosmtpd.smtp",
)  # fmt: skip
_METHOD = multiprocessing.get_context("forkserver")
# what only a new interpreter reads
_READ_AT_THE_START = ("LD_PRELOAD", "MALLOC_", "COVERAGE_", "PYTHONMALLOC", "PYTHONTRACEMALLOC")
START_SECONDS = 60.0
_also_loaded: list[str] = []


def load_too(module: str) -> None:
    """Let the process that forks load this module as well, with whatever importing it does. To be told before the first program
    is forked."""
    _also_loaded.append(module)


class _Descriptor:
    """An open file on its way to a forked process."""

    def __init__(self, number: int) -> None:
        self.number = number

    def __getstate__(self) -> dict[str, Any]:
        return {"sent": reduction.DupFd(self.number), "number": self.number}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.number = state["number"]
        self.here: int = state["sent"].detach()


class Forked:
    """`python -m *program` in a forked process, with what subprocess.Popen would offer of it.

    Its output goes to the end of `log`; with `announces` its standard output comes through the pipe `stdout` instead. It has
    the descriptors `pass_fds`, though by other numbers: "fd://NUMBER" in its arguments is put right. Raises OSError when it
    does not start.
    """

    def __init__(
        self,
        program: Sequence[str],
        *,
        env: Mapping[str, str],
        cwd: Path | str,
        log: Path,
        announces: bool = False,
        pass_fds: Sequence[int] = (),
    ) -> None:
        ours, its = _METHOD.Pipe(duplex=False)
        descriptors = [_Descriptor(number) for number in pass_fds]
        self._program = program[0]
        # daemon: should we end first, it does too
        self._process = _METHOD.Process(
            target=_become,
            args=(list(program), dict(env), str(cwd), str(log), its, announces, descriptors),
            daemon=True,
        )
        with _found_by_the_server():
            self._process.start()
        its.close()
        with ours:
            # from here on it leads a group of its own, which can be sent signals
            if not ours.poll(START_SECONDS) or ours.recv() != "begun":
                raise OSError(f"a forked {self._program} did not begin")
            self.stdout: IO[bytes] | None = (
                os.fdopen(os.dup(ours.fileno()), "rb") if announces else None
            )

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
            raise subprocess.TimeoutExpired(self._program, timeout or 0.0)
        return status

    def send_signal(self, number: int) -> None:
        """Send it a signal; none when it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        """SIGTERM."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """SIGKILL."""
        self.send_signal(signal.SIGKILL)


def can_fork(command: Sequence[str | Path], env: Mapping[str, str]) -> bool:
    """Whether this is a module of Python, and nothing in these variables has to be there when an interpreter starts."""
    return [*command[:2]] == [sys.executable, "-m"] and not any(
        name.startswith(_READ_AT_THE_START) for name in env
    )


@contextmanager
def _found_by_the_server() -> Iterator[None]:
    """The server that forks loads modules where PYTHONPATH says; it starts with the first process."""
    _METHOD.set_forkserver_preload([*LOADED, *_also_loaded, __name__])
    needed = {
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(SCRIPTS)]),
        # numpy's threads do not outlive a fork, and who waits for them waits for good
        "OPENBLAS_NUM_THREADS": "1",
    }
    kept = {name: os.environ.get(name) for name in needed}
    os.environ.update(needed)
    try:
        forkserver.ensure_running()
        yield
    finally:
        for name, value in kept.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _become(
    program: list[str], env: dict[str, str], cwd: str, log: str, begun: Connection, announces: bool, descriptors: list[_Descriptor],
) -> None:  # fmt: skip
    gc.freeze()  # what is loaded stays: looking through it for garbage would copy its pages to this process
    os.setsid()
    os.chdir(cwd)
    begun.send("begun")
    nothing = os.open(os.devnull, os.O_RDONLY)
    written = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    for descriptor, stands_for in ((nothing, 0), (begun.fileno() if announces else written, 1), (written, 2)):  # fmt: skip
        os.dup2(descriptor, stands_for)
    os.close(nothing)
    os.close(written)
    begun.close()
    os.environ.clear()
    os.environ.update(env)

    module, *arguments = program
    for given in descriptors:
        os.set_inheritable(given.here, True)
        old, new = f"fd://{given.number}", f"fd://{given.here}"
        arguments = [new if argument == old else argument for argument in arguments]
    sys.argv = [module, *arguments]
    if not hasattr(sys.modules.get(module), "__path__"):
        sys.modules.pop(module, None)  # a new interpreter would run it before anybody imports it
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    finally:
        # multiprocessing leaves out what an interpreter does at its end; traces are sent then
        threading._shutdown()  # type: ignore[attr-defined] # noqa: SLF001
        atexit._run_exitfuncs()  # noqa: SLF001

"""What a worker talks to on the side goes quiet, above all whoever reads its log: publishing is unaffected."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.faults.rig import Rig


@contextmanager
def _full_pipe() -> Iterator[int]:
    """The writing end of a pipe that is full, and that nobody reads."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    try:
        while True:
            os.write(writing, b"." * 512)
    except BlockingIOError:
        os.set_blocking(writing, True)
    try:
        yield writing
    finally:
        os.close(writing)
        os.close(reading)


@contextmanager
def _broken_pipe() -> Iterator[int]:
    """The writing end of a pipe whose reader has gone."""
    reading, writing = os.pipe()
    os.close(reading)
    try:
        yield writing
    finally:
        os.close(writing)


@contextmanager
def _full_disk() -> Iterator[int]:
    """A device on which nothing fits."""
    with open("/dev/full", "wb") as device:  # noqa: PTH123 - a device, not a path
        yield device.fileno()


def _publishes_and_stops(rig: Rig, command: list[str], descriptor: int | None) -> None:
    worker = subprocess.Popen(
        command, env=rig.stack.backend_env() | {"LOG_LEVEL": "DEBUG"}, cwd=rig.stack.root,
        stdin=subprocess.DEVNULL, stdout=descriptor, stderr=descriptor,
    )  # fmt: skip
    rig.workers.append(worker)
    refused, posts = rig.due(due=-1), [rig.due(due=-1) for _ in range(20)]
    rig.order(refused, {"status": 500})  # something to complain of
    rig.wait_for(posts, "published")
    rig.wait_for([refused], "unconfirmed")
    assert rig.end(worker) == 0
    rig.assert_invariants(refused, *posts)


@pytest.mark.parametrize(
    "log",
    [
        _full_pipe,
        pytest.param(_broken_pipe, marks=pytest.mark.slow),
        pytest.param(_full_disk, marks=pytest.mark.slow),
    ],
)
def test_a_log_that_takes_nothing_holds_nobody_up(rig: Rig, log: object) -> None:
    with log() as descriptor:  # type: ignore[operator]
        _publishes_and_stops(rig, [sys.executable, "-m", "backend.worker"], descriptor)


@pytest.mark.slow  # a log that takes nothing is the harder case
def test_a_worker_works_without_any_output(rig: Rig) -> None:
    """As a supervisor may start it: descriptors 1 and 2 closed, so that sockets would get their numbers."""
    command = ["sh", "-c", f'exec "{sys.executable}" -m backend.worker >&- 2>&-']
    _publishes_and_stops(rig, command, None)

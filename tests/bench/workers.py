"""The workers of a bench: none but the one that is measured."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from local.stack import Stack


def no_worker(stack: Stack) -> None:
    """Stop the worker that the stack came with."""
    for child in list(stack.processes.children):
        if child.popen.pid in stack.info["worker_pids"]:
            stack.stop_worker(child.popen)


@contextmanager
def one_worker(stack: Stack, **env: str) -> Iterator[int]:
    """A worker with these settings; its process id."""
    worker = stack.start_worker(env)
    try:
        yield worker.pid
    finally:
        stack.stop_worker(worker)

"""One launcher per state directory."""

from __future__ import annotations

import fcntl
from pathlib import Path
from typing import TextIO

from . import guard
from .errors import StackError


class StateLock:
    """A lock on a state directory. It ends with the process, however that ends."""

    def __init__(self, state: Path, record: Path) -> None:
        self._state = state
        self._record = record
        self._held: TextIO | None = None

    @property
    def held(self) -> bool:
        """Whether this process has the directory."""
        return self._held is not None

    def take(self) -> None:
        """Make the directory if there is none, and take it. Raises StackError while another launcher has it."""
        self._state.mkdir(parents=True, exist_ok=True)
        lock = (self._state / "stack.lock").open("w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            lock.close()
            running = guard.read_record(self._record)[:1]
            pid = f" (process {running[0]['pid']})" if running else ""
            raise StackError(
                f"a stack is running in {self._state} already{pid}: stop it, or work in another directory"
            ) from None
        self._held = lock

    def release(self) -> None:
        """Let the next launcher in. May be called twice."""
        if self._held:
            self._held.close()
            self._held = None

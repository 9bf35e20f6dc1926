"""Restarts the worker when the backend's code changes; the web server reloads by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .stack import Stack


class WorkerReloader:
    """Compares the times of the backend's files each time it is asked."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._seen = self._times()

    def _times(self) -> dict[str, float]:
        files = (self._stack.root / "backend").rglob("*.py")
        return {str(file): file.stat().st_mtime for file in files if file.exists()}

    def check(self) -> bool:
        """Restart every worker if a file changed since the last time, or if one stopped because of an earlier change.
        Returns whether it did."""
        now = self._times()
        if now == self._seen:
            return False
        self._seen = now
        workers = [
            child for child in self._stack.processes.children if child.name.startswith("worker")
        ]
        print("the code changed: restarting the worker", flush=True)
        for child in workers:
            self._stack.stop_worker(child.popen)
            self._stack.start_worker()
        return True

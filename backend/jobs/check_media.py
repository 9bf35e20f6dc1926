"""Look at uploaded files."""

from __future__ import annotations

from .ports import JobServices


def run(services: JobServices) -> None:
    """Check a batch; the rest comes with the next run."""
    services.checker.run()

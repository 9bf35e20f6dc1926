"""Read the sources that are due."""

from __future__ import annotations

from .ports import JobServices


def run(services: JobServices) -> None:
    """Read a batch; the rest comes with the next run."""
    services.fetcher.run()

"""Look for posts that may be live."""

from __future__ import annotations

from .ports import JobServices


def run(services: JobServices) -> None:
    """Look for a batch; the rest comes with the next run."""
    services.reconciler.run()

"""Ask how published posts do."""

from __future__ import annotations

from .ports import JobServices


def run(services: JobServices) -> None:
    """Batch after batch, until nothing is due."""
    services.follow_ups.measure()

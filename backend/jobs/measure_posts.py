"""Ask how published posts do."""

from __future__ import annotations

from .ports import JobServices


def run(services: JobServices) -> None:
    """What is due; the rest comes with the next run."""
    services.follow_ups.measure()

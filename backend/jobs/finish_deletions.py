"""Go on with the deletion of accounts."""

from __future__ import annotations

from .ports import JobServices


def run(services: JobServices) -> None:
    """End what had to wait for something at work, and what a dead process began."""
    services.leaver.run()

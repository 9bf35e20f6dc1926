"""Keep the leases of what this worker is publishing."""

from __future__ import annotations

from .ports import JobServices


def run(services: JobServices) -> None:
    """Extend all of them in one call."""
    services.dispatcher.renew()

"""Refresh permissions before they end."""

from __future__ import annotations

from .ports import JobServices


def run(services: JobServices) -> None:
    """Refresh what ends within the hour; publishing refreshes by itself what it finds too old."""
    services.keeper.refresh_due(services.clock.now())

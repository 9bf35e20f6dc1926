"""Open the dates of weekly slots ahead."""

from __future__ import annotations

from .ports import JobServices


def run(services: JobServices) -> None:
    """Open batch after batch, until nothing is missing."""
    while (
        not services.stopping.is_set() and services.supabase.service.operations.open_occurrences()
    ):
        pass

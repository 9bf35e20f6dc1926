"""Add up what was counted, so that /metrics reads sums and few single events."""

from __future__ import annotations

from .ports import JobServices


def run(services: JobServices) -> None:
    """Of several workers one does it, the others find nothing to do."""
    services.supabase.service.operations.add_up_counts()

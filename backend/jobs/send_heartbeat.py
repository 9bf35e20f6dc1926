"""Say that this worker lives."""

from __future__ import annotations

from .ports import JobServices


def run(services: JobServices) -> None:
    """Renew this worker's row."""
    services.supabase.service.operations.heartbeat(services.name)

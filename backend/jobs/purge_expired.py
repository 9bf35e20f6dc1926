"""Remove what has served its time."""

from __future__ import annotations

from .ports import JobServices


def run(services: JobServices) -> None:
    """Purge used-up states, old keys and workers long gone."""
    services.supabase.service.operations.purge_expired()

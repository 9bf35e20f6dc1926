"""Store the outcomes that a worker could only write to its disk."""

from __future__ import annotations

from .ports import JobServices


def run(services: JobServices) -> None:
    """Store what lies there, whichever worker of this machine left it; storing it twice is harmless."""
    services.spool.settle_all(services.supabase.service.targets.settle_attempts)

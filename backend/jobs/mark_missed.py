"""End targets that are too late to publish."""

from __future__ import annotations

from .ports import JobServices


def run(services: JobServices) -> None:
    """Mark a batch; every claim does this as well, but a full worker claims nothing."""
    services.supabase.service.targets.mark_missed()

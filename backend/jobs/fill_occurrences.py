"""Fill the places of weekly slots whose time comes near; drafts are written by run_generations."""

from __future__ import annotations

import logging

from .ports import JobServices

log = logging.getLogger("lin.jobs")

_BATCH = 50


def run(services: JobServices) -> None:
    """Do batch after batch, until one was not full. Every step is in the rows: a run that dies is taken up by the next."""
    full = True
    while full and not services.stopping.is_set():
        counts = services.supabase.service.operations.fill_occurrences(_BATCH)
        if any(counts.values()):
            log.info("occurrences filled", extra=counts)
        full = max(counts.values()) >= _BATCH

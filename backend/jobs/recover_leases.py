"""Take back what vanished workers held."""

from __future__ import annotations

import logging

from .ports import JobServices

log = logging.getLogger("lin.jobs")


def run(services: JobServices) -> None:
    """Requeue what was not marked, set to unconfirmed what was; the owner is notified by the database."""
    counts = services.supabase.service.targets.recover_leases()
    if any(counts.values()):
        log.warning("leases recovered", extra=counts)

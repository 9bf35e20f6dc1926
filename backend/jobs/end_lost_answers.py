"""End the mentor's answers whose web process is gone."""

from __future__ import annotations

import logging

from .ports import JobServices

log = logging.getLogger("lin.jobs")


def run(services: JobServices) -> None:
    """Keep what had come of them, as interrupted."""
    if ended := services.supabase.service.answers.end_lost_answers():
        log.warning("answers were interrupted", extra={"count": ended})

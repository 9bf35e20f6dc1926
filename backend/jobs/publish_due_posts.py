"""Claim due targets and start publishing them."""

from __future__ import annotations

from .ports import JobServices


def run(services: JobServices) -> None:
    """Claim as many as there are free threads."""
    services.dispatcher.claim_and_start()

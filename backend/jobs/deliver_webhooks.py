"""Post what people were told to their webhooks."""

from __future__ import annotations

from .ports import JobServices


def run(services: JobServices) -> None:
    """Post until nothing is due."""
    services.deliverer.run()

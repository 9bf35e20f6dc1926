"""Make what is new or edited findable."""

from __future__ import annotations

from .ports import JobServices


def run(services: JobServices) -> None:
    """Index all that waits."""
    services.indexer.run()

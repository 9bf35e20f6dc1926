"""Read the texts of uploaded documents, apart from articles: a slow one keeps nothing else waiting."""

from __future__ import annotations

from .ports import JobServices


def run(services: JobServices) -> None:
    """Read all that wait."""
    services.document_indexer.run()

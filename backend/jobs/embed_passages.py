"""Give passages their vectors, where there is a model that makes them."""

from __future__ import annotations

from .ports import JobServices


def run(services: JobServices) -> None:
    """Embed all that this model has not seen; a Space that sleeps is left alone for a while."""
    services.embedder.run()

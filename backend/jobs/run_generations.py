"""Run generations that no web process took: the process died, or had no thread free."""

from __future__ import annotations

from .ports import JobServices


def run(services: JobServices) -> None:
    """Run waiting generations, one after another, until none waits."""
    while not services.stopping.is_set() and services.generator.run():
        pass

"""A database without a worker: whatever moves here, a test moved it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests import stacks
from tests.engine.actors import Actor, World


@pytest.fixture(scope="package")
def database_url() -> Iterator[str]:
    """Postgres with the migrations and nobody else in it."""
    with stacks.quiet_stack() as stack:
        yield f"{stack.info['database_url']}?sslmode=disable"


@pytest.fixture
def world(database_url: str) -> Iterator[World]:
    """People, accounts and posts of one test."""
    made = World(database_url)
    try:
        yield made
    finally:
        made.close()


@pytest.fixture
def service(world: World) -> Actor:
    """The worker's session."""
    return world.service

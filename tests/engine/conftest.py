"""A database without a worker: whatever moves here, a test moved it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import stacks
from tests.engine.actors import Actor, World

ROOT = Path(__file__).resolve().parents[2]
# nothing of the product is needed here, and nothing that the machine's environment names
BARE = {"PLATFORM_SANDBOX_URL": "", "WRITER_SPACE": "", "SUPABASE_URL": ""}


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

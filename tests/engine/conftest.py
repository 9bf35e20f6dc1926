"""A database without a worker: whatever moves here, a test moved it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.stack import Stack
from tests.engine.actors import Actor, World

ROOT = Path(__file__).resolve().parents[2]
# nothing of the product is needed here, and nothing that the machine's environment names
BARE = {"PLATFORM_SANDBOX_URL": "", "WRITER_SPACE": "", "SUPABASE_URL": ""}


@pytest.fixture(scope="package")
def database_url() -> Iterator[str]:
    """Postgres with the migrations and nobody else in it."""
    stack = Stack(ROOT, Path(tempfile.mkdtemp(prefix="lin-")), services=False, extra_env=BARE)
    try:
        stack.start()
        yield f"{stack.info['database_url']}?sslmode=disable"
    finally:
        stack.discard()


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

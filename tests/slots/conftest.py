"""A database with the product's tables and nobody else at work: no worker fills what these tests look at."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest

from local.stack import Stack
from tests import stacks

from .owners import Database, Owner


@pytest.fixture(scope="package")
def quiet_stack() -> Iterator[Stack]:
    """Postgres and its gateway."""
    with stacks.quiet_stack() as stack:
        yield stack


@pytest.fixture(scope="package")
def connect(quiet_stack: Stack) -> Callable[[], Database]:
    """`connect()`: one more connection as the database's owner, each statement a transaction."""

    def connected() -> Database:
        return psycopg.connect(quiet_stack.info["database_url"], autocommit=True)

    return connected


@pytest.fixture(scope="package")
def database(connect: Callable[[], Database]) -> Iterator[psycopg.Connection[Any]]:
    """The connection most tests share."""
    with connect() as connection:
        yield connection


@pytest.fixture
def owner(database: Database) -> Owner:
    """Somebody new, in UTC, with one account."""
    return Owner.make(database)

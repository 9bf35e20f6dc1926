"""A database without a worker: what is indexed here, a test had indexed. People are real, with tokens of their own."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Iterator

import psycopg
import pytest

from backend.core.indexing import Indexer
from backend.sources.language import detect_language
from backend.store import Supabase
from local.stack import Stack
from tests import stacks
from tests.people import People, Person

from .readers import Database, Reader


@pytest.fixture(scope="package")
def quiet_stack() -> Iterator[Stack]:
    """Postgres and its gateway."""
    with stacks.quiet_stack() as stack:
        yield stack


@pytest.fixture(scope="package")
def database(quiet_stack: Stack) -> Iterator[Database]:
    """The database as its owner, each statement a transaction."""
    with psycopg.connect(quiet_stack.info["database_url"], autocommit=True) as connection:
        yield connection


@pytest.fixture(scope="package")
def supabase(quiet_stack: Stack) -> Iterator[Supabase]:
    """The product's own access to it."""
    info = quiet_stack.info
    made = Supabase(info["supabase_url"], info["publishable_key"], info["secret_key"])
    yield made
    made.close()


@pytest.fixture(scope="package")
def crowd(quiet_stack: Stack) -> Iterator[People]:
    """Makes people there."""
    made = People(quiet_stack.info)
    yield made
    made.close()


@pytest.fixture(scope="package")
def make_reader(
    quiet_stack: Stack, database: Database, supabase: Supabase, crowd: People
) -> Callable[[], Reader]:
    """`make_reader()`: somebody new with a source, signed in by a token of the project's own key."""

    def make() -> Reader:
        user_id = str(uuid.uuid4())
        email = f"{user_id}@example.com"
        database.execute(
            "insert into auth.users (id, email, email_confirmed_at) values (%s, %s, now())",
            [user_id, email],
        )
        nobody = crowd.nobody()
        person = crowd.with_minted_token(Person(nobody.info, nobody.http, user_id, email))
        assert person, "the local stack has its signing key at hand"
        return Reader.make(database, supabase, person)

    return make


@pytest.fixture
def reader(make_reader: Callable[[], Reader]) -> Reader:
    """Somebody new with a source."""
    return make_reader()


@pytest.fixture
def other(make_reader: Callable[[], Reader]) -> Reader:
    """Somebody else with a source."""
    return make_reader()


@pytest.fixture(scope="package")
def indexer(supabase: Supabase) -> Indexer:
    """The worker's, without the worker."""
    return Indexer(supabase.service.passages, detect_language, threading.Event())

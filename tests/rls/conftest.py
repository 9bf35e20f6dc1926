"""The catalogue's connection, and a small world: alice with a row in every table, and those who want to see it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest

from local.stack import Stack
from tests.people import People, Person

from .rows import Rows, make_rows


@pytest.fixture(scope="session")
def database(stack: Stack) -> Iterator[psycopg.Connection[Any]]:
    """The database as its owner: for the catalogue, for making rows, and for looking at what is really stored."""
    url = stack.info["database_url"]
    if not url:
        pytest.skip("a hosted project's catalogue is read with DATABASE_URL")
    if stack.info["kind"] == "local":  # the wheel's Postgres has no TLS
        url += "?sslmode=disable"
    with psycopg.connect(url, autocommit=True) as connection:
        yield connection


@dataclass(frozen=True)
class World:
    """Alice owns `rows`; the others own nothing but bob's `bobs_rows`. Carol's address is not confirmed, dora has signed out."""

    alice: Person
    bob: Person
    carol: Person
    dora: Person
    nobody: Person
    rows: Rows
    bobs_rows: Rows

    def person(self, name: str) -> Person:
        """By name, for parametrised tests."""
        person: Person = getattr(self, name)
        return person


@pytest.fixture(scope="session")
def world(people: People, database: psycopg.Connection[Any]) -> World:
    """Made once. Tests look at it and attack it; a test that changes rows makes its own with
    `rows_of`.

    carol's address is not confirmed, so Auth gives her no token; she holds one signed with the project's own key all the
    same, because policies must not lean on Auth's refusal. dora's token is valid by its signature until it ends.
    """
    alice, bob = people.make("alice"), people.make("bob")
    carol = people.with_minted_token(people.make("carol", confirmed=False))
    if carol is None:
        pytest.skip("no signing key at hand to give an unconfirmed person a token")
    dora = people.make("dora")
    url = f"{dora.info['supabase_url']}/auth/v1/logout?scope=global"
    assert dora.http.post(url, headers=dora.headers).status_code == 204
    rows = make_rows(database, alice)
    return World(alice, bob, carol, dora, people.nobody(), rows, make_rows(database, bob))


@pytest.fixture(scope="session")
def author(people: People) -> Person:
    """Somebody with many sets of rows: for tests that change one set and look at nothing else."""
    return people.make("author")


@pytest.fixture(scope="session")
def rows_of(database: psycopg.Connection[Any]) -> Callable[[Person], Rows]:
    """`rows_of(author)`: one more row in every table."""
    return lambda person: make_rows(database, person)


@pytest.fixture(scope="session")
def catalogue(database: psycopg.Connection[Any]) -> Callable[..., list[tuple[Any, ...]]]:
    """`catalogue("select ...")`: the rows of a question about the schema."""

    def ask(question: str, *values: Any) -> list[tuple[Any, ...]]:
        return database.execute(question.encode(), values or None).fetchall()

    return ask

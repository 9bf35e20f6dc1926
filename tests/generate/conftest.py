"""A database and its gateway with nobody else at work; a Space and web processes of these tests alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest

from local.stack import Stack
from tests import stacks
from tests.generate.offices import Caller, OwnSpace, Web
from tests.people import People

# Secrets that no row, stream or log may ever hold.
HUGGING_KEY = "hf_PlantedHuggingKeyPlanted"
MODEL_KEY = "sk-PlantedModelKeyPlanted"


@pytest.fixture(scope="package")
def floor() -> Iterator[Stack]:
    """Database and gateway."""
    with stacks.quiet_stack(PLATFORM_SANDBOX_URL="http://127.0.0.1:9") as stack:
        yield stack


@pytest.fixture(scope="package")
def crowd(floor: Stack) -> Iterator[People]:
    """Makes people there."""
    made = People(floor.info)
    yield made
    made.close()


@pytest.fixture(scope="package")
def own_space() -> Iterator[OwnSpace]:
    """The Space of the web processes, running or not."""
    made = OwnSpace()
    yield made
    made.stop()


@pytest.fixture
def space(own_space: OwnSpace) -> Iterator[OwnSpace]:
    """It, running and behaving."""
    own_space.start()
    own_space.forget()
    yield own_space
    if own_space.lives:
        own_space.forget()


@pytest.fixture
def absent_space(own_space: OwnSpace) -> OwnSpace:
    """It, not running."""
    own_space.stop()
    return own_space


@pytest.fixture(scope="package")
def environment(own_space: OwnSpace) -> dict[str, str]:
    """What web processes and workers are told."""
    return {
        "WRITER_SPACE": own_space.url, "HUGGING_KEY": HUGGING_KEY, "MODEL_KEY": MODEL_KEY, "LOG_LEVEL": "DEBUG",
        "GENERATION_DEADLINE_SECONDS": "170",
    }  # fmt: skip


@pytest.fixture(scope="package")
def web(floor: Stack, environment: dict[str, str]) -> Iterator[Web]:
    """A web process that has patience."""
    made = Web(floor, "patient", **environment)
    yield made
    made.kill()


@pytest.fixture(scope="package")
def hasty_web(floor: Stack, environment: dict[str, str]) -> Iterator[Web]:
    """Another one, that waits 4 s for a Space."""
    made = Web(floor, "hasty", **environment | {"GENERATION_DEADLINE_SECONDS": "4"})
    yield made
    made.kill()


@pytest.fixture
def open_door(floor: Stack, environment: dict[str, str]) -> Iterator[Callable[..., Web]]:
    """`open_door("name")`: one more web process, for a test that kills it."""
    opened: list[Web] = []

    def start(name: str, **env: str) -> Web:
        opened.append(Web(floor, name, **environment | env))
        return opened[-1]

    yield start
    for one in opened:
        one.kill()


@pytest.fixture
def ada(crowd: People, web: Web) -> Caller:
    """Somebody new at the patient web process."""
    return Caller(web.url, crowd.make("ada"))


@pytest.fixture
def ben(crowd: People, web: Web) -> Caller:
    """Somebody else."""
    return Caller(web.url, crowd.make("ben"))


@pytest.fixture
def sql(floor: Stack) -> Iterator[Callable[..., list[Any]]]:
    """Runs a statement as the database's owner."""
    with psycopg.connect(floor.info["database_url"], autocommit=True) as connection:

        def run(statement: str, *values: Any) -> list[Any]:
            cursor = connection.execute(statement, values)
            return cursor.fetchall() if cursor.description else []

        yield run

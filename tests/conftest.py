"""What every test may use: the whole stack, started once per session."""

from __future__ import annotations

import ctypes
import gc
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from coverage import Coverage

from local.stack import Stack
from tests import stacks
from tests.people import People, Person
from tests.sharing_out import InParts, folders_for, in_turn, part_of

# read by numpy's algebra as it is loaded, here and in what is started from here: its threads spin on every core
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

ROOT = Path(__file__).resolve().parents[1]
KEPT_LOGS = ROOT / ".local" / "test-logs"


# No deadline, because machines are busy at times; no examples kept in the repository, which may be read-only. A run without
# the slow tests draws a sample, one with them looks longer.
for profile, examples in (("sample", 15), ("all", 200)):
    hypothesis.settings.register_profile(profile, deadline=None, database=None, max_examples=examples)  # fmt: skip


# of malloc.h
M_MMAP_THRESHOLD = -3


def pytest_configure(config: pytest.Config) -> None:
    """Chooses how long hypothesis looks. The process that shares a run out, or its only one, opens what the run shares."""
    set_allocator = getattr(ctypes.CDLL(None), "mallopt", None)
    if set_allocator:  # glibc: a megabyte or more goes back as soon as it is free; the videos of tests kept half a gigabyte
        set_allocator(M_MMAP_THRESHOLD, 1 << 20)
    hypothesis.settings.load_profile("sample" if config.option.markexpr == "not slow" else "all")
    one_of_several = getattr(config, "workerinput", None)
    if one_of_several is None:
        stacks.open_model()
        config.add_cleanup(stacks.close_model)
    elif config.args == ["tests"]:
        config.args = folders_for(one_of_several["workerid"], one_of_several["workercount"])


def pytest_collection() -> None:
    """Looking for garbage among ten thousand tests is a quarter of the time it takes to find them, and finds none."""
    gc.disable()


def pytest_collection_finish() -> None:
    """What is loaded now stays to the end."""
    gc.freeze()
    gc.enable()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All processes of a run have the same order, however they came by the tests."""
    turn = {part: number for number, part in enumerate(in_turn(item.nodeid for item in items))}
    items.sort(key=lambda item: (turn[part_of(item.nodeid)], item.nodeid.partition("::")[0]))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> InParts:
    """How several processes share the tests out."""
    config.option.loadscopereorder = False
    return InParts(config, log)


def pytest_sessionfinish() -> None:
    """Keep what was measured before the process ends: pytest-xdist gives its processes ten seconds for that, and threads
    of Gradio, which Python waits for, may take longer."""
    measuring = Coverage.current()
    if measuring:
        measuring.save()


@pytest.fixture(scope="session")
def stack(request: pytest.FixtureRequest) -> Iterator[Stack]:
    """Everything, with the web server and a worker.

    LIN_TEST_STACK=supabase takes the real services in Docker, SUPABASE_URL with its keys a hosted project.
    """
    stack = stacks.new_stack(kind=os.environ.get("LIN_TEST_STACK", "local"))
    try:
        stack.start()
        yield stack
    finally:
        stack.stop()
        logs = stack.state / "logs"
        if request.session.testsfailed and logs.exists():
            kept = KEPT_LOGS / os.environ.get("PYTEST_XDIST_WORKER", "")
            shutil.rmtree(kept, ignore_errors=True)
            shutil.copytree(logs, kept)
        stack.discard()


@pytest.fixture(scope="session")
def people(stack: Stack) -> Iterator[People]:
    """Makes people on the session's stack."""
    made = People(stack.info)
    yield made
    made.close()


@pytest.fixture(scope="session")
def make_person(people: People) -> Callable[..., Person]:
    """`make_person()`: somebody new with a confirmed address, signed in; `confirmed=False` without either."""
    return people.make


@pytest.fixture
def alice(people: People) -> Person:
    """Somebody new, confirmed and signed in."""
    return people.make("alice")


@pytest.fixture
def bob(people: People) -> Person:
    """Somebody else, confirmed and signed in."""
    return people.make("bob")


@pytest.fixture
def carol(people: People) -> Person:
    """Somebody whose address is not confirmed: Auth gives her no token."""
    return people.make("carol", confirmed=False)


@pytest.fixture(scope="session")
def nobody(people: People) -> Person:
    """The publishable key without a token."""
    return people.nobody()


@pytest.fixture(scope="session")
def service(people: People) -> Person:
    """The secret key: row-level security does not apply."""
    return people.service()

"""People with something of every kind, and a Leaver on a wire of its own beside the stack's web process and worker."""

from __future__ import annotations

import io
import uuid
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest

from backend.core.leaving import Leaver
from backend.settings import Settings, load_settings
from backend.store import Supabase
from backend.worker_services import build_worker
from local.stack import Stack
from tests.api.conftest import Browser, ada, ben, open_browser, sandbox  # noqa: F401 - fixtures
from tests.faults.watched_wire import Rules, WatchedWire
from tests.people import Person
from tests.rls.conftest import catalogue, database  # noqa: F401 - fixtures
from tests.rls.rows import Rows, make_rows

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 64


@dataclass(frozen=True)
class Belongings:
    """A row in every table, and files: one that a row names, one that none does."""

    rows: Rows
    files: tuple[str, ...]


def upload(person: Person, path: str, content: bytes = PNG) -> int:
    """Put a file into Storage; returns the status."""
    answer = person.storage("POST", f"object/media/{path}", content, Content_Type="image/png")
    return answer.status_code


@pytest.fixture
def furnish(database: psycopg.Connection[Any]) -> Callable[[Person], Belongings]:  # noqa: F811
    """`furnish(alice)`: gives her one of everything."""

    def give(person: Person) -> Belongings:
        rows = make_rows(database, person)
        named = rows.stored("media")
        assert named
        files = (str(named["path"]), f"{person.id}/fitted/{uuid.uuid4()}.png")
        assert [upload(person, path) for path in files] == [200, 200]
        return Belongings(rows, files)

    return give


@pytest.fixture
def is_gone(database: psycopg.Connection[Any]) -> Callable[[Person], bool]:  # noqa: F811
    """Whether Auth knows somebody no more."""

    def look(person: Person) -> bool:
        found = database.execute("select 1 from auth.users where id = %s", [person.id]).fetchone()
        return found is None

    return look


@pytest.fixture
def rules() -> Rules:
    """What happens on the wire between the Leaver and Supabase."""
    return Rules()


@pytest.fixture
def wire(stack: Stack, rules: Rules) -> Iterator[WatchedWire]:
    with WatchedWire(stack.info["supabase_url"], rules) as one:
        yield one


@pytest.fixture
def leaver(stack: Stack, wire: WatchedWire) -> Iterator[Leaver]:
    """As the worker builds it, on the wire."""
    environment = stack.backend_env() | {"SUPABASE_URL": wire.url}
    fields = {name.lower(): value for name, value in environment.items()}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)  # platforms read their own settings
        services = build_worker(
            load_settings(
                **{name: fields[name] for name in fields if name in Settings.model_fields}
            )
        )
    yield services.leaver
    services.stopping.set()
    assert services.dispatcher.stop(20)
    services.supabase.close()


@pytest.fixture
def project(stack: Stack) -> Iterator[Supabase]:
    """The stack's project as the backend reaches it."""
    one = Supabase(
        stack.info["supabase_url"], stack.info["publishable_key"], stack.info["secret_key"]
    )
    yield one
    one.close()


@pytest.fixture(scope="module")
def gone_person(make_person: Callable[..., Person]) -> Person:
    """Somebody who deleted their account, once for all tests that only find it gone."""
    return make_person("gone")


@pytest.fixture
def gone_ada(open_browser: Callable[..., Browser], gone_person: Person) -> Browser:  # noqa: F811
    """Their browser, in which the token of then is still valid by its signature."""
    browser = open_browser(gone_person)
    answer = browser.call("DELETE", "/api/account", {"confirm": gone_person.email})
    assert answer.status_code in (200, 401), answer.text
    return browser


def exported(browser: Browser) -> zipfile.ZipFile:
    """The person's export, checked from end to end."""
    answer = browser.call("GET", "/api/account/export")
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Type"] == "application/zip"
    file = zipfile.ZipFile(io.BytesIO(answer.content))
    assert file.testzip() is None
    return file

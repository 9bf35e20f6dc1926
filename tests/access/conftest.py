"""The app in this process on the stack's project, a clock for its memory of sessions, and people who may not."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import httpx
import psycopg
import pytest
from flask.testing import FlaskClient
from flask_openapi3 import OpenAPI
from werkzeug.test import TestResponse

from backend.app import create_app
from backend.auth import Authenticator, SigningKeys
from backend.services import build
from backend.settings import load_settings
from backend.store import Supabase
from local.stack import Stack
from tests.access.routes import Ask
from tests.faults.watched_wire import Rules, WatchedWire
from tests.people import People, Person
from tests.rls.conftest import database  # noqa: F401 - a fixture
from tests.rls.rows import Rows, make_rows

PROBLEM = {"type", "title", "status", "detail", "request_id"}
# what this app asks for costs nobody anything; the stack's own worker has Spaces of its own
NO_SPACES = {"WRITER_SPACE": "", "MENTOR_SPACE": "", "VOICE_SPACE": "", "EMBEDDING_SPACE": ""}


@dataclass
class Clock:
    """Seconds that pass when a test says so."""

    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


@dataclass(frozen=True)
class Application:
    """The app, asked by people."""

    app: OpenAPI
    client: FlaskClient
    clock: Clock = field(default_factory=Clock)

    def ask(
        self, method: str, rule: str, arguments: dict[str, Any], person: Person | None = None, headers: dict[str, str] | None = None
    ) -> TestResponse:  # fmt: skip
        """One request with these arguments, as this person or without a token; `headers` are added."""
        sent = {name: value for name, value in arguments.items() if name not in ("path", "headers")}
        path = re.sub(r"<(?:\w+:)?(\w+)>", lambda part: arguments["path"][part[1]], rule)
        bearer = {"Authorization": f"Bearer {person.token}"} if person and person.token else {}
        said = arguments.get("headers", {}) | bearer | (headers or {})
        # read to its end and closed, as by a browser
        return self.client.open(path, method=method, headers=said, buffered=True, **sent)


def problem(answer: TestResponse, status: int) -> dict[str, Any]:
    """The body of a refusal of this status."""
    assert answer.status_code == status, answer.text
    assert answer.content_type == "application/problem+json"
    body: dict[str, Any] = answer.get_json()
    assert set(body) >= PROBLEM
    return body


def told(answer: TestResponse) -> str:
    """All that an answer says, headers too; of a ZIP file, what its files say."""
    said = answer.data
    if answer.mimetype == "application/zip":
        with zipfile.ZipFile(io.BytesIO(said)) as file:
            said = b"\n".join(file.read(name) for name in file.namelist())
    return f"{answer.headers}\n{said.decode()}"


@pytest.fixture(scope="module")
def auth_rules() -> Rules:
    """What happens on the wire on which the app asks Auth about sessions."""
    return Rules()


@pytest.fixture(scope="module")
def auth_wire(stack: Stack, auth_rules: Rules) -> Iterator[WatchedWire]:
    with WatchedWire(stack.info["supabase_url"], auth_rules) as one:
        yield one


@pytest.fixture(scope="module")
def application(stack: Stack, auth_wire: WatchedWire) -> Iterator[Application]:
    """As services.py builds it, but for the clock and for where sessions are asked about."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in (stack.backend_env() | NO_SPACES).items():
            patch.setenv(name, value)
        services = build(load_settings())
    info, clock = stack.info, Clock()
    url, secret = f"{info['supabase_url']}/auth/v1", services.settings.jwt_secret_key
    asked = Supabase(auth_wire.url, info["publishable_key"], info["secret_key"])
    authenticator = Authenticator(
        SigningKeys(
            lambda: httpx.get(f"{url}/.well-known/jwks.json", trust_env=False, timeout=30).json()
        ),
        issuer=url,
        legacy_secret=secret.get_secret_value() if secret else None,
        session_check=asked.confirmed_session,
        clock=clock,
    )
    # what is asked for is left to the stack's worker: no thread of this process outlives the test
    services = replace(services, authenticator=authenticator, run_generation=lambda _: None)
    app = create_app(services)
    yield Application(app, app.test_client(), clock)
    asked.close()
    services.supabase.close()


@dataclass(frozen=True)
class Cast:
    """Alice owns `hers`, Bob owns `mine`."""

    alice: Person
    hers: Rows
    bob: Person
    mine: Rows

    def fill(self, ask: Ask) -> dict[str, Any]:
        """The request about what is Alice's, as somebody else asks."""
        return ask.fill(self.hers, self.mine)


@pytest.fixture(scope="module")
def cast(people: People, database: psycopg.Connection[Any]) -> Cast:  # noqa: F811
    alice, bob = people.make("alice"), people.make("bob")
    return Cast(alice, make_rows(database, alice), bob, make_rows(database, bob))


@pytest.fixture(scope="module")
def unconfirmed(people: People, database: psycopg.Connection[Any]) -> Person:  # noqa: F811
    """Somebody signed in whose address is not confirmed any more."""
    carol = people.make("carol")
    unconfirm(database, carol)
    return carol


@pytest.fixture(scope="module")
def signed_out(people: People) -> Person:
    """Somebody who has signed out; the token of then is valid by its signature."""
    eve = people.make("eve")
    sign_out(eve)
    return eve


def unconfirm(database: psycopg.Connection[Any], person: Person) -> None:  # noqa: F811
    """What Auth has no call for."""
    database.execute("update auth.users set email_confirmed_at = null where id = %s", [person.id])


def sign_out(person: Person) -> None:
    """As a frontend does."""
    url = f"{person.info['supabase_url']}/auth/v1/logout?scope=global"
    assert person.http.post(url, headers=person.headers).status_code == 204


def delete(service: Person, person: Person) -> None:
    """As the project's dashboard does, past the app."""
    url = f"{service.info['supabase_url']}/auth/v1/admin/users/{person.id}"
    assert service.http.delete(url, headers=service.headers).status_code == 200


@pytest.fixture(scope="module")
def stored(database: psycopg.Connection[Any]) -> Callable[[Rows], Any]:  # noqa: F811
    """`stored(rows)`: how many rows their owner has where no worker adds any, and every row made for them as it lies there."""
    by_worker = {"passages", "passage_embeddings", "media_texts", "indexing_queue"}
    owned = [
        table
        for (table,) in database.execute(
            """select relname from pg_class c where relnamespace = 'public'::regnamespace and relkind = 'r' and exists (
                 select 1 from pg_attribute a where a.attrelid = c.oid and a.attname = 'user_id')"""
        )
        if table not in by_worker
    ]

    def look(rows: Rows) -> Any:
        counts = (
            f"select '{table}', to_jsonb(count(*)) from public.{table} where user_id = '{rows.owner.id}'"  # noqa: S608 - our own names
            for table in owned
        )
        # what is generated is left out, as in Rows.stored()
        made = (
            f"select '{table}', to_jsonb(t) - 'search' - 'host' from public.{table} t where "  # noqa: S608 - our own names
            + " and ".join(f"t.{column}::text = '{value}'" for column, value in key.items())
            for table, key in rows.keys.items()
        )
        found = database.execute(" union all ".join((*counts, *made)).encode()).fetchall()
        assert len(found) == len(owned) + len(rows.keys)
        return found

    return look

"""Ada, who has one of everything and an account at the sandbox, before the application in this process."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest
from flask_openapi3 import OpenAPI

from backend.app import create_app
from backend.services import build
from backend.settings import load_settings
from local.sandbox.driver import Sandbox
from local.stack import Stack
from tests.api.conftest import Browser
from tests.models.endpoint import MODEL, Endpoint
from tests.people import People, Person
from tests.rls.conftest import database  # noqa: F401 - a fixture
from tests.rls.rows import make_rows

from .cases import World

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 64
# many requests a second are the point here; limits have tests of their own
NO_LIMITS = {f"RATE_LIMIT_{who}": "1000000" for who in ("USER", "ADDRESS", "CONNECT", "GENERATE", "CHAT", "SPEAK")}  # fmt: skip


@dataclass(frozen=True)
class Ada:
    """Whose token the cases carry, and her browser, for what takes several steps."""

    person: Person
    browser: Browser


@pytest.fixture(scope="module")
def endpoint() -> Iterator[Endpoint]:
    """Writer, mentor and voice in one, who answer at once."""
    with Endpoint() as one:
        yield one


@pytest.fixture(scope="module")
def app(stack: Stack, endpoint: Endpoint) -> Iterator[OpenAPI]:
    """The application as the stack's web process has it, with models that answer at once."""
    model = f"{endpoint.url}#{MODEL}"
    models = {"WRITER_SPACE": model, "MENTOR_SPACE": model, "VOICE_SPACE": model}
    with pytest.MonkeyPatch.context() as environment:
        for name, value in (stack.backend_env() | models | NO_LIMITS).items():
            environment.setenv(name, value)
        environment.delenv("EMBEDDING_SPACE", raising=False)
        services = build(load_settings())
    yield create_app(services)
    services.supabase.close()


@pytest.fixture(scope="module")
def ada(stack: Stack, people: People) -> Iterator[Ada]:
    person = people.make("ada")
    browser = Browser(stack.info["api_url"], stack.info["frontend_url"], Sandbox(stack.info["sandbox_url"]), person)  # fmt: skip
    yield Ada(person, browser)
    browser.http.close()


@pytest.fixture(scope="module")
def world(
    app: OpenAPI, ada: Ada, stack: Stack, database: psycopg.Connection[Any]  # noqa: F811
) -> World:  # fmt: skip
    """What the cases may name."""
    person, browser = ada.person, ada.browser
    rows = [make_rows(database, person) for _ in range(4)]
    account = browser.connect()
    posts = [browser.write(f"Bridges, number {number}", account) for number in range(6)]
    published = browser.write("Twelve bridges", account)
    done = browser.call("POST", f"/api/posts/{published}/publish", headers={"Prefer": "wait=30"})
    assert done.json()["status"] == "published", done.text
    path = f"{person.id}/bridge.png"
    assert person.storage("POST", f"object/media/{path}", PNG, Content_Type="image/png").is_success
    client, bearer = app.test_client(), {"Authorization": f"Bearer {person.token}"}

    def made(path: str, **body: Any) -> dict[str, Any]:
        answer = client.post(path, json=body, headers=bearer | {"Accept": "application/json"})
        assert answer.status_code in (200, 201, 202), answer.text
        found: dict[str, Any] = answer.get_json()
        return found

    turn = made("/api/chat/send", message="What did I read about bridges?")
    slot = made("/api/slots", account_id=account, when="Monday 18:00")
    generation = made("/api/generate", topic="Bridges of Lyon", platform="linkedin")[
        "generation_id"
    ]
    with client.get(f"/api/generations/{generation}/events", headers=bearer) as events:
        assert "event: result" in events.text
    started = made("/api/platforms/connect", platform="linkedin", redirect_to=stack.info["frontend_url"])  # fmt: skip
    return World(
        ids={
            "post_id": [*posts, published, *(one.post for one in rows)],
            "target_id": [browser.target(published)["id"], *(one.target for one in rows)],
            "account_id": [account, rows[0].account],
            "generation_id": [generation, rows[0].generation],
            "session_id": [turn["session_id"]],
            "message_id": [turn["message_id"], turn["user_message_id"]],
            "slot_id": [slot["id"], *(one.slot for one in rows)],
            "source_item_id": [one.item for one in rows],
        },
        words={
            "token": [app.extensions["lin"].links.address(path, "image/png").rpartition("/")[2]],
            "platform": ["linkedin", "x", "tiktok"],
            "state": [started["authorization_url"].partition("state=")[2].partition("&")[0]],
            "redirect_to": [f"{stack.info['frontend_url']}/connected"],
            "url": [f"{stack.info['frontend_url']}/feed.xml", "http://127.0.0.1:9/"],
            "when": ["Tuesday 9:00", "mercredi 18h30"],
            "timezone": ["Europe/Paris"],
            "from": ["2026-05-01"],
            "to": ["2026-08-01"],
        },
        disposable=[one.account for one in rows[1:]],
    )

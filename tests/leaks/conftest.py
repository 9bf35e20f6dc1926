"""A web process beside the stack's, that logs everything and whose secrets are all known; the stack's worker works for it."""

from __future__ import annotations

import base64
import os
import signal
import socket
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest

from backend.sealing import Sealer
from local.sandbox.driver import Sandbox
from local.stack import Stack
from local.stack.forking import Forked
from tests.api.conftest import Browser, Space, _is_live
from tests.leaks.driving import Product
from tests.leaks.planting import planted
from tests.models.endpoint import MODEL, Endpoint
from tests.operations.stand_in import StandIn
from tests.people import People
from tests.programs import fork_web
from tests.waiting import until

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def product(stack: Stack, people: People) -> Iterator[Product]:
    """It has been driven over all its failures, and stopped: nothing more will be written."""
    person = people.make("planted")
    listening = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    sandbox = Sandbox(stack.info["sandbox_url"])
    collector = StandIn()
    with closing(collector), Endpoint() as model, psycopg.connect(stack.info["database_url"], autocommit=True) as database:  # fmt: skip

        def sql(statement: str, *values: Any) -> list[Any]:
            cursor = database.execute(statement, values)  # type: ignore[call-overload] # a literal everywhere
            return cursor.fetchall() if cursor.description else []

        env, known = planted(stack.backend_env())
        env |= {"LOG_LEVEL": "DEBUG", "PUBLIC_URL": url, "WRITER_SPACE": f"{model.url}#{MODEL}"}
        env |= _apps(sandbox, known, url)
        # what is sent to whoever watches it
        env |= {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, "SENTRY_DSN": f"http://{known['SENTRY_DSN']}@{collector.url.removeprefix('http://')}/7"}  # fmt: skip
        known |= {"a person's access token": str(person.token), "a person's password": person.password}  # fmt: skip
        keys = env["TOKEN_KEYS"].split(",")
        made = Product(
            Browser(url, stack.info["frontend_url"], sandbox, person), Space(stack.info["space_url"]), model, sql,
            Sealer([base64.urlsafe_b64decode(f"{key}{'=' * (-len(key) % 4)}") for key in keys]), env, known, collector,
        )  # fmt: skip
        ((made.since,),) = sql("select txid_current() %% (2 ^ 32)::bigint")
        logs = Path(stack.info["state"]) / "logs"
        made.logs = {file: file.stat().st_size for file in logs.glob("*.log")}
        web = _web(env, listening, logs / "web-planted.log")
        try:
            until(lambda: _is_live(url), "the web process with planted secrets")
            made.publish_in_vain()
            made.connect_in_vain()
            made.generate_in_vain()
            made.read_in_vain()
            made.ask_wrongly()
            made.look()
            made.archive = made.browser.call("GET", "/api/account/export").content
        finally:
            made.space.forget()
            made.browser.http.close()
            os.killpg(web.pid, signal.SIGTERM)
            web.wait(40)
        made.logs = {file: made.logs.get(file, 0) for file in logs.glob("*.log")}
        yield made


def _apps(sandbox: Sandbox, known: dict[str, str], url: str) -> dict[str, str]:
    """Apps at the sandbox with the planted secrets, for this address."""
    made = {}
    for platform in ("linkedin", "x"):
        variable = f"{platform.upper()}_CLIENT_SECRET"
        made[f"{platform.upper()}_CLIENT_ID"] = client_id = f"planted-{os.urandom(4).hex()}"
        known.setdefault(variable, known.pop(f"{variable} 1", ""))
        sandbox.tell(
            "apps", platform=platform, client_id=client_id, client_secret=known[variable],
            redirect_uris=[f"{url}/api/platforms/{platform}/callback"],
        )  # fmt: skip
    return made


def _web(env: dict[str, str], listening: socket.socket, log: Path) -> Forked:
    with listening:
        return fork_web(env, listening, log)

"""Readiness: what each part says when it is not well. The database's figures are made up here, the answer is real."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from backend.app import create_app
from backend.core.errors import Unavailable
from backend.services import build
from backend.settings import Settings

KEY = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"


def ready(system_health: Any) -> tuple[int, dict[str, str]]:
    """What /health/ready answers when the database says this."""
    services = build(
        Settings(
            app_env="development", supabase_url="http://127.0.0.1:9", supabase_key="k", supabase_secret_key="s",
            public_url="http://127.0.0.1:9", frontend_origins="http://127.0.0.1:9", token_keys=KEY,
        )  # type: ignore[arg-type]
    )  # fmt: skip
    database: Any = SimpleNamespace(
        service=SimpleNamespace(operations=SimpleNamespace(system_health=system_health))
    )
    answer = create_app(replace(services, supabase=database)).test_client().get("/health/ready")
    return answer.status_code, answer.get_json()


def test_a_silent_database_is_not_ready() -> None:
    def silent() -> dict[str, Any]:
        raise Unavailable("The database does not answer.")

    status, body = ready(silent)
    assert status == 503
    assert body["database"] == "Supabase does not answer"


@pytest.mark.parametrize(
    ("age", "late", "worker", "queue"),
    [
        (1.0, None, "", ""),
        (45.0, 300.0, "", ""),
        (46.0, None, "no worker has been heard of for 46 s", ""),
        (None, None, "no worker has been heard of", ""),
        (1.0, 301.0, "", "the oldest due post waits for 301 s"),
    ],
)
def test_each_part_says_what_is_wrong_with_it(
    age: float | None, late: float | None, worker: str, queue: str
) -> None:
    # every figure the function gives, whatever else readiness may come to look at
    figures = {"heartbeat_age_seconds": age, "oldest_due_seconds": late}
    status, body = ready(lambda: figures)
    assert status == (503 if worker or queue else 200)
    assert (body["worker"], body["queue"]) == (worker, queue)
    assert body["status"] == ("not ready" if worker or queue else "ready")

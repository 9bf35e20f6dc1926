"""The workers, the database and the sandbox of the fault tests, and the web process as a client sees it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask.testing import FlaskClient

from backend.app import create_app
from backend.services import build
from backend.settings import Settings, load_settings
from local.stack import Stack
from tests.faults.conftest import platform, quiet_stack, rig
from tests.faults.test_refreshing import partner

__all__ = ["partner", "platform", "quiet_stack", "rig"]


@pytest.fixture(scope="module")
def web(quiet_stack: Stack) -> Iterator[FlaskClient]:
    """The web process's application over the same database."""
    env = {name.lower(): value for name, value in quiet_stack.backend_env().items()}
    ours = {name: value for name, value in env.items() if value and name in Settings.model_fields}
    services = build(load_settings(**ours))
    with create_app(services).test_client() as client:
        yield client
    services.supabase.close()

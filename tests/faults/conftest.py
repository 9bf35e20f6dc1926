"""A database, a gateway and a sandbox, shared; workers are each test's own, because they are what is broken here."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest

from local.sandbox.driver import Sandbox
from local.sandbox.registry import build
from local.sandbox.server import SandboxServer
from local.stack import Stack
from tests import stacks
from tests.faults.rig import LEASE_SECONDS, TIMEOUT_SECONDS, Rig


@pytest.fixture(scope="session")
def platform() -> Iterator[Sandbox]:
    """The sandbox: the judge of what was sent."""
    world, mounts = build()
    bound = socket.create_server(("127.0.0.1", 0))
    with SandboxServer(bound, world, mounts) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        sandbox = Sandbox(f"http://127.0.0.1:{bound.getsockname()[1]}")
        # tokens for nobody in particular come from the first app, whichever test makes one of its own first
        sandbox.tell("tokens", count=0)
        yield sandbox
        server.shutdown()
        thread.join()


@pytest.fixture(scope="session")
def quiet_stack(platform: Sandbox) -> Iterator[Stack]:
    """Database and gateway, with nobody at work; leases and time-outs are short."""
    with stacks.quiet_stack(
        PLATFORM_SANDBOX_URL=platform.url, WORKER_THREADS="6", BREAKER_SECONDS="0.3",
        PUBLISH_LEASE_SECONDS=str(LEASE_SECONDS), PLATFORM_TIMEOUT_SECONDS=str(TIMEOUT_SECONDS),
    ) as stack:  # fmt: skip
        yield stack


@pytest.fixture
def rig(quiet_stack: Stack, platform: Sandbox) -> Iterator[Rig]:
    """Accounts, posts and workers of one test."""
    made = Rig(quiet_stack, platform)
    try:
        yield made
    finally:
        made.close()

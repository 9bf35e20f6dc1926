"""`python -m tests.bench.noop_worker`: a worker whose platform answers at once, so that only the queue is at work."""

from __future__ import annotations

import runpy
import uuid
from collections.abc import Sequence
from typing import Any

from backend.core.platform_contract import Content, Identity, Notes, Published, Tokens, Violation
from backend.platforms import PLATFORMS
from backend.platforms.linkedin import LinkedIn


class Noop(LinkedIn):
    """A LinkedIn to which nothing is sent."""

    def violations(self, content: Content) -> Sequence[Violation]:
        return ()

    def prepare(
        self, tokens: Tokens, identity: Identity, content: Content, notes: Notes
    ) -> dict[str, Any]:
        return {}

    def publish(self, tokens: Tokens, prepared: Any, notes: Notes) -> Published:
        return Published(f"urn:li:share:{uuid.uuid4().int}", None, 201, None)


if __name__ == "__main__":
    PLATFORMS["linkedin"] = Noop
    runpy.run_module("backend.worker", run_name="__main__", alter_sys=True)

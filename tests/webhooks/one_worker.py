"""`python -m tests.webhooks.one_worker DATABASE KEY ORIGIN`: a worker of its own process, to be killed."""

from __future__ import annotations

import base64
import sys

from backend.outbound import PublicHttp
from backend.sealing import Sealer
from tests.engine.actors import Actor
from tests.webhooks.conftest import deliverer

if __name__ == "__main__":
    database_url, key, origin = sys.argv[1:]
    sealer = Sealer([base64.b64decode(key)])
    deliverer(Actor(database_url, "service_role"), sealer, PublicHttp([origin])).run()

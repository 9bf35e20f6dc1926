"""``python -m local.sandbox --host 127.0.0.1 --port 15430``."""

from __future__ import annotations

import argparse
import logging
import os
import sys

from local.serving import announce, bind_first_free, exit_on_signals, url_of

from .fetching import origins
from .registry import build, register_apps
from .server import SandboxServer

_PORT = 15430


def main() -> int:
    """Serve until SIGTERM or SIGINT.

    Apps come from ``SANDBOX_APPS``, addresses that platforms may fetch media from out of
    ``SANDBOX_PUBLIC_ORIGINS``.
    """
    options = _options()
    logging.basicConfig(
        stream=sys.stderr, level=options.log_level, format="%(asctime)s %(name)s %(message)s"
    )
    try:
        world, mounts = build(origins(os.environ.get("SANDBOX_PUBLIC_ORIGINS", "")))
        register_apps(world, os.environ.get("SANDBOX_APPS", ""))
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    bound = bind_first_free(options.host, options.port)
    exit_on_signals()
    with SandboxServer(bound, world, mounts) as server:
        announce(url_of(bound), hosts=mounts.hosts)
        server.serve_forever()
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m local.sandbox", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=_PORT, help="0 takes any free port")
    parser.add_argument("--log-level", default="WARNING", type=str.upper)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())

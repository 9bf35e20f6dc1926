"""`python -m local.frontend`: the stand-in frontend on loopback."""

from __future__ import annotations

import argparse
from pathlib import Path

from local.serving import HttpService, announce, bind_first_free, exit_on_signals, url_of

from .pages import FrontendPages


def main() -> None:
    """Parse the arguments and serve until a signal."""
    parser = argparse.ArgumentParser(prog="python -m local.frontend", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=15460, help="this port or the next free one")
    parser.add_argument(
        "--stack-json", type=Path, help="where the launcher writes the stack's addresses"
    )
    options = parser.parse_args()
    FrontendPages.stack_json = options.stack_json
    bound = bind_first_free(options.host, options.port)
    exit_on_signals()
    server = HttpService(bound, FrontendPages)
    announce(url_of(bound))
    server.serve_forever()


if __name__ == "__main__":
    main()

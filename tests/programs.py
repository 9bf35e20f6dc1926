"""Programs that tests start beside a stack, each forked into a process of its own, for most of them live for seconds."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Mapping
from pathlib import Path

from local.paths import ROOT
from local.stack.forking import Forked


def fork_web(env: Mapping[str, str], bound: socket.socket | int, log: Path) -> Forked:
    """A web server with these settings on a listening socket, which the caller may close then, or on a port of loopback."""
    given = [] if isinstance(bound, int) else [bound.fileno()]
    address = f"127.0.0.1:{bound}" if isinstance(bound, int) else f"fd://{bound.fileno()}"
    program = [
        "gunicorn",
        "-c",
        "backend/gunicorn.conf.py",
        "--bind",
        address,
        "backend.wsgi:create()",
    ]
    return Forked(program, env=env, cwd=ROOT, log=log, pass_fds=given)


def fork_space(*options: str, port: int = 0, log: Path = Path(os.devnull)) -> tuple[Forked, str]:
    """The local Space on a port, 0 for any, and its URL as soon as it serves."""
    program = ["local.space", "--port", str(port), *options]
    process = Forked(program, env=os.environ, cwd=ROOT, log=log, announces=True)
    assert process.stdout
    line = process.stdout.readline()
    if not line:
        raise RuntimeError(f"the Space ended with {process.wait(60)} before it was ready")
    return process, str(json.loads(line)["ready"])

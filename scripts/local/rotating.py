"""Runs the product's own command that seals stored tokens again, on the local stack or a hosted project."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping

from .paths import ROOT, STATE
from .stack import Stack, StackError
from .stack.secrets import Secrets
from .stack.settings import Supabase, backend_environment

COMMAND = "backend.rotate_keys"


def rotate_keys(*, remote: bool, dry_run: bool) -> int:
    """Run it to its end; its exit status. Raises StackError."""
    flags = ["--dry-run"] if dry_run else []
    with hosted() if remote else local() as env:
        done = subprocess.run([sys.executable, "-m", COMMAND, *flags], cwd=ROOT, env=env, check=False)  # fmt: skip
    return done.returncode


@contextlib.contextmanager
def hosted() -> Iterator[Mapping[str, str]]:
    """The environment of the deployment, as .env or the caller's environment has it."""
    if not os.environ.get("SUPABASE_URL"):
        raise StackError(
            "--remote works on the project of SUPABASE_URL, which is not set: run this with the deployment's own settings "
            "(.env), above all SUPABASE_SECRET_KEY and TOKEN_KEYS"
        )
    yield os.environ


@contextlib.contextmanager
def local() -> Iterator[Mapping[str, str]]:
    """The environment of the stack that runs here, or of one started for this command. TOKEN_KEYS of the caller's
    environment wins over the stack's own key."""
    file = STATE / "stack.json"
    if file.exists():
        yield _of_running(json.loads(file.read_text()))
        return
    with Stack(ROOT, STATE, services=False, extra_env={"SUPABASE_URL": ""}) as stack:
        yield stack.backend_env()


def _of_running(info: Mapping[str, str | None]) -> dict[str, str]:
    known = {name: value or "" for name, value in info.items() if isinstance(value, str | None)}
    return backend_environment(
        os.environ,
        supabase=Supabase(known["supabase_url"], known["publishable_key"], known["secret_key"]),
        secrets=Secrets.of(STATE),
        api_url=known["api_url"],
        frontend_url=known["frontend_url"],
        sandbox_url=known["sandbox_url"],
        space_url=known["space_url"],
        smtp_url=known["smtp_url"],
        spool_directory=str(STATE / "spool"),
    )

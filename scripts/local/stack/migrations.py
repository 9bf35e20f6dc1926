"""Migrations and seed, by the real Supabase CLI."""

from __future__ import annotations

import hashlib
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

import psycopg

from local.paths import SUPABASE_CLI, node_directory

from .errors import StackError

CLI_SECONDS = 300


def run_cli(
    root: Path, arguments: Sequence[str], *, capture: bool = True, timeout: float = CLI_SECONDS
) -> subprocess.CompletedProcess[str]:
    """Run `supabase ARGUMENTS` for the project in `root`. Raises StackError when the CLI is missing or hangs."""
    if not SUPABASE_CLI.exists():
        raise StackError(
            "the Supabase CLI is not installed: run the command through scripts/, which installs it"
        )
    environment = os.environ | {
        "PATH": f"{node_directory()}{os.pathsep}{os.environ.get('PATH', '')}",
        "DO_NOT_TRACK": "1",
        "SUPABASE_TELEMETRY_DISABLED": "1",
    }
    try:
        return subprocess.run(
            [str(SUPABASE_CLI), "--workdir", str(root), *arguments],
            cwd=root,
            env=environment,
            stdin=subprocess.DEVNULL if capture else None,
            capture_output=capture,
            text=True,
            check=False,
            timeout=timeout,
        )
    except subprocess.TimeoutExpired:
        raise StackError(f"`supabase {arguments[0]}` did not end within {timeout:.0f} s") from None


def without_tls(database_url: str) -> str:
    """The address for the CLI: the wheel's Postgres has no TLS, and the CLI asks for it unless told."""
    return database_url + ("&" if "?" in database_url else "?") + "sslmode=disable"


def forget_seed(database_url: str) -> None:
    """Have the next push apply the seed. The CLI runs a seed once: of one that has changed since, it only notes the new
    hash (seen with 3.1.0), and a database would never hear of a new platform. Raises StackError."""
    try:
        with psycopg.connect(database_url) as connection:
            known = "select to_regclass('supabase_migrations.seed_files') is not null"
            if connection.execute(known).fetchone() == (True,):
                connection.execute("delete from supabase_migrations.seed_files")
    except psycopg.Error as error:
        raise StackError(f"the database cannot be reached: {error}") from None


def push(root: Path, database_url: str) -> str:
    """Apply the migrations that are new, and the seed. Returns the CLI's words; raises StackError with them."""
    forget_seed(database_url)
    done = run_cli(root, ["db", "push", f"--remote={database_url}", "--include-seed", "--yes"])
    said = (done.stdout + done.stderr).strip()
    if done.returncode:
        raise StackError(f"a migration or the seed failed; `supabase db push` says:\n{said}")
    return said


def fingerprint(root: Path) -> str:
    """One hash over the migrations and the seed: the same hash needs no second push."""
    digest = hashlib.sha256()
    files = [
        *sorted((root / "supabase" / "migrations").glob("*.sql")),
        root / "supabase" / "seed.sql",
    ]
    for file in files:
        if file.exists():
            digest.update(file.name.encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()

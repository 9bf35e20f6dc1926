"""`python -m local.database`: thin wrappers over the real Supabase CLI, for the local stack or a hosted project, and the
command that seals what is stored under a newer key."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sys
from collections.abc import Iterator

from dotenv import load_dotenv

from . import advisors, generated, rotating
from .paths import ROOT, STATE
from .stack import Stack, StackError
from .stack.migrations import push, run_cli, without_tls

COMMANDS = {
    "push": "apply the migrations that are new, and the seed",
    "seed": "the same: the seed is applied each time, which changes only what is not as it says",
    "reset": "delete all data, then migrations and seed from the start",
    "types": "generate supabase/types for Python and TypeScript",
    "lint": "run the database advisors (and `db lint` where the server has plpgsql_check)",
    "rotate-keys": "seal stored tokens again under the first key of TOKEN_KEYS, while everything runs; --dry-run counts",
}


def running_database() -> str | None:
    """The database of the stack that runs here, if one does."""
    file = STATE / "stack.json"
    url = json.loads(file.read_text()).get("database_url") if file.exists() else None
    return without_tls(url) if url else None


@contextlib.contextmanager
def local_database() -> Iterator[str]:
    """The address of the local database with all migrations: of the running stack, or started for this command."""
    url = running_database()
    if url:
        push(ROOT, url)
        yield url
        return
    with Stack(ROOT, STATE, services=False, extra_env={"SUPABASE_URL": ""}) as stack:
        yield without_tls(stack.info["database_url"])


@contextlib.contextmanager
def remote_database() -> Iterator[str]:
    """The address in DATABASE_URL."""
    url = os.environ.get("DATABASE_URL")
    if not url:
        raise StackError(
            "--remote works on the database of DATABASE_URL, which is not set. A hosted project shows it under "
            "Connect (session pooler: postgresql://postgres.<ref>:<password>@<host>:5432/postgres)"
        )
    yield url


def reset(remote: bool) -> None:
    """Start from nothing. A hosted project asks before."""
    if remote:
        with remote_database() as url:
            done = run_cli(ROOT, ["db", "reset", f"--remote={url}"], capture=False)
            if done.returncode:
                raise StackError("`supabase db reset` failed, see above")
        return
    stack = Stack(ROOT, STATE, services=False, extra_env={"SUPABASE_URL": ""})
    stack.remove_data()
    with stack:
        print("the local database is new: migrations and seed are applied")


def lint(url: str, remote: bool) -> None:
    """Raises StackError with what the advisors, and plpgsql_check if there is one, found."""
    found = advisors.report(url)
    if found:
        raise StackError(found)
    print("advisors: nothing to report")
    if not remote:
        print("db lint: not here, the local Postgres has no plpgsql_check; run it with --remote")
        return
    done = run_cli(
        ROOT, ["db", "lint", f"--remote={url}", "--schema", "public", "--fail-on", "error"]
    )
    print((done.stdout + done.stderr).strip())
    if done.returncode:
        raise StackError("`supabase db lint` found errors")


def run(command: str, remote: bool) -> None:
    """One command. Raises StackError."""
    if command == "reset":
        reset(remote)
        return
    with remote_database() if remote else local_database() as url:
        if command in ("push", "seed"):
            print(push(ROOT, url))
        elif command == "lint":
            lint(url, remote)
        else:
            texts = generated.generate(url)
            changed = generated.stale(texts)
            generated.write(texts)
            print(f"written: {', '.join(changed)}" if changed else "supabase/types is up to date")


def main() -> int:
    """The command line."""
    load_dotenv(ROOT / ".env")
    lines = "\n".join(f"  {name:<11} {text}" for name, text in COMMANDS.items())
    parser = argparse.ArgumentParser(
        prog="scripts/db", description=lines, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("command", choices=COMMANDS)
    parser.add_argument(
        "--remote",
        action="store_true",
        help="work on the database of DATABASE_URL (rotate-keys: on the project of SUPABASE_URL)",
    )
    parser.add_argument("--dry-run", action="store_true", help="of rotate-keys: change nothing")
    options = parser.parse_args()
    if options.dry_run and options.command != "rotate-keys":
        parser.error("--dry-run goes with rotate-keys only")
    try:
        if options.command == "rotate-keys":
            return rotating.rotate_keys(remote=options.remote, dry_run=options.dry_run)
        run(options.command, options.remote)
    except StackError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

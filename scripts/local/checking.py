"""`python -m local.checking`: everything about the repository that can be checked without running the product."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from . import advisors, auditing, generated
from .paths import ROOT
from .stack import Stack, StackError
from .stack.migrations import without_tls

PYTHON_FOLDERS = ["backend", "scripts/local", "scripts/deploy", "tests"]
RUFF = ["--config", "backend/ruff.toml", "--quiet"]
# What must never be committed: keys that look real, and paths of somebody's machine.
FORBIDDEN = {
    "a private key": re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----\s+[A-Za-z0-9+/]{20}"),
    "a Supabase secret key": re.compile(r"sb_secret_[A-Za-z0-9_-]{20,}"),
    "a signed token": re.compile(
        r"eyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{20,}"
    ),
    "a Hugging Face token": re.compile(r"\bhf_[A-Za-z0-9]{30,}"),
    # /home/user and /Users/me are what examples are made of
    "a path of one machine": re.compile(
        r"(?<![\w.])/(?:home/(?!user\b)|Users/(?!me\b)|root/)[\w.]"
    ),
}


REQUIREMENTS = [ROOT / name for name in ("requirements.txt", "requirements-dev.txt", "scripts/constraints.txt")]  # fmt: skip


class CheckFailedError(Exception):
    """Something is not as it should be; the message is what to read."""


class CheckSkipped(Exception):
    """This machine cannot tell; the message is why."""


def run(*command: str) -> None:
    """Run a tool in the repository. Raises CheckFailedError with what it printed."""
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False
    )
    if done.returncode:
        raise CheckFailedError((done.stdout + done.stderr).strip())


def python(*arguments: str) -> None:
    """Run a tool that is a Python module."""
    run(sys.executable, "-m", *arguments)


def check_lint() -> None:
    """ruff's rules."""
    python("ruff", "check", *RUFF, *PYTHON_FOLDERS)


def check_format() -> None:
    """ruff's formatter has nothing to change."""
    python("ruff", "format", "--check", *RUFF, *PYTHON_FOLDERS)


def check_types() -> None:
    """mypy over what ships and over the scripts."""
    python(
        "mypy",
        "--config-file",
        "backend/mypy.ini",
        "--no-error-summary",
        "backend",
        "scripts/local",
    )


def check_migrations() -> None:
    """squawk over every migration."""
    squawk = shutil.which("squawk", path=str(Path(sys.executable).parent))
    if not squawk:
        raise CheckFailedError("squawk is not installed: it comes with requirements-dev.txt")
    files = sorted((ROOT / "supabase" / "migrations").glob("*.sql"))
    names = [str(file.relative_to(ROOT)) for file in files]
    run(squawk, "--config", "supabase/squawk.toml", "--reporter", "gcc", *names)


def check_pins() -> None:
    """Every Python and Node package has one exact version, and no file names a registry."""
    problems = []
    for file in REQUIREMENTS:
        for number, line in enumerate(file.read_text().splitlines(), 1):
            wanted = line.partition("#")[0].strip()
            if wanted and not wanted.startswith(("-r ", "-c ")) and "==" not in wanted:
                name = file.relative_to(ROOT)
                problems.append(f'{name}:{number}: "{wanted}" needs an exact version (==)')
    packages = json.loads((ROOT / "scripts/local/package.json").read_text())["dependencies"]
    lock = json.loads((ROOT / "scripts/local/package-lock.json").read_text())["packages"]
    for name, version in packages.items():
        if not re.fullmatch(r"\d+\.\d+\.\d+", version):
            problems.append(
                f'scripts/local/package.json: {name} "{version}" needs an exact version'
            )
        elif lock.get(f"node_modules/{name}", {}).get("version") != version:
            problems.append(f"scripts/local/package-lock.json: {name} is not locked at {version}")
    problems += [
        f"package-lock.json: {name} names a registry"
        for name, entry in lock.items()
        if "resolved" in entry
    ]
    if problems:
        raise CheckFailedError("\n".join(problems))


def check_known_vulnerabilities() -> None:
    """pip-audit knows nothing against what is pinned, if this machine can ask. Raises CheckSkipped when it cannot."""
    try:
        found = auditing.audit(auditing.pinned(REQUIREMENTS))
    except auditing.Unaudited as error:
        raise CheckSkipped(str(error)) from error
    if found:
        raise CheckFailedError("\n".join(found))


def check_secrets() -> None:
    """No committed text holds a key, a token or a path of one machine."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if listed.returncode:
        raise CheckFailedError(f"git cannot list the files: {listed.stderr.strip()}")
    problems = []
    for name in filter(None, listed.stdout.split("\0")):
        file = ROOT / name
        try:
            text = file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            continue  # deleted, or not text
        problems += [
            f"{name}: holds {what}" for what, pattern in FORBIDDEN.items() if pattern.search(text)
        ]
    if problems:
        raise CheckFailedError("\n".join(problems))


def check_generated(database_url: str) -> None:
    """supabase/types says what the migrations say."""
    stale = generated.stale(generated.generate(database_url))
    if stale:
        raise CheckFailedError(
            f"out of date in supabase/types: {', '.join(stale)}. Run ./scripts/db types"
        )


def check_advisors(database_url: str) -> None:
    """The database advisors report nothing that supabase/advisors.json does not accept with a reason."""
    found = advisors.report(database_url)
    if found:
        raise CheckFailedError(found)


class Table:
    """Runs checks and keeps what became of them."""

    def __init__(self) -> None:
        self.rows: list[tuple[str, bool, float]] = []

    def add(self, name: str, check: Callable[[], None]) -> None:
        """Run one check and say at once how it went."""
        print(f"{name:<16} ", end="", flush=True)
        began = time.monotonic()
        problem = skipped = ""
        try:
            check()
        except (CheckFailedError, StackError) as error:
            problem = str(error)
        except CheckSkipped as reason:
            skipped = f"  skipped: {reason}"
        seconds = time.monotonic() - began
        self.rows.append((name, not problem, seconds))
        outcome = "FAILED" if problem else "-" if skipped else "ok"
        print(f"{outcome:<7} {seconds:5.1f} s{skipped}", flush=True)
        if problem:
            print("  " + problem.replace("\n", "\n  "), flush=True)


def main() -> int:
    """Run all checks; the exit status says whether all passed."""
    table = Table()
    table.add("lint", check_lint)
    table.add("format", check_format)
    table.add("types", check_types)
    table.add("migration lint", check_migrations)
    table.add("pins", check_pins)
    table.add("secrets", check_secrets)
    table.add("vulnerabilities", check_known_vulnerabilities)
    state = Path(tempfile.mkdtemp(prefix="lin-check-"))
    stack = Stack(ROOT, state, services=False, extra_env={"SUPABASE_URL": ""})
    try:
        table.add("migrations run", stack.start)
        if table.rows[-1][1]:
            url = without_tls(stack.info["database_url"])
            table.add("generated types", lambda: check_generated(url))
            table.add("advisors", lambda: check_advisors(url))
    finally:
        stack.discard()
    failed = [name for name, passed, _ in table.rows if not passed]
    total = sum(seconds for _, _, seconds in table.rows)
    print(f"{len(table.rows) - len(failed)} of {len(table.rows)} checks passed in {total:.0f} s")
    if failed:
        print(f"failed: {', '.join(failed)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

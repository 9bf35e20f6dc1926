"""`--stack supabase`: the real Supabase services in Docker, started by the real CLI."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

from .errors import StackError
from .migrations import run_cli
from .settings import Supabase

START_SECONDS = 900
# supabase/config.toml, [local_smtp] smtp_port
SMTP_URL = "smtp://127.0.0.1:54325"


def start_supabase(root: Path) -> Supabase:
    """`supabase start` (it keeps what already runs), then where its services are. Raises StackError."""
    check_docker()
    print("starting Supabase in Docker; the first time it downloads its images", flush=True)
    started = run_cli(root, ["start"], timeout=START_SECONDS)
    if started.returncode:
        raise StackError(f"`supabase start` failed:\n{(started.stdout + started.stderr).strip()}")
    status = run_cli(root, ["status", "-o", "json"])
    if status.returncode:
        raise StackError(f"`supabase status` failed:\n{(status.stdout + status.stderr).strip()}")
    return from_status(json.loads(status.stdout[status.stdout.index("{") :]))


def from_status(status: dict[str, str]) -> Supabase:
    """What `supabase status -o json` says, in our words."""
    return Supabase(
        url=status["API_URL"],
        publishable_key=status.get("PUBLISHABLE_KEY") or status["ANON_KEY"],
        secret_key=status.get("SECRET_KEY") or status["SERVICE_ROLE_KEY"],
        database_url=status["DB_URL"],
        jwt_secret=status.get("JWT_SECRET"),
        legacy_anon_key=status.get("ANON_KEY"),
        legacy_service_role_key=status.get("SERVICE_ROLE_KEY"),
        mailbox_url=status.get("MAILPIT_URL") or status.get("INBUCKET_URL"),
        smtp_url=SMTP_URL,
    )


def stop_supabase(root: Path) -> None:
    """`supabase stop`; the data stays in its volume."""
    run_cli(root, ["stop"])


def check_docker() -> None:
    """Raises StackError when containers cannot be run here."""
    if not shutil.which("docker"):
        raise StackError(
            "--stack supabase needs Docker, which is not installed. Without the option no Docker is needed"
        )
    try:
        answered = subprocess.run(
            ["docker", "info", "--format", "{{.ServerVersion}}"],
            capture_output=True,
            text=True,
            check=False,
            timeout=20,
            stdin=subprocess.DEVNULL,
        )
        running = answered.returncode == 0 and answered.stdout.strip() != ""
    except subprocess.TimeoutExpired:
        running = False
    if not running:
        raise StackError(
            "--stack supabase needs a running Docker: start it, or leave the option out"
        )

"""Seals everything that is stored under the first key of TOKEN_KEYS: python -m backend.rotate_keys [--dry-run]

Web processes and workers go on meanwhile. It may be killed at any moment and run again. `./scripts/db rotate-keys` runs it.
"""

from __future__ import annotations

import argparse
import sys
import time

from .core.errors import LinError
from .core.rotating import Findings, Rotation
from .logs import configure, hide
from .sealing import Sealer
from .settings import Settings, SettingsError, load_settings, secrets_of
from .wiring import supabase_of

PROGRESS_SECONDS = 2.0


def main() -> int:
    """The command line. 0: nothing is left to do (or it was only counted); 1: something is; 2: the settings cannot be used."""
    parser = argparse.ArgumentParser(prog="backend.rotate_keys", description=__doc__)
    parser.add_argument("--dry-run", action="store_true", help="count, and change nothing")
    options = parser.parse_args()
    try:
        settings = load_settings()
    except SettingsError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    configure(settings.log_level, readable=settings.app_env == "development")
    hide(secrets_of(settings))
    try:
        return rotate(settings, dry_run=options.dry_run)
    except LinError as error:
        sys.stderr.write(f"{error} Run this again: it goes on where it stopped.\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("Stopped. Run this again: it goes on where it stopped.\n")
        return 130


def rotate(settings: Settings, *, dry_run: bool) -> int:
    """Seal again, or count; the exit status. Raises LinError."""
    sealer = Sealer(settings.token_key_bytes())
    rotation = Rotation(supabase_of(settings).service.sealed, sealer, Progress())
    found = rotation.count() if dry_run else rotation.run()
    for one in found.broken:
        say(f"cannot be opened with any key in TOKEN_KEYS: {one}")
    if dry_run:
        say(f"{found.older} of {found.looked_at} are under an older key; nothing was changed")
        return 0
    say(f"{found.sealed_again} of {found.looked_at} were sealed again")
    say(verdict(found, len(settings.token_keys)))
    return 1 if found.waiting or found.broken else 0


def verdict(found: Findings, keys: int) -> str:
    """Whether the older keys are still needed, for the operator."""
    if found.waiting:
        return (
            f"{found.waiting} still need an old key: they are being refreshed, or a process still seals with it. "
            "Keep all keys, make sure that every process was restarted with these, and run this again."
        )
    if found.broken:
        return (
            "Keep all keys until you know why the above cannot be opened: a key may be missing from TOKEN_KEYS. "
            "Without it their owners have to connect again. Everything else is under the first key."
        )
    if keys == 1:
        return "Everything is under the only key of TOKEN_KEYS."
    return (
        "Everything is under the first key of TOKEN_KEYS: the old keys may be removed now, if every process has run with this "
        "order for an hour (so long last the addresses from which platforms fetch files). With them end the links in older mails."
    )


class Progress:
    """Says how far it is, every two seconds at most."""

    def __init__(self) -> None:
        self._said = float("-inf")

    def __call__(self, found: Findings) -> None:
        now = time.monotonic()
        if now - self._said >= PROGRESS_SECONDS or found.looked_at == found.rows:
            self._said = now
            say(f"{found.looked_at} of {found.rows} looked at, {found.sealed_again} sealed again")


def say(line: str) -> None:
    """To the operator, at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())

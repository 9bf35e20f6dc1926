"""Outcomes on disk: what a platform answered outlives both an unreachable database and the worker that heard it.

One file per outcome, named by its lease token. Storing an outcome is safe to repeat (settle_attempt), so files need no
locks: whoever finds one may store it.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

from .core.errors import LinError, NotAllowed, Unavailable
from .core.records import Settlement

log = logging.getLogger("lin.spool")

_WAITING, _REFUSED = ".json", ".refused"
_NOT_OURS = "others may write there; it has to belong to this user alone (chmod 700)"


class SpoolError(Exception):
    """The directory cannot be used; the message says why."""


class Spool:
    """Implements `OutcomeSpool`. Processes of one project share a directory below `root`; others have their own.

    Files hold ids and error texts, no secrets; still nobody else may write here: what lies here counts as an answer of
    the platform. Raises SpoolError for a directory of somebody else.
    """

    def __init__(self, root: Path, project_url: str) -> None:
        self._directory = root / hashlib.sha256(project_url.encode()).hexdigest()[:16]
        try:
            for directory in (root, self._directory):
                directory.mkdir(mode=0o700, parents=True, exist_ok=True)
                found = directory.stat()
                if found.st_uid != os.getuid() or found.st_mode & 0o022:
                    raise SpoolError(f"SPOOL_DIRECTORY cannot be used: {_NOT_OURS}")
        except OSError as error:
            raise SpoolError(f"SPOOL_DIRECTORY cannot be used: {error.strerror}") from error

    def keep(self, settlement: Settlement) -> None:
        """Write an outcome down. A full disk is logged and does not stop the worker, which goes on trying to store it."""
        final = self._file(settlement)
        part = final.with_suffix(f".{os.getpid()}")
        try:
            with part.open("w") as file:
                json.dump(asdict(settlement), file)
                file.flush()
                os.fsync(file.fileno())
            part.rename(final)
        except OSError as error:
            part.unlink(missing_ok=True)
            log.warning("an outcome could not be spooled", extra={"target_id": settlement.target_id, "error": error.strerror})  # fmt: skip

    def forget(self, settlement: Settlement) -> None:
        """The outcome is stored."""
        try:
            self._file(settlement).unlink(missing_ok=True)
        except OSError as error:
            log.warning("a stored outcome stays on disk", extra={"error": error.strerror})

    def settle_all(self, settle: Callable[[Sequence[Settlement]], object]) -> int:
        """Store what lies here, one by one; returns how many. Raises Unavailable while the database is away.

        What the database refuses for good is kept under another name for the operator: it may be a platform's answer.
        """
        settled = 0
        for file in sorted(self._directory.glob(f"*{_WAITING}")):
            try:
                settlement = Settlement(**json.loads(file.read_text()))
            except FileNotFoundError:
                continue  # stored by its own worker meanwhile
            except (OSError, ValueError, TypeError):
                self._set_aside(file)
                continue
            try:
                settle([settlement])
            except (Unavailable, NotAllowed):
                raise
            except LinError:
                self._set_aside(file)
                continue
            file.unlink(missing_ok=True)
            settled += 1
        if settled:
            log.info("spooled outcomes stored", extra={"count": settled})
        return settled

    def _file(self, settlement: Settlement) -> Path:
        return self._directory / f"{settlement.target_id}.{settlement.lease_token}{_WAITING}"

    def _set_aside(self, file: Path) -> None:
        log.error("a spooled outcome cannot be stored; it is kept", extra={"file": file.name})
        file.rename(file.with_suffix(_REFUSED))

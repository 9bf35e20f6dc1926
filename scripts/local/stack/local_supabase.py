"""Supabase without Docker: a Postgres of our own with the gateway before it."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from local.paths import LOCAL, NODE_PACKAGES, node_directory

from . import migrations
from .errors import StackError
from .ports import PORTS
from .postgres import Postgres
from .processes import Child, Processes
from .secrets import Secrets
from .settings import MAIL_FROM, Supabase, plain_environment


def gateway_command() -> list[str]:
    """How the gateway is started; LocalSupabase.gateway_env is its environment."""
    packages = (LOCAL / "gateway" / "packages.mjs").as_uri()
    main = LOCAL / "gateway" / "main.mjs"
    return [str(node_directory() / "node"), "--import", packages, str(main)]


class LocalSupabase:
    """Database, REST, Auth and Storage on loopback; data and stored files lie below the state directory."""

    def __init__(
        self, processes: Processes, environ: Mapping[str, str], state: Path, secrets: Secrets
    ) -> None:
        self._processes = processes
        self._environ = environ
        self._files = state / "supabase"
        self._secrets = secrets
        self._gateway: Child | None = None
        self.postgres = Postgres(
            processes, state, secrets.database_admin_password, secrets.database_password
        )
        self.gateway_env: dict[str, str] = {}

    def start(self, frontend_url: str, smtp_url: str, port_offset: int = 0) -> Supabase:
        """Start both, so far above their usual ports, and wait until they serve. Raises StackError."""
        self.postgres.start(PORTS["postgres"] + port_offset)
        secrets = self._secrets
        self.gateway_env = plain_environment(self._environ) | {
            "GATEWAY_PORT": str(PORTS["gateway"] + port_offset),
            "GATEWAY_DATABASE_URL": self.postgres.admin_url,
            "GATEWAY_STATE_DIR": str(self._files),
            "GATEWAY_FRONTEND_URL": frontend_url,
            "GATEWAY_PUBLISHABLE_KEY": secrets.publishable_key,
            "GATEWAY_SECRET_KEY": secrets.secret_key,
            "GATEWAY_JWT_SECRET": secrets.jwt_secret,
            "LIN_NODE_PACKAGES": str(NODE_PACKAGES),
            "SMTP_URL": smtp_url,
            "MAIL_FROM": self._environ.get("MAIL_FROM", MAIL_FROM),
        }
        return Supabase(
            url=self._run_gateway()["ready"],
            publishable_key=secrets.publishable_key,
            secret_key=secrets.secret_key,
            database_url=self.postgres.url,
            jwt_secret=secrets.jwt_secret,
            legacy_anon_key=secrets.legacy_key("anon"),
            legacy_service_role_key=secrets.legacy_key("service_role"),
        )

    def copy(self, state: Path) -> None:
        """Begin, unless there is a database here already, with what the stopped one below `state` holds."""
        self.postgres.copy(state)
        stored, files = state / "supabase", self._files
        if stored.exists() and not files.exists():
            shutil.copytree(stored, files)

    def push(self, directory: Path) -> None:
        """Migrations and seed, when they changed since they last went to this database. Raises StackError."""
        mark = self.postgres.data / "pushed"
        wanted = migrations.fingerprint(directory)
        if mark.exists() and mark.read_text() == wanted:
            return
        migrations.push(directory, migrations.without_tls(self.postgres.url))
        mark.write_text(wanted)

    def stop_gateway(self) -> None:
        """Make this Supabase unreachable; the database keeps running."""
        if self._gateway:
            self._processes.stop([self._gateway])
            self._gateway = None

    def start_gateway(self, url: str) -> None:
        """Bring the gateway back to where it was. Raises StackError."""
        self.gateway_env["GATEWAY_PORT"] = url.rpartition(":")[2]
        if self._run_gateway()["ready"] != url:
            raise StackError(
                f"the gateway could not come back on {url}: something else took the port"
            )

    def remove(self) -> None:
        """Forget the database and the stored files. Both parts must be stopped."""
        self.postgres.remove()
        shutil.rmtree(self._files / "storage", ignore_errors=True)

    def _run_gateway(self) -> dict[str, Any]:
        self._gateway = self._processes.start(
            "gateway", gateway_command(), env=self.gateway_env, cwd=LOCAL
        )
        return self._gateway.wait_ready()

"""The local stack as one object."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from . import migrations
from .backend import Backend, answers
from .docker import start_supabase, stop_supabase
from .errors import StackError
from .local_supabase import LocalSupabase
from .locking import StateLock
from .processes import Processes, Running, wait_until, write_private
from .secrets import Secrets
from .services import Services
from .settings import Supabase, backend_environment, hosted_project

READY_SECONDS = 15.0


class Stack:
    """Supabase, the platform sandbox, the writer Space, the mailbox, a frontend, the web server and the worker.

    `root` is the repository, `state` the directory for data, logs, keys and stack.json. `kind` is "local" (no Docker)
    or "supabase" (`supabase start`); a SUPABASE_URL in the environment names a hosted project, which wins. What the
    environment names already (PLATFORM_SANDBOX_URL, WRITER_SPACE, SMTP_URL) is used, not started. `services=False`
    starts the database and its gateway only. `forks` starts programs in Python quicker (forking.py). `supabase_directory`
    holds the folder `supabase` with the migrations. A new local stack may begin as a copy of another's database and keys:
    `copy_of` is the state directory of one that has stopped. `port_offset` is how far above the usual ports its database and
    gateway are: one of those may be stopped for a while, and the next stack must not take its port meanwhile.
    """

    def __init__(
        self,
        root: Path,
        state: Path,
        *,
        kind: str = "local",
        web: bool = True,
        worker: bool = True,
        reload: bool = False,
        services: bool = True,
        forks: bool = False,
        extra_env: Mapping[str, str] | None = None,
        supabase_directory: Path | None = None,
        copy_of: Path | None = None,
        port_offset: int = 0,
    ) -> None:
        if kind not in ("local", "supabase"):
            raise StackError(f'the stack is "local" or "supabase", not "{kind}"')
        self.root = root.resolve()
        self.state = state.resolve()
        self.kind = kind
        self.info: dict[str, Any] = {}
        self._json = self.state / "stack.json"
        self.processes = Processes(self.state, self._json, forks=forks)
        self._environ = os.environ | dict(extra_env or {})
        self._with = {"web": web and services, "worker": worker and services, "services": services}
        self._supabase_directory = (supabase_directory or root).resolve()
        self._copy_of = copy_of.resolve() if copy_of else None
        self._port_offset = port_offset
        self._lock = StateLock(self.state, self.processes.record)
        self._services = Services(self.processes, self._environ, self.root)
        self._backend = Backend(self.processes, self.root, reload=reload)
        self._local: LocalSupabase | None = None

    def __enter__(self) -> Stack:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    # ------------------------------------------------------------------------------------ start and stop

    def start(self) -> None:
        """Start everything and write stack.json. Raises StackError, with nothing left running."""
        if self._environ.get("APP_ENV") == "production":
            raise StackError(
                "APP_ENV=production: the local stack is for development and tests only"
            )
        self._lock.take()
        try:
            self.processes.open()
            self._start()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop everything this stack started, web server and worker first. May be called twice."""
        if not self._lock.held:
            return  # never started, or refused because another one runs here: that one's files stay
        self._json.unlink(missing_ok=True)
        self._backend.stop()
        others = [child for child in self.processes.children if child.name != "postgres"]
        self.processes.stop(others, grace_seconds=3)
        self.processes.close()
        self._services.forget()
        self._lock.release()

    def discard(self) -> None:
        """Stop, and remove the state directory with everything in it (for tests)."""
        self.stop()
        if self._local:
            self._local.remove()
        shutil.rmtree(self.state, ignore_errors=True)

    def remove_data(self) -> None:
        """Forget the local database and its stored files; the next start makes new ones. Raises StackError while a
        stack runs here."""
        self._lock.take()
        try:
            secrets = Secrets.of(self.state)
            LocalSupabase(self.processes, self._environ, self.state, secrets).remove()
        finally:
            self._lock.release()

    def stop_containers(self) -> None:
        """Stop the services that `kind="supabase"` started; otherwise they keep running for the next start."""
        if self.info.get("kind") == "supabase":
            stop_supabase(self._supabase_directory)

    def _start(self) -> None:
        secrets = Secrets.of(self.state, self._copy_of)
        hosted = hosted_project(self._environ)
        if self._with["web"]:
            self._backend.reserve_port()
        if self._with["services"]:
            self._services.start(secrets, self._json, self._backend.url)
        supabase = self._start_supabase(hosted, secrets)
        self.info = self._addresses(supabase) | {"kind": "hosted" if hosted else self.kind}
        self._backend.env = backend_environment(
            self._environ,
            supabase=supabase,
            secrets=secrets,
            api_url=self._backend.url,
            frontend_url=self._services.frontend_url,
            sandbox_url=self._services.sandbox_url,
            space_url=self._services.space_url,
            smtp_url=supabase.smtp_url
            or (self._services.smtp_url if self._services.takes_mail else ""),
            spool_directory=str(self.state / "spool"),
        )
        if self._with["web"]:
            self.start_web()
        if self._with["worker"]:
            self.start_worker()
        if self._with["web"] and self._with["worker"]:
            # not an error: an old database may hold posts that are overdue, which is what "not ready" says
            ready = f"{self._backend.url}/health/ready"
            if not wait_until(lambda: answers(ready), READY_SECONDS, step=0.1):
                print(f"note: {ready} does not say ready yet", file=sys.stderr, flush=True)
        self._write_info()

    def _start_supabase(self, hosted: Supabase | None, secrets: Secrets) -> Supabase:
        """The project to work against, with all migrations."""
        if hosted is None and self.kind == "local":
            self._local = LocalSupabase(self.processes, self._environ, self.state, secrets)
            if self._copy_of:
                self._local.copy(self._copy_of)
            supabase = self._local.start(
                self._services.frontend_url, self._services.smtp_url, self._port_offset
            )
            self._local.push(self._supabase_directory)
            return supabase
        supabase = hosted or start_supabase(self._supabase_directory)
        if supabase.database_url:
            migrations.push(self._supabase_directory, supabase.database_url)
        else:
            print("no DATABASE_URL: the hosted project keeps its migrations", flush=True)
        return supabase

    def _addresses(self, supabase: Supabase) -> dict[str, Any]:
        """What stack.json says of what runs until the stack stops."""
        services = self._services
        return {
            "api_url": self._backend.reserved_url,
            "supabase_url": supabase.url,
            "publishable_key": supabase.publishable_key,
            "secret_key": supabase.secret_key,
            "legacy_anon_key": supabase.legacy_anon_key,
            "legacy_service_role_key": supabase.legacy_service_role_key,
            "jwt_secret": supabase.jwt_secret,
            "database_url": supabase.database_url,
            "sandbox_url": services.sandbox_url or None,
            "space_url": services.space_url or None,
            "mailbox_url": supabase.mailbox_url or services.mailbox_url,
            "smtp_url": supabase.smtp_url or services.smtp_url,
            "frontend_url": services.frontend_url,
            "feed_url": f"{services.frontend_url}/feed.xml",
            "launcher_pid": os.getpid(),
            "state": str(self.state),
        }

    def _write_info(self) -> None:
        self.info["worker_pids"] = self._backend.worker_pids
        self.info["web_pid"] = self._backend.web_pid
        write_private(self._json, json.dumps(self.info, indent=2) + "\n")

    # ------------------------------------------------------------------------------------ the backend

    def backend_env(self) -> dict[str, str]:
        """The environment of the web server and the worker."""
        return dict(self._backend.env)

    def start_web(self, env: Mapping[str, str] | None = None) -> Running:
        """Start the web server on the API's port and wait until it is alive. Raises StackError."""
        web = self._backend.start_web(env)
        self._write_info()
        return web

    def stop_web(self) -> None:
        """Stop the web server; its port stays the API's for start_web()."""
        self._backend.stop_web()
        self._write_info()

    def start_worker(self, env: Mapping[str, str] | None = None) -> Running:
        """Start one more worker. It is stopped with the stack; the caller may also end or kill it."""
        worker = self._backend.start_worker(env)
        self._write_info()
        return worker

    def stop_worker(self, worker: Running) -> None:
        """Stop one worker orderly."""
        self._backend.stop_worker(worker)
        self._write_info()

    # ------------------------------------------------------------------------------------ faults, for tests

    def gateway_env(self) -> dict[str, str]:
        """The environment of the gateway (for tests that start another one)."""
        return dict(self._own_supabase().gateway_env)

    def restart_postgres(self) -> None:
        """Stop the local Postgres and start it again on the same port and data. Raises StackError."""
        self.stop_postgres()
        self.start_postgres()

    def stop_postgres(self, *, immediate: bool = False) -> None:
        """Stop the local Postgres, orderly or as a crash does. Raises StackError."""
        self._own_supabase().postgres.stop(immediate=immediate)

    def start_postgres(self) -> None:
        """Start it again on the same port and data. Raises StackError."""
        self._own_supabase().postgres.start_again()

    def stop_gateway(self) -> None:
        """Make the local Supabase unreachable. Raises StackError."""
        self._own_supabase().stop_gateway()

    def start_gateway(self) -> None:
        """Bring it back on the same port. Raises StackError."""
        self._own_supabase().start_gateway(str(self.info["supabase_url"]))

    def _own_supabase(self) -> LocalSupabase:
        if not self._local:
            raise StackError(
                "this stack has no Supabase of its own: it uses Docker's or a hosted one"
            )
        return self._local

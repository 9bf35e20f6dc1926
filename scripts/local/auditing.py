"""Asks pip-audit whether a pinned Python package has a known vulnerability, where its service can be reached."""

from __future__ import annotations

import importlib.metadata
import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import requests

# Findings that do not concern us, by their id, each with the reason.
ACCEPTED: dict[str, str] = {}
REACH_SECONDS = 2.5
# of one answer
ANSWER_SECONDS = 15


class Unaudited(Exception):
    """It cannot be said; the message is why."""


def pinned(files: Sequence[Path]) -> list[str]:
    """Every requirement of these files, once."""
    lines = (line.partition("#")[0].strip() for file in files for line in file.read_text().splitlines())  # fmt: skip
    # a package may be named in one file with its extras and in another without
    wanted = {line.partition("==")[0].partition("[")[0].lower(): line for line in lines if "==" in line}  # fmt: skip
    return sorted(wanted.values())


def audit(
    requirements: Sequence[str],
    environ: Mapping[str, str] = os.environ,
    accepted: Mapping[str, str] = ACCEPTED,
) -> list[str]:
    """What is known against these packages, a line each. Raises Unaudited when pip-audit is not installed, its service cannot
    be reached, or it says nothing for another reason."""
    try:
        importlib.metadata.version("pip-audit")
    except importlib.metadata.PackageNotFoundError:
        raise Unaudited("pip-audit is not installed; it comes with requirements-dev.txt") from None
    if not is_reachable(_service(environ)):
        raise Unaudited("the service that knows vulnerabilities cannot be reached")
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        file.write("\n".join(requirements))
        file.flush()
        command = [sys.executable, "-m", "pip_audit", "--vulnerability-service", "osv", "--format", "json"]  # fmt: skip
        command += ["--timeout", str(ANSWER_SECONDS), "--progress-spinner", "off", "--no-deps", "--disable-pip"]  # fmt: skip
        done = subprocess.run(
            [*command, "--requirement", file.name], capture_output=True, text=True, env=dict(environ),
            stdin=subprocess.DEVNULL, check=False,
        )  # fmt: skip
    try:
        report: dict[str, Any] = json.loads(done.stdout)
    except ValueError:
        last = (done.stderr or done.stdout).strip().splitlines()[-1:]
        raise Unaudited(f"pip-audit failed: {''.join(last)}") from None
    return _findings(report, accepted)


def is_reachable(url: str) -> bool:
    """Whether anything answers there within 2.5 s, whatever it answers."""
    answered = threading.Event()

    def ask() -> None:
        try:
            requests.head(url, timeout=REACH_SECONDS)
        except requests.RequestException:
            return
        answered.set()

    # in a thread: looking up a name takes as long as it likes
    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    asking.join(REACH_SECONDS)
    return answered.is_set()


def _service(environ: Mapping[str, str]) -> str:
    """Where pip-audit asks: where it is told to, or its own default."""
    from pip_audit._service.osv import OsvService

    return environ.get("PIP_AUDIT_OSV_URL") or OsvService.DEFAULT_OSV_URL


def _findings(report: Mapping[str, Any], accepted: Mapping[str, str]) -> list[str]:
    return [
        f"{package['name']} {package['version']}: {found['id']}"
        + (f", mended in {', '.join(found['fix_versions'])}" if found["fix_versions"] else "")
        for package in report["dependencies"]
        for found in package.get("vulns", ())
        if not {found["id"], *found.get("aliases", ())} & set(accepted)
    ]

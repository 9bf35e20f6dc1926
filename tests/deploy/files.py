"""The files of scripts/deploy, read as their own tools read them."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import yaml
from dockerfile_parse import DockerfileParser

from backend.worker import SHUTDOWN_SECONDS

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "scripts" / "deploy"
LAST_BREATH = max(
    SHUTDOWN_SECONDS, runpy.run_path(str(ROOT / "backend" / "gunicorn.conf.py"))["graceful_timeout"]
)
"""Seconds that web or worker may take to end on SIGTERM."""


def dockerfile() -> list[list[tuple[str, str]]]:
    """The instructions of each stage, FROM first; those before the first FROM are left out."""
    with (DEPLOY / "Dockerfile").open("rb") as file:
        structure = DockerfileParser(fileobj=file).structure
    stages: list[list[tuple[str, str]]] = []
    for step in structure:
        if step["instruction"] == "FROM":
            stages.append([])
        if stages and step["instruction"] != "COMMENT":
            stages[-1].append((step["instruction"], step["value"]))
    return stages


def compose() -> dict[str, Any]:
    """compose.yaml, merged."""
    read: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    return read

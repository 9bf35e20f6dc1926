"""The memory of the web server and of a worker after their start."""

from __future__ import annotations

from local.figures import Report
from local.stack import Stack

from .footprint import family, memory_mb

# the smallest machines that hosts rent out have 512 MB: web server and worker together must fit on one
LIMIT_MB = 256.0


def run(stack: Stack, report: Report) -> None:
    """Both have answered `ready` once by now, so that everything is imported."""
    parts = {"web": stack.info["web_pid"], "worker": stack.info["worker_pids"][0]}
    for name, pid in parts.items():
        pids = family(pid)
        report.add(f"memory of {name} (PSS)", memory_mb(pids, "Pss"), "MB", at_most=LIMIT_MB)
        report.add(f"memory of {name} (RSS)", memory_mb(pids, "Rss"), "MB")

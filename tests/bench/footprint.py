"""What a process costs, as Linux tells it under /proc (proc(5), "smaps_rollup" and "stat")."""

from __future__ import annotations

import os
import re
from pathlib import Path

PROC = Path("/proc")
MEGABYTE = 1024.0  # of the kilobytes that the kernel counts in


def family(pid: int) -> list[int]:
    """A process with everything below it."""
    children = re.findall(r"\d+", (PROC / f"{pid}/task/{pid}/children").read_text())
    return [pid, *(member for child in children for member in family(int(child)))]


def memory_mb(pids: list[int], kind: str) -> float:
    """Their memory in MB (2**20 bytes). `kind` "Pss" counts a shared page by its share, so that processes can be
    added up; "Rss" counts it in full for each."""
    rollups = (PROC.joinpath(str(pid), "smaps_rollup").read_text() for pid in pids)
    found = (re.search(rf"^{kind}:\s+(\d+) kB$", rollup, re.MULTILINE) for rollup in rollups)
    return sum(int(match[1]) for match in found if match) / MEGABYTE


def peak_mb() -> float:
    """The most memory that this very process ever had ("VmHWM"), in MB (2**20 bytes)."""
    match = re.search(r"^VmHWM:\s+(\d+) kB$", (PROC / "self/status").read_text(), re.MULTILINE)
    if match is None:
        raise LookupError("this system tells no peak of memory")
    return int(match[1]) / MEGABYTE


def cpu_seconds(pids: list[int]) -> float:
    """The processor time that they used so far, in seconds."""
    total = 0
    for pid in pids:
        # the name in brackets may hold spaces
        fields = PROC.joinpath(str(pid), "stat").read_text().rpartition(")")[2].split()
        total += int(fields[11]) + int(fields[12])
    return total / os.sysconf("SC_CLK_TCK")

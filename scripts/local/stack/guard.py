"""Stops what a launcher started, when the launcher itself can no longer do it.

Run by the launcher as a process of its own, holding the reading end of a pipe. The pipe ends when the launcher
is gone for whatever reason; unless it said goodbye first, everything in its record is stopped. The next launcher in
the same directory does the same, should the guard be killed as well. Standard library only: it starts without
site-packages.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

GOODBYE = b"stopped"
GRACE_SECONDS = 5.0


def started_at(pid: int) -> str | None:
    """When a process started, in the system's own words; None when there is none. With the pid it names a process:
    a recycled pid has another start."""
    if Path("/proc/self/stat").exists():
        try:
            stat = Path(f"/proc/{pid}/stat").read_text()
        except OSError:
            return None
        fields = stat.rpartition(")")[2].split()
        return None if fields[0] == "Z" else fields[19]
    listed = subprocess.run(
        ["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return listed.stdout.strip() or None


def is_running(entry: dict[str, object]) -> bool:
    """Whether the recorded process still is that process."""
    pid = entry["pid"]
    return (
        isinstance(pid, int)
        and entry["started"] is not None
        and started_at(pid) == entry["started"]
    )


def read_record(record: Path) -> list[dict[str, object]]:
    """The processes in a launcher's record, the launcher itself first; empty when there is none."""
    try:
        entries = json.loads(record.read_text())
    except (OSError, ValueError):
        return []
    return entries if isinstance(entries, list) else []


def stop_recorded(record: Path) -> list[str]:
    """Stop every recorded process that still runs (never the launcher) with its group. Returns their names."""
    orphans = [entry for entry in read_record(record)[1:] if is_running(entry)]
    for entry in reversed(orphans):
        _signal_group(entry, int(str(entry["signal"])))
    deadline = time.monotonic() + GRACE_SECONDS
    while time.monotonic() < deadline and any(is_running(entry) for entry in orphans):
        time.sleep(0.02)
    for entry in orphans:
        if is_running(entry):
            _signal_group(entry, signal.SIGKILL)
    return [str(entry["name"]) for entry in orphans]


def _signal_group(entry: dict[str, object], number: int) -> None:
    try:
        os.killpg(int(str(entry["pid"])), number)
    except (ProcessLookupError, PermissionError):
        return


def main() -> None:
    """`guard.py RECORD STACK_JSON`, the pipe on standard input."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    if sys.stdin.buffer.read() == GOODBYE:
        return
    record, stack_json = Path(sys.argv[1]), Path(sys.argv[2])
    stop_recorded(record)
    stack_json.unlink(missing_ok=True)
    record.unlink(missing_ok=True)


if __name__ == "__main__":
    main()

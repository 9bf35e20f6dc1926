"""The memory that publishing a large video takes: as much as its pieces, not as much as the video.

The sandbox, which keeps what it receives, is a process of its own and not counted.
"""

from __future__ import annotations

import json
import struct
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from local.figures import Report
from local.paths import ROOT
from local.sandbox.driver import Sandbox
from local.stack import Stack

VIDEO_BYTES = 400_000_000
SECONDS = 60.0
# half of the smallest machines that hosts rent out, as in bench_memory.py
LIMIT_MB = 250.0
# as long as a hung upload may hold up the other benches
PATIENCE_SECONDS = 300.0


def run(stack: Stack, report: Report) -> None:
    """The same program with a video and without."""
    sandbox = Sandbox(str(stack.info["sandbox_url"]))
    with tempfile.TemporaryDirectory(prefix="lin-video-") as directory:
        idle, busy = measure(sandbox, Path(directory))
    report.add("memory while a video of 400 MB is published", busy, "MB", at_most=LIMIT_MB)
    report.add("the same / without a video", busy / idle, "x")


def measure(sandbox: Sandbox, directory: Path) -> tuple[float, float]:
    """The most memory of a process that publishes nothing, and of one that publishes a large video, in MB. Raises
    AssertionError when the sandbox did not receive it whole."""
    video = directory / "film.mp4"
    write_video(video, VIDEO_BYTES, SECONDS)
    [member] = sandbox.tell("tokens", count=1)["tokens"]
    order = {
        "sandbox_url": sandbox.url, "access_token": member["access_token"],
        "member": member["author"].rpartition(":")[2], "video": str(video), "seconds": SECONDS,
    }  # fmt: skip
    idle, busy = _peak(directory, {}), _peak(directory, order)
    [post] = sandbox.posts(member["member"])
    received = post["media"][0]["bytes"]
    if received != VIDEO_BYTES:
        raise AssertionError(f"{received} of {VIDEO_BYTES} bytes arrived")
    return idle, busy


def _peak(directory: Path, order: dict[str, Any]) -> float:
    given = directory / "order.json"
    given.write_text(json.dumps(order))
    command = [sys.executable, "-m", "tests.bench.video_publisher", str(given)]
    path = f"{ROOT}:{ROOT / 'scripts'}"
    done = subprocess.run(
        command, cwd=ROOT, env={"PYTHONPATH": path}, capture_output=True, text=True, timeout=PATIENCE_SECONDS,
    )  # fmt: skip
    if done.returncode:
        raise AssertionError(f"the publisher failed: {done.stderr or done.stdout}")
    return float(done.stdout)


def write_video(path: Path, size: int, seconds: float) -> None:
    """An MP4 with one track of 64 by 48 pixels and so many bytes, most of them a hole in the file (ISO/IEC 14496-12)."""
    start = _box(b"ftyp", b"isom\0\0\2\0isomiso2mp41") + _index(int(seconds * 1000))
    with path.open("wb") as file:
        file.write(start + struct.pack(">I4s", size - len(start), b"mdat"))
        file.truncate(size)


def _index(thousandths: int) -> bytes:
    one, length = b"\0\0\0\1", struct.pack(">I", thousandths)
    matrix = struct.pack(">9I", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)
    scale = bytes(12) + struct.pack(">I", 1000) + length
    head = (
        struct.pack(">4x8xI4xI16x", 1, thousandths)
        + matrix
        + struct.pack(">II", 64 << 16, 48 << 16)
    )
    codec = struct.pack(">6xH16xHHIIIH32xHh", 1, 64, 48, 72 << 16, 72 << 16, 0, 1, 24, -1)
    table = _box(
        b"stbl",
        _box(b"stsd", bytes(4), one, _box(b"mp4v", codec)),
        _box(b"stts", bytes(4), one, one, length),
        _box(b"stsc", bytes(4), one, one, one, one),
        _box(b"stsz", bytes(4), struct.pack(">I", 1000), one),
        _box(b"stco", bytes(4), one, bytes(4)),
    )
    handler = _box(b"hdlr", bytes(8), b"vide", bytes(13))
    media = _box(b"mdia", _box(b"mdhd", scale, bytes(4)), handler, _box(b"minf", table))
    volume = struct.pack(">IH10x", 0x10000, 0x100)
    movie = _box(b"mvhd", scale, volume, matrix, bytes(24), struct.pack(">I", 2))
    return _box(b"moov", movie, _box(b"trak", _box(b"tkhd", head), media))


def _box(kind: bytes, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return struct.pack(">I4s", 8 + len(body), kind) + body

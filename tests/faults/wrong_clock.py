"""`python -m tests.faults.wrong_clock SECONDS [FILE]`: a worker whose wall clock is wrong by so many seconds.

With a file it is right until that file appears, and jumps then. The monotonic clock is never touched, as a clock that
somebody sets is not.
"""

from __future__ import annotations

import runpy
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import time_machine

_LOOK_SECONDS = 0.02


def _travel(seconds: float) -> None:
    time_machine.travel(datetime.now(UTC) + timedelta(seconds=seconds), tick=True).start()


def _travel_when_there(file: Path, seconds: float) -> None:
    while not file.exists():
        time.sleep(_LOOK_SECONDS)
    _travel(seconds)
    file.unlink()  # says that it has happened


def main() -> None:
    """Be the worker."""
    seconds = float(sys.argv[1])
    if sys.argv[2:]:
        jump = threading.Thread(
            target=_travel_when_there, args=(Path(sys.argv[2]), seconds), daemon=True
        )
        jump.start()
    else:
        _travel(seconds)
    runpy.run_module("backend.worker", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()

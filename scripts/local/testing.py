"""`python -m local.testing`: the test suite. `--all` runs the slow ones too, `--coverage` measures which statements of
backend/ run; everything else goes to pytest.

A run over the whole suite takes four processes, each with a stack of its own and whole files of tests at a time (most tests
wait: for a lease, an answer, a process). Measured, it fails below 90 %. Measuring is asked for because it is dear: before
Python 3.12 it makes every Python process of a run half as slow again.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys

from .measuring import measuring, report
from .paths import ROOT

SLOWEST_SHOWN = 15
# Most tests wait: with three, two cores stand still for a sixth of the time.
PROCESSES = 4
# what says how to show the tests, not which to run: with these the run is still complete
HARMLESS = re.compile(
    r"--all|--coverage|-n\d|-[qvsl]+|-r\w+|--durations(-min)?=.*|--tb=.*|--color=.*|--show-capture=.*"
)
OURS = ("--all", "--coverage")


def pytest_arguments(arguments: list[str], *, slowest: int = 0) -> list[str]:
    """pytest's command line for ours; `slowest` tests are listed at the end."""
    run_all = "--all" in arguments
    passed = [argument for argument in arguments if argument not in OURS]
    chosen = [] if run_all or "-m" in passed else ["-m", "not slow"]
    listed = [f"--durations={slowest}"] if slowest else []
    named = any((ROOT / argument.partition("::")[0]).exists() for argument in passed)
    return ["-c", "tests/pytest.ini", *chosen, *listed, *passed, *([] if named else ["tests"])]


def is_complete(arguments: list[str]) -> bool:
    """Whether this runs the whole suite, with or without its slow tests."""
    return all(HARMLESS.fullmatch(argument) for argument in arguments)


def run_to_its_end(command: list[str]) -> int:
    """Run it to its end and return its exit status. Ctrl-C and SIGTERM are for it: it stops what it started."""
    child = subprocess.Popen(command)

    def pass_on(number: int, _frame: object) -> None:
        # the terminal sends Ctrl-C to both
        if number != signal.SIGINT:
            child.send_signal(number)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, pass_on)
    return child.wait()


def measured(command: list[str], *, complete: bool) -> int:
    """Run pytest, print which statements ran, and return its exit status; 1 where a complete run falls short."""
    with measuring() as measurement:
        status = run_to_its_end(measurement.command(*command))
        if status not in (0, 1):
            return status  # interrupted, or nothing ran: what was measured says nothing
        text, reached = report(measurement.files())
    print(f"\n{text}", flush=True)
    return status or (0 if reached or not complete else 1)


def main() -> int:
    """Become pytest, or run it and measure."""
    os.chdir(ROOT)
    # a run starts hundreds of Python processes, and each would compile the backend again: a fifth of their start
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    arguments = sys.argv[1:]
    complete = is_complete(arguments)
    # what the caller says about it comes later, and wins
    at_once = [f"-n{PROCESSES}", "--dist=loadscope"] if complete else []
    slowest = SLOWEST_SHOWN if os.environ.get("CI") else 0
    command = ["pytest", *at_once, *pytest_arguments(arguments, slowest=slowest)]
    if "--coverage" not in arguments:
        os.execv(sys.executable, [sys.executable, "-m", *command])  # noqa: S606 - the point is to become pytest
    return measured(command, complete=complete)


if __name__ == "__main__":
    sys.exit(main())

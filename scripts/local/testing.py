"""`python -m local.testing`: the test suite. `--all` runs the slow ones too; everything else goes to pytest.

A run over the whole suite takes two processes, each with a stack of its own and whole files of tests at a time (most tests
wait: for a lease, an answer, a process). It measures the coverage of backend/ and fails below 90 %. A run of chosen tests
does neither.
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
PROCESSES = 2
# what says how to show the tests, not which to run: with these the run is still complete
HARMLESS = re.compile(
    r"--all|-n\d|-[qvsl]+|-r\w+|--durations(-min)?=.*|--tb=.*|--color=.*|--show-capture=.*"
)


def pytest_arguments(arguments: list[str], *, slowest: int = 0) -> list[str]:
    """pytest's command line for ours; `slowest` tests are listed at the end."""
    run_all = "--all" in arguments
    passed = [argument for argument in arguments if argument != "--all"]
    chosen = [] if run_all or "-m" in passed else ["-m", "not slow"]
    listed = [f"--durations={slowest}"] if slowest else []
    named = any((ROOT / argument.partition("::")[0]).exists() for argument in passed)
    return ["-c", "tests/pytest.ini", *chosen, *listed, *passed, *([] if named else ["tests"])]


def is_complete(arguments: list[str]) -> bool:
    """Whether this runs the whole suite, with or without its slow tests."""
    return all(HARMLESS.fullmatch(argument) for argument in arguments)


def run_measured(command: list[str]) -> int:
    """Run it to its end and return its exit status. Ctrl-C and SIGTERM are for it: it stops what it started."""
    child = subprocess.Popen(command)

    def pass_on(number: int, _frame: object) -> None:
        # the terminal sends Ctrl-C to both
        if number != signal.SIGINT:
            child.send_signal(number)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, pass_on)
    return child.wait()


def main() -> int:
    """Become pytest, or run it and measure."""
    os.chdir(ROOT)
    arguments = sys.argv[1:]
    slowest = SLOWEST_SHOWN if os.environ.get("CI") else 0
    if not is_complete(arguments):
        pytest = ["pytest", *pytest_arguments(arguments, slowest=slowest)]
        os.execv(sys.executable, [sys.executable, "-m", *pytest])  # noqa: S606 - the point is to become pytest
    # what the caller says about it comes later, and wins
    at_once = [f"-n{PROCESSES}", "--dist=loadscope"]
    pytest = ["pytest", *at_once, *pytest_arguments(arguments, slowest=slowest)]
    with measuring() as measurement:
        status = run_measured(measurement.command(*pytest))
        if status not in (0, 1):
            return status  # interrupted, or nothing ran: what was measured says nothing
        text, reached = report(measurement.files())
    print(f"\n{text}", flush=True)
    return status or (0 if reached else 1)


if __name__ == "__main__":
    sys.exit(main())

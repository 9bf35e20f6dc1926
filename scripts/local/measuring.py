"""Which statements of backend/ a run of the tests executes, in its own process and in all that it starts."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from coverage import Coverage
from coverage.exceptions import CoverageWarning, NoDataError

from .paths import ROOT, STATE

BACKEND = ROOT / "backend"
CONFIGURATION = ROOT / "tests" / "coveragerc"
TARGET_PERCENT = 90.0
WIDTH = 110


@dataclass(frozen=True)
class File:
    """One module: how many statements it has, and the lines of those that never ran."""

    name: str
    statements: int
    missing: list[int]

    @property
    def percent(self) -> float:
        """Statements that ran, in percent; 100 for an empty file."""
        return percent_of(self.statements, len(self.missing))


def percent_of(statements: int, missing: int) -> float:
    """What ran, in percent."""
    return 100.0 * (statements - missing) / statements if statements else 100.0


class Measurement:
    """One run's data, in a directory of its own below `directory` so that runs side by side do not mix.

    When the run is over, `files()` puts the processes' data together; the result stays in `directory`/data.
    """

    def __init__(self, directory: Path = STATE / "coverage", source: Path = BACKEND) -> None:
        self._kept = directory / "data"
        self._source = source
        remove_abandoned(directory)
        self._run = directory / f"run-{os.getpid()}"
        self._run.mkdir(parents=True)

    def command(self, *module: str) -> list[str]:
        """How to run a Python module with its arguments so that it is measured."""
        measured = ["-m", "coverage", "run", f"--rcfile={CONFIGURATION}"]
        measured += [f"--source={self._source}", f"--data-file={self._run / 'data'}"]
        return [sys.executable, *measured, "-m", *module]

    def files(self) -> list[File]:
        """Every module of the source, whether it ran or not, by name. Empty when nothing was measured."""
        coverage = Coverage(
            data_file=str(self._run / "data"),
            config_file=str(CONFIGURATION),
            source=[str(self._source)],
        )
        with warnings.catch_warnings():
            # a process that was killed while it wrote leaves half a file, and what it ran is lost
            warnings.simplefilter("ignore", CoverageWarning)
            try:
                coverage.combine(strict=True)
            except NoDataError:
                return []
        found = []
        for file in sorted(self._source.rglob("*.py")):
            _, statements, _, missing, _ = coverage.analysis2(str(file))
            found.append(File(str(file.relative_to(self._source)), len(statements), missing))
        coverage.save()
        coverage.get_data().close()
        (self._run / "data").replace(self._kept)
        return found

    def remove(self) -> None:
        """Forget what the processes left."""
        shutil.rmtree(self._run, ignore_errors=True)


@contextlib.contextmanager
def measuring() -> Iterator[Measurement]:
    """A measurement whose parts are removed at the end."""
    measurement = Measurement()
    try:
        yield measurement
    finally:
        measurement.remove()


def remove_abandoned(directory: Path) -> None:
    """Remove the directories of runs that were killed."""
    for run in directory.glob("run-*"):
        try:
            os.kill(int(run.name.removeprefix("run-")), 0)
        except ProcessLookupError:
            shutil.rmtree(run, ignore_errors=True)
        except (PermissionError, ValueError):
            continue


def line_ranges(lines: list[int]) -> str:
    """Sorted line numbers in short: `3-5, 9`."""
    ranges: list[list[int]] = []
    for line in lines:
        if ranges and ranges[-1][1] == line - 1:
            ranges[-1][1] = line
        else:
            ranges.append([line, line])
    return ", ".join(str(a) if a == b else f"{a}-{b}" for a, b in ranges)


def report(files: list[File], target: float = TARGET_PERCENT) -> tuple[str, bool]:
    """What to print: the modules below the target with the lines that never ran, the total last; and whether the
    total reaches the target."""
    total = percent_of(sum(f.statements for f in files), sum(len(f.missing) for f in files))
    below = sorted((file for file in files if file.percent < target), key=lambda f: f.percent)
    lines = []
    if below:
        width = max(len(file.name) for file in below)
        lines.append(f"modules of backend/ below {target:.0f} % and the lines that never ran:")
        for file in below:
            never = line_ranges(file.missing)
            shown = never if len(never) <= WIDTH else never[: WIDTH - 2].rpartition(",")[0] + " …"
            lines.append(f"  {file.name:<{width}} {file.percent:5.1f} %  {shown}")
    statements = sum(file.statements for file in files)
    passed = bool(files) and total >= target
    verdict = "" if passed else f"; it must be at least {target:.0f} %"
    lines.append(
        f"coverage of backend/: {total:.1f} % of {statements} statements in {len(files)} modules{verdict}"
        if files
        else "coverage of backend/: nothing was measured"
    )
    return "\n".join(lines), passed

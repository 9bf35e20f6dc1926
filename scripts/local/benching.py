"""`python -m local.benching`: run tests/bench/bench_*.py and show what they measured.

A bench is a module with `run(stack, report)`. Each gets a stack of its own, started for it with one web process and
one worker, so that no bench sees another's data. One that can be run in part takes a `share` as well.
"""

from __future__ import annotations

import argparse
import functools
import importlib
import inspect
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path

from .figures import Report
from .paths import ROOT
from .stack import Stack, StackError

BENCHES = ROOT / "tests" / "bench"
PREFIX = "bench_"
# Half an hour and 20 GB of disk: only by its name.
BY_NAME = {"scale"}

Bench = Callable[[Stack, Report], None]


def names(directory: Path = BENCHES) -> list[str]:
    """The benches there are: `idle` for bench_idle.py."""
    return sorted(file.stem.removeprefix(PREFIX) for file in directory.glob(f"{PREFIX}*.py"))


def find(name: str, share: float = 1.0) -> Bench:
    """The bench of that name, or that share of it where it has parts."""
    if str(ROOT) not in sys.path:
        sys.path.insert(0, str(ROOT))
    run: Callable[..., None] = importlib.import_module(f"tests.bench.{PREFIX}{name}").run
    if "share" in inspect.signature(run).parameters:
        return functools.partial(run, share=share)
    return run


def run_on_a_stack(bench: Bench, report: Report) -> None:
    """Run one bench on a fresh stack."""
    stack = Stack(ROOT, Path(tempfile.mkdtemp(prefix="lin-bench-")))
    try:
        stack.start()
        bench(stack, report)
    finally:
        stack.discard()


def run_all(chosen: list[str], report: Report, share: float = 1.0) -> list[str]:
    """Run these; a bench that fails does not stop the others. Returns the names of those that failed."""
    failed = []
    for name in chosen:
        print(f"{name} ... ", end="", flush=True)
        began = time.monotonic()
        try:
            run_on_a_stack(find(name, share), report)
            print(f"{time.monotonic() - began:.0f} s", flush=True)
        except StackError as error:
            failed.append(name)
            print(f"FAILED\n{error}", flush=True)
        except Exception:
            failed.append(name)
            print(f"FAILED\n{traceback.format_exc()}", flush=True)
    return failed


def main() -> int:
    """0 when every bench ran and kept its targets."""
    known = names()
    parser = argparse.ArgumentParser(prog="scripts/bench", description="Run the benches.")
    parser.add_argument(
        "--only", metavar="NAME", action="append", choices=known, help=f"one of: {', '.join(known)}"
    )
    parser.add_argument(
        "--share", metavar="PART", type=float, default=1.0, help="of scale: 0.01 stops at 1 percent"
    )
    parser.add_argument("--json", metavar="FILE", type=Path, help="write the figures there as well")
    options = parser.parse_args()
    report = Report()
    usual = [name for name in known if name not in BY_NAME]
    failed = run_all(options.only or usual, report, options.share)
    print(f"\n{report.as_table()}")
    if options.json:
        options.json.write_text(report.as_json())
    if failed:
        print(f"\nfailed: {', '.join(failed)}", file=sys.stderr)
    if report.missed:
        missed = ", ".join(figure.name for figure in report.missed)
        print(f"\ntarget missed: {missed}", file=sys.stderr)
    return 1 if failed or report.missed else 0


if __name__ == "__main__":
    sys.exit(main())

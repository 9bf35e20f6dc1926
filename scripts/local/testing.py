"""`python -m local.testing`: the test suite. `--all` runs the slow ones too; everything else goes to pytest."""

from __future__ import annotations

import os
import sys

from .paths import ROOT


def pytest_arguments(arguments: list[str]) -> list[str]:
    """pytest's command line for ours."""
    run_all = "--all" in arguments
    passed = [argument for argument in arguments if argument != "--all"]
    chosen = [] if run_all or "-m" in passed else ["-m", "not slow"]
    named = any((ROOT / argument.partition("::")[0]).exists() for argument in passed)
    return ["-c", "tests/pytest.ini", *chosen, *passed, *([] if named else ["tests"])]


def main() -> None:
    """Become pytest."""
    os.chdir(ROOT)
    os.execv(  # noqa: S606 - the point is to become pytest
        sys.executable, [sys.executable, "-m", "pytest", *pytest_arguments(sys.argv[1:])]
    )


if __name__ == "__main__":
    main()

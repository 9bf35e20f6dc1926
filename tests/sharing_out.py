"""How a run of the suite is shared out among its processes (pytest-xdist): in whole files, or in whole folders where these
start processes that all their tests use, so that each is started once and ends with its folder."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from xdist.scheduler.loadscope import LoadScopeScheduling

# What needs no stack begins in two of the three processes, while the third makes the model of all others.
AT_ONCE = ("faults/test_changes_of_mind.py", "unit/spaces", "contracts/test_every_platform.py")
# Then what takes longest, so that all end at about the same time.
LONGEST_FIRST = (
    "faults", "openapi", ".", "promises", "mentor", "generate", "engine", "stack", "space", "retrieval", "slots", "models",
    "voice", "account", "api", "contracts",
)  # fmt: skip
WHOLE = (
    "engine", "generate", "mentor", "models", "notifications", "promises", "retrieval", "slots", "sources", "space", "unit/spaces", "webhooks",
)  # fmt: skip


def part_of(nodeid: str) -> str:
    """The part of the suite that a test belongs to: its file, or its folder."""
    file = PurePosixPath(nodeid.partition("::")[0])
    folder = str(file.parent).removeprefix("tests/")
    return folder if folder in WHOLE else str(file)


def turn_of(nodeid: str) -> int:
    """When it begins: all that is not named above comes last."""
    turns = (*AT_ONCE, *LONGEST_FIRST)
    file = PurePosixPath(nodeid.partition("::")[0].removeprefix("tests/"))
    named = (turn for turn, part in enumerate(turns) if part in (str(file), str(file.parent)))
    return next(named, len(turns))


def folders_for(process: str, of: int) -> list[str]:
    """The folders and files of the suite in the order in which this process ("gw0", "gw1", ...) of `of` looks for tests.

    Each begins elsewhere: pytest compiles a file of tests when it first sees it, with its own reading of `assert`, in twice the
    time that everything else of the search takes; so each finds done what the others began with.
    """
    here = Path(__file__).parent
    found = sorted(str(path.relative_to(here.parent)) for path in here.iterdir() if _has_tests(path))  # fmt: skip
    first = len(found) * int(process.removeprefix("gw")) // of
    return found[first:] + found[:first]


def _has_tests(path: Path) -> bool:
    return any(path.rglob("test_*.py")) if path.is_dir() else path.match("test_*.py")


class InParts(LoadScopeScheduling):  # type: ignore[misc] # xdist's schedulers are untyped here
    """Gives each process a part at a time, in the order of the collection."""

    def _split_scope(self, nodeid: str) -> str:
        return part_of(nodeid)

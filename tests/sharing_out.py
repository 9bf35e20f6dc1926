"""How a run of the suite is shared out among its processes (pytest-xdist): in whole files, or in whole folders where these
start processes that all their tests use, so that each is started once and ends with its folder."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import zip_longest
from pathlib import Path
from typing import Any

from xdist.scheduler.loadscope import LoadScopeScheduling

# What needs no stack begins in two of the four processes, while one makes the model of all other stacks; the longest test has the
# fourth.
AT_ONCE = (
    "faults/test_changes_of_mind.py",
    "unit/spaces",
    "contracts/test_every_platform.py",
    "openapi",
)
# Then what waits (for a lease, an answer, a process) and what computes take turns, lest the processors stand still at first and
# are fought for in the end; of both what takes longest comes first, so that all processes end at about the same time.
WAITING = (
    "faults", "mentor", "generate", "promises", "", "api", "retrieval", "slots", "space", "models", "voice", "account", "notifications",
)  # fmt: skip
COMPUTING = ("engine", "stack", "contracts", "rls", "sandbox")
WHOLE = (
    "engine", "generate", "mentor", "models", "notifications", "promises", "retrieval", "slots", "sources", "space", "stack", "unit/spaces",
    "webhooks",
)  # fmt: skip


def part_of(nodeid: str) -> str:
    """The part of the suite that a test belongs to: its file, or its folder."""
    file = nodeid.partition("::")[0].removeprefix("tests/")
    folder = file.rpartition("/")[0]
    return folder if folder in WHOLE else file


def in_turn(nodeids: Iterable[str]) -> list[str]:
    """The parts of these tests in the order in which they begin."""
    parts = sorted({part_of(nodeid) for nodeid in nodeids})
    first = [part for name in AT_ONCE for part in parts if name in (part, _folder_of(part))]
    left = [part for part in parts if part not in first]
    waiting = [part for folder in WAITING for part in left if _folder_of(part) == folder]
    named = [part for folder in COMPUTING for part in left if _folder_of(part) == folder]
    others = [part for part in left if part not in {*waiting, *named}]
    both = zip_longest(waiting, named + others)
    return first + [part for pair in both for part in pair if part]


def _folder_of(part: str) -> str:
    return part.rpartition("/")[0] if part.endswith(".py") else part


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

    def mark_test_complete(self, node: Any, item_index: int, duration: float = 0) -> None:
        """Forgets a part that has ended: after each test, all that a process was ever given would be counted again, which for
        ten thousand tests is half of what sharing them out costs."""
        super().mark_test_complete(node, item_index, duration)
        parts = self.assigned_work[node]
        part = self._split_scope(self.registered_collections[node][item_index])
        if all(parts[part].values()):
            del parts[part]

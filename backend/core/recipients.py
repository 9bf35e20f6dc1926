"""Accounts as people write them in a file: by platform, by name, by both, or by id; one or several."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from .errors import FieldProblem

_SEPARATORS = re.compile(r"[;|\n]")
_BOTH = re.compile(r"(?P<platform>[^:/(]+?)\s*(?:[:/]\s*(?P<name>.+)|\(\s*(?P<inside>.+?)\s*\))")
_OTHER_NAMES = {"twitter": "x", "x (twitter)": "x", "fb": "facebook", "insta": "instagram", "ig": "instagram"}  # fmt: skip


@dataclass(frozen=True)
class Account:
    """An account that a row may mean."""

    id: str
    platform: str
    name: str
    active: bool


class Recipients:
    """The accounts of one person, found by what a cell says."""

    def __init__(self, accounts: Sequence[Account]) -> None:
        self._accounts = accounts

    def read(self, cell: str) -> tuple[tuple[str, ...], list[FieldProblem]]:
        """The ids that a cell means, each once, and a problem for each part that means none, or several."""
        cell = cell.strip()
        if not cell:
            return (), []
        # the larger piece first: a name may hold a semicolon or a comma
        pieces = (
            [cell] if self._found(cell) else [piece.strip() for piece in _SEPARATORS.split(cell)]
        )
        parts = [
            part.strip()
            for piece in pieces
            for part in ([piece] if self._found(piece) else piece.split(","))
        ]
        ids: dict[str, None] = {}
        problems = []
        for part in filter(None, parts):
            found = self._found(part)
            if len(found) == 1:
                ids[found[0].id] = None
            else:
                problems.append(FieldProblem("accounts", _trouble(part, found or self._accounts, bool(found))))  # fmt: skip
        return tuple(ids), problems

    def _found(self, part: str) -> list[Account]:
        wanted = part.casefold()
        exact = [one for one in self._accounts if wanted in (one.id, one.name.casefold())]
        if exact:
            return _preferred(exact)
        platform = _OTHER_NAMES.get(wanted, wanted)
        of_platform = [one for one in self._accounts if one.platform == platform]
        if of_platform:
            return _preferred(of_platform)
        both = _BOTH.fullmatch(wanted)
        if both is None:
            return []
        platform = _OTHER_NAMES.get(both["platform"], both["platform"])
        name = both["name"] or both["inside"]
        return _preferred([one for one in self._accounts if one.platform == platform and one.name.casefold() == name])  # fmt: skip


def _preferred(found: list[Account]) -> list[Account]:
    """Those that are connected, if any is: one that was disconnected is rarely meant."""
    return [one for one in found if one.active] or found


def _trouble(part: str, accounts: Sequence[Account], several: bool) -> str:
    listed = "; ".join(f"{one.platform}: {one.name}" for one in accounts[:10])
    if several:
        return f'"{part[:100]}" may be each of these accounts; name one: {listed}.'
    return f'No account of yours is "{part[:100]}". ' + (
        f"You have {listed}." if listed else "You have connected none."
    )

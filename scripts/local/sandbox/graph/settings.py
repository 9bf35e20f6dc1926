"""What tests may switch, for one member or for everybody."""

from __future__ import annotations

import threading
from typing import Any


class Settings:
    """Named values with defaults; a member's own value goes before the one for all."""

    def __init__(self, defaults: dict[str, Any]) -> None:
        self._lock = threading.Lock()
        self._defaults = defaults
        self.reset()

    def reset(self) -> None:
        """Back to the defaults."""
        self._values: dict[tuple[str | None, str], Any] = {}

    def get(self, name: str, member: str | None = None) -> Any:
        """The value that holds for this member."""
        for whose in (member, None):
            if (whose, name) in self._values:
                return self._values[whose, name]
        return self._defaults[name]

    def take(self, name: str, member: str | None) -> Any:
        """The value that holds, which is then used up."""
        with self._lock:
            for whose in (member, None):
                if (whose, name) in self._values:
                    return self._values.pop((whose, name))
        return self._defaults[name]

    def change(self, member: str | None, fields: dict[str, Any]) -> dict[str, Any]:
        """Set values; returns everything that holds now. Raises ValueError for unknown names."""
        unknown = set(fields) - set(self._defaults)
        if unknown:
            known = ", ".join(sorted(self._defaults))
            raise ValueError(f"unknown settings: {', '.join(sorted(unknown))}; known: {known}")
        with self._lock:
            self._values |= {(member, name): value for name, value in fields.items()}
        return {name: self.get(name, member) for name in self._defaults}

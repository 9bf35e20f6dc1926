"""Take a JSON object apart field by field; what the documents do not name is refused."""

from __future__ import annotations

from typing import Any

from .errors import invalid


class Fields:
    """One object of a request body; ``path`` is where it stands, for messages."""

    def __init__(self, value: Any, path: str, known: tuple[str, ...]) -> None:
        """Raises TikTokError for something else than an object and for unknown fields."""
        if not isinstance(value, dict):
            raise invalid(path or "body", "must be an object")
        self._values = value
        self._path = path
        for name in value:
            if name not in known:
                raise invalid(self.path(name), "is not known")

    def path(self, name: str) -> str:
        """Full name of a field."""
        return f"{self._path}.{name}" if self._path else name

    def has(self, name: str) -> bool:
        """Whether the field was sent with a value."""
        return self._values.get(name) is not None

    def required(self, name: str) -> Any:
        """A value of any type."""
        if not self.has(name):
            raise invalid(self.path(name), "is required")
        return self._values[name]

    def text(self, name: str, *, limit: int | None = None) -> str:
        """An optional string of at most ``limit`` UTF-16 units; empty when absent."""
        value = self._values.get(name) or ""
        if not isinstance(value, str):
            raise invalid(self.path(name), "must be a string")
        if limit is not None and (length := utf16_units(value)) > limit:
            raise invalid(
                self.path(name), f"has {length} UTF-16 units, at most {limit} are allowed"
            )
        return value

    def choice(self, name: str, allowed: tuple[str, ...]) -> str:
        """A required string out of a few."""
        value = self.required(name)
        if value not in allowed:
            raise invalid(self.path(name), f"must be {' or '.join(allowed)}")
        return str(value)

    def flag(self, name: str) -> bool:
        """An optional boolean, false when absent."""
        value = self._values.get(name, False)
        if not isinstance(value, bool):
            raise invalid(self.path(name), "must be true or false")
        return value

    def whole(self, name: str, *, least: int = 0) -> int:
        """A required whole number."""
        value = self.required(name)
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise invalid(self.path(name), f"must be a whole number of at least {least}")
        return value

    def items(self, name: str, fewest: int, most: int) -> list[Any]:
        """A required list with this many items."""
        value = self.required(name)
        if not isinstance(value, list) or not fewest <= len(value) <= most:
            raise invalid(self.path(name), f"must be a list of {fewest} to {most}")
        return value

    def inner(self, name: str, known: tuple[str, ...]) -> Fields:
        """A required object inside this one."""
        return Fields(self.required(name), self.path(name), known)


def utf16_units(text: str) -> int:
    """How long TikTok counts a text. A lone surrogate, which JSON may hold, counts as one."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2

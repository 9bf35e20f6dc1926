"""Take a JSON object apart field by field, refusing what LinkedIn's schema has no place for."""

from __future__ import annotations

from typing import Any

from .errors import blank, invalid_value, missing_field, too_long, wrong_schema


class Fields:
    """One object of a request body; ``path`` is where it stands, for messages."""

    def __init__(self, value: Any, path: str, known: tuple[str, ...]) -> None:
        """Raises LinkedInError 422 for something else than an object and for unknown fields."""
        if not isinstance(value, dict):
            raise wrong_schema(path or "body", "expected an object")
        self._values = value
        self._path = path
        for name in value:
            if name not in known:
                raise wrong_schema(self.path(name), "unrecognized or read-only field")

    def path(self, name: str) -> str:
        """Full name of a field."""
        return f"{self._path}.{name}" if self._path else name

    def has(self, name: str) -> bool:
        """Whether the field was sent with a value."""
        return self._values.get(name) is not None

    def required(self, name: str) -> Any:
        """A value of any type. Raises MISSING_FIELD."""
        if not self.has(name):
            raise missing_field(self.path(name))
        return self._values[name]

    def text(self, name: str, *, limit: int | None = None, empty: bool = False) -> str:
        """A required string of at most ``limit`` code points."""
        value = self.required(name)
        if not isinstance(value, str):
            raise wrong_schema(self.path(name), "expected a string")
        if not empty and not value.strip():
            raise blank(self.path(name), "must not be blank")
        if limit is not None and len(value) > limit:
            raise too_long(self.path(name), limit, len(value))
        return value

    def optional_text(self, name: str, *, limit: int | None = None) -> str | None:
        """Like ``text``, None when absent."""
        return self.text(name, limit=limit) if self.has(name) else None

    def choice(self, name: str, allowed: tuple[str, ...]) -> str:
        """A required string out of a few."""
        value = self.text(name, empty=True)
        if value not in allowed:
            raise invalid_value(self.path(name), f"{value!r} is not one of {', '.join(allowed)}")
        return value

    def flag(self, name: str) -> bool:
        """An optional boolean, false when absent."""
        value = self._values.get(name, False)
        if not isinstance(value, bool):
            raise wrong_schema(self.path(name), "expected a boolean")
        return value

    def whole(self, name: str) -> int:
        """A required whole number."""
        value = self.required(name)
        if isinstance(value, bool) or not isinstance(value, int):
            raise wrong_schema(self.path(name), "expected a whole number")
        return value

    def items(self, name: str, fewest: int = 0, most: int | None = None) -> list[Any]:
        """A required list with this many items."""
        value = self.required(name)
        if not isinstance(value, list):
            raise wrong_schema(self.path(name), "expected a list")
        if len(value) < fewest or (most is not None and len(value) > most):
            raise invalid_value(
                self.path(name), f"needs {fewest} to {most} items, has {len(value)}"
            )
        return value

    def inner(self, name: str, known: tuple[str, ...]) -> Fields:
        """A required object inside this one."""
        return Fields(self.required(name), self.path(name), known)

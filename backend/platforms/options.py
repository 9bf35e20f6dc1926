"""A target's options: read by the platform's own model, refused by naming the option."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, TypeVar
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ValidationError, WithJsonSchema

from ..core.platform_contract import Violation

Options = TypeVar("Options", bound=BaseModel)


def _whole(link: str) -> str:
    parts = urlsplit(link)  # may raise ValueError
    if (
        parts.scheme not in ("http", "https")
        or not parts.hostname
        or any(c.isspace() or ord(c) < 32 for c in link)
    ):
        raise ValueError("it must be a whole address that begins with http:// or https://")
    return link


# An address on the web, kept exactly as it was written.
WebAddress = Annotated[
    str, AfterValidator(_whole), WithJsonSchema({"type": "string", "format": "uri"})
]


def read_options(model: type[Options], options: Mapping[str, Any]) -> Options:
    """The options of a target, checked. Raises ValidationError; `option_violations` says the same in sentences."""
    return model.model_validate(dict(options))


def option_violations(model: type[BaseModel], options: Mapping[str, Any]) -> list[Violation]:
    """One sentence for each option that is unknown or has a value it cannot have."""
    try:
        model.model_validate(dict(options))
    except ValidationError as error:
        return [_violation(model, problem) for problem in error.errors(include_url=False)]
    return []


def _violation(model: type[BaseModel], problem: Mapping[str, Any]) -> Violation:
    place = ".".join(str(part) for part in problem["loc"]) or "options"
    field = f"options.{place}" if problem["loc"] else "options"
    if problem["type"] == "extra_forbidden":
        known = ", ".join(sorted(model.model_fields)) or "none"
        return Violation(field, f"There is no option {place} here; known are: {known}.")
    message = str(problem["msg"]).removeprefix("Value error, ").rstrip(".")
    return Violation(field, f"The option {place} cannot be used: {message}.")

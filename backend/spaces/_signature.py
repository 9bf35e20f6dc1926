"""What a Space's endpoint takes and gives, as discovered at run time (the dict of gradio_client's `view_api`)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from backend.core.errors import SpaceAnswerUnusable

Kind = Literal["text", "message", "number", "boolean", "other"]

# Endpoints that Gradio's own parts add beside the one that does the work.
_HELPERS = re.compile(
    r"^/(_|flag|clear|undo|retry|stop|like|lambda|vote|load|update|reset|toggle|delete|save|show)"
)
# A Slider's limits are only told in words (gradio's Slider.api_info).
_LIMITS = re.compile(r"between (-?\d+(?:\.\d+)?) and (-?\d+(?:\.\d+)?)")


@dataclass(frozen=True)
class Parameter:
    """One input. `message` is a text with files (MultimodalTextbox); `choices` is empty when any value goes."""

    name: str
    label: str
    kind: Kind
    required: bool
    default: Any = None
    choices: tuple[Any, ...] = ()
    lowest: float | None = None
    highest: float | None = None

    @property
    def takes_free_text(self) -> bool:
        return self.kind in ("text", "message") and not self.choices


@dataclass(frozen=True)
class Return:
    """One output: the label its author gave it, and the Gradio component's class name."""

    label: str
    component: str


@dataclass(frozen=True)
class Endpoint:
    """A named endpoint of a Space, `name` with its leading slash."""

    name: str
    parameters: tuple[Parameter, ...]
    returns: tuple[Return, ...]

    def positional(self, values: Mapping[str, Any]) -> list[Any]:
        """The call's arguments in order: from `values` by parameter name, else the parameter's default.

        Raises SpaceAnswerUnusable naming the required parameters that `values` does not fill.
        """
        missing = [p.name for p in self.parameters if p.required and p.name not in values]
        if missing:
            names = ", ".join(f"“{name}”" for name in missing)
            raise SpaceAnswerUnusable(
                f"The Space's endpoint {self.name} requires {names}, which Lin cannot fill. "
                "Give these inputs a default value in the Space, or choose another Space."
            )
        return [values.get(p.name, p.default) for p in self.parameters]


def find_endpoint(info: object, preferred: Sequence[str]) -> Endpoint:
    """The endpoint to call: the first of `preferred` that takes text, else the first named one that does.

    Raises SpaceAnswerUnusable when no named endpoint takes text.
    """
    named = info.get("named_endpoints") if isinstance(info, Mapping) else None
    endpoints = [
        _endpoint(name, told)
        for name, told in (named or {}).items()
        if isinstance(name, str) and isinstance(told, Mapping)
    ]
    usable = {
        endpoint.name: endpoint
        for endpoint in endpoints
        if endpoint.returns and any(p.takes_free_text for p in endpoint.parameters)
    }
    for name in preferred:
        if name in usable:
            return usable[name]
    others = [endpoint for name, endpoint in usable.items() if not _HELPERS.match(name)]
    if others:
        return others[0]
    known = ", ".join(endpoint.name for endpoint in endpoints[:10]) or "none"
    raise SpaceAnswerUnusable(
        f"The Space has no named endpoint that takes text (its endpoints: {known})."
    )


def _endpoint(name: str, told: Mapping[str, Any]) -> Endpoint:
    parameters = (
        _parameter(number, parameter)
        for number, parameter in enumerate(_mappings(told.get("parameters")))
    )
    returns = (
        Return(str(given.get("label") or ""), str(given.get("component") or ""))
        for given in _mappings(told.get("returns"))
    )
    return Endpoint(name, tuple(parameters), tuple(returns))


def _parameter(number: int, told: Mapping[str, Any]) -> Parameter:
    schema = told.get("type")
    schema = schema if isinstance(schema, Mapping) else {}
    choices = schema.get("enum")
    lowest, highest = _limits(schema, told.get("python_type"))
    label = str(told.get("label") or "")
    return Parameter(
        name=str(told.get("parameter_name") or label or f"argument {number}"),
        label=label,
        kind=_kind(schema, str(told.get("component") or "")),
        required=not told.get("parameter_has_default", False),
        default=told.get("parameter_default"),
        choices=tuple(choices) if isinstance(choices, list) else (),
        lowest=lowest,
        highest=highest,
    )


def _kind(schema: Mapping[str, Any], component: str) -> Kind:
    if component.casefold() == "multimodaltextbox":
        return "message"
    match schema.get("type"):
        case "string":
            return "text"
        case "number" | "integer":
            return "number"
        case "boolean":
            return "boolean"
        case _:
            return "other"


def _limits(schema: Mapping[str, Any], python_type: object) -> tuple[float | None, float | None]:
    description = str(schema.get("description") or "")
    if isinstance(python_type, Mapping):
        description += " " + str(python_type.get("description") or "")
    found = _LIMITS.search(description)
    if found:
        return float(found[1]), float(found[2])
    lowest, highest = schema.get("minimum"), schema.get("maximum")
    return (
        float(lowest) if isinstance(lowest, int | float) else None,
        float(highest) if isinstance(highest, int | float) else None,
    )


def _mappings(value: object) -> Iterable[Mapping[str, Any]]:
    return (item for item in value if isinstance(item, Mapping)) if isinstance(value, list) else ()

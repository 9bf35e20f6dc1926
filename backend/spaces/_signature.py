"""What a Space's endpoint takes and gives, as discovered at run time (the dict of gradio_client's `view_api`)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from backend.core.errors import SpaceAnswerUnusable

Kind = Literal["text", "message", "json", "table", "chat", "number", "boolean", "other"]

_KINDS: Mapping[str, Kind] = {
    "multimodaltextbox": "message", "json": "json", "api": "json", "dataframe": "table", "chatbot": "chat",
}  # fmt: skip
# Endpoints that Gradio's own parts add beside the one that does the work.
_HELPERS = re.compile(
    r"^/(_|flag|clear|undo|retry|stop|like|lambda|vote|load|update|reset|toggle|delete|save|show)"
)
# A Slider's limits are only told in words (gradio's Slider.api_info).
_LIMITS = re.compile(r"between (-?\d+(?:\.\d+)?) and (-?\d+(?:\.\d+)?)")


@dataclass(frozen=True)
class Parameter:
    """One input. `message` is a text with files (MultimodalTextbox), `chat` the messages of a Chatbot, `table` a Dataframe.

    `choices` is empty when any value goes. `schema` is its JSON schema as Gradio tells it.
    """

    name: str
    label: str
    kind: Kind
    required: bool
    default: Any = None
    choices: tuple[Any, ...] = ()
    lowest: float | None = None
    highest: float | None = None
    schema: Mapping[str, Any] = field(default_factory=dict)

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


def takes_text(endpoint: Endpoint) -> bool:
    """Whether any text can be said to this endpoint, and something comes back."""
    return bool(endpoint.returns) and any(p.takes_free_text for p in endpoint.parameters)


def find_endpoint(
    info: object,
    preferred: Sequence[str],
    *suits: Callable[[Endpoint], bool],
    wanted: str = "takes text",
) -> Endpoint:
    """The endpoint to call: the first of `preferred` that suits, else the first named one that does.

    Of several conditions (`takes_text` without any) the first that some endpoint meets decides. Raises
    SpaceAnswerUnusable when none is met, saying that no endpoint does what is `wanted`.
    """
    named = info.get("named_endpoints") if isinstance(info, Mapping) else None
    endpoints = [
        _endpoint(name, told)
        for name, told in (named or {}).items()
        if isinstance(name, str) and isinstance(told, Mapping)
    ]
    for suit in suits or (takes_text,):
        usable = {endpoint.name: endpoint for endpoint in endpoints if suit(endpoint)}
        likely = [usable[name] for name in preferred if name in usable]
        others = [endpoint for name, endpoint in usable.items() if not _HELPERS.match(name)]
        if likely or others:
            return (likely or others)[0]
    known = ", ".join(endpoint.name for endpoint in endpoints[:10]) or "none"
    raise SpaceAnswerUnusable(
        f"The Space has no named endpoint that {wanted} (its endpoints: {known})."
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
        schema=schema,
    )


def _kind(schema: Mapping[str, Any], component: str) -> Kind:
    by_component = _KINDS.get(component.casefold())
    if by_component:
        return by_component
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

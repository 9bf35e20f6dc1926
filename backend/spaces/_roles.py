"""Fits our values to the inputs that a Space really has: which input is for what, choices, limits, languages."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from typing import Any

from ._signature import Endpoint, Parameter

_LANGUAGES = {
    "ar": ("Arabic", "العربية"),
    "de": ("German", "Deutsch"),
    "en": ("English", "English"),
    "es": ("Spanish", "Español"),
    "fr": ("French", "Français"),
    "he": ("Hebrew", "עברית"),
    "it": ("Italian", "Italiano"),
    "ja": ("Japanese", "日本語"),
    "nl": ("Dutch", "Nederlands"),
    "pl": ("Polish", "Polski"),
    "pt": ("Portuguese", "Português"),
    "zh": ("Chinese", "中文"),
}


def roles_by_name(names: Mapping[str, str]) -> dict[str, str]:
    """What an input is for, by its name or label in lower case with underscores; `names` has the names per role."""
    return {name: role for role, told in names.items() for name in told.split()}


def find_roles(
    endpoint: Endpoint, by_name: Mapping[str, str], fits: Callable[[str, Parameter], bool]
) -> dict[str, Parameter]:
    """The parameters whose name, or else label, says what they are for; the first one per role."""
    roles: dict[str, Parameter] = {}
    for parameter in endpoint.parameters:
        for told in (parameter.name, parameter.label):
            word = re.sub(r"\W+", "_", told.casefold()).strip("_")
            role = by_name.get(word)
            if role and fits(role, parameter):
                roles.setdefault(role, parameter)
                break
    return roles


def first_text(endpoint: Endpoint) -> Parameter:
    """The first text that must be given, else the first text; `find_endpoint` made sure that there is one."""
    texts = [parameter for parameter in endpoint.parameters if parameter.takes_free_text]
    return next((parameter for parameter in texts if parameter.required), texts[0])


def put_text(values: dict[str, Any], parameter: Parameter, text: str) -> None:
    """The text in the shape that the input wants."""
    values[parameter.name] = {"text": text, "files": []} if parameter.kind == "message" else text


def put_choice(
    values: dict[str, Any], parameter: Parameter, wanted: tuple[str | None, ...]
) -> None:
    """The wanted value as the Space spells it; unknown or not asked for: its default, else its first choice."""
    asked = [value.casefold() for value in wanted if value]
    if asked and not parameter.choices:
        values[parameter.name] = wanted[0]
        return
    for choice in parameter.choices:
        if str(choice).casefold() in asked:
            values[parameter.name] = choice
            return
    if parameter.required:
        values[parameter.name] = parameter.choices[0] if parameter.choices else ""


def within(parameter: Parameter, number: float) -> float:
    """`number` within the limits of the Space's slider."""
    highest = parameter.highest if parameter.highest is not None else number
    lowest = parameter.lowest if parameter.lowest is not None else number
    kept = max(lowest, min(number, highest))
    return int(kept) if float(kept).is_integer() else kept


def fenced(word: str, material: str) -> tuple[str, str]:
    """A line that `material` cannot contain, and the material between two such lines."""
    fence = f"{word}-{hashlib.sha256(material.encode('utf-8', 'replace')).hexdigest()[:16]}"
    return fence, f"{fence}\n{material}\n{fence}"


def clean_text(text: str) -> str:
    """`text` stripped, with \\n line ends and at most one blank line, without NULs and lone surrogates."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\x00", "")
    text = text.encode("utf-8", "ignore").decode("utf-8")
    return re.sub(r"\n[ \t]*\n(?:[ \t]*\n)+", "\n\n", text).strip()


def language_name(language: str | None) -> str | None:
    """The English name of a language told by code or name, as asked when it is unknown."""
    return language_names(language)[0]


def language_names(language: str | None) -> tuple[str | None, ...]:
    """All ways to name the language, best first: English name, as asked, code, own name."""
    if not language:
        return (None,)
    asked = language.strip()
    for code, (english, own) in _LANGUAGES.items():
        if asked.casefold() in (code, english.casefold(), own.casefold()) or re.match(
            rf"{code}[-_]", asked, re.IGNORECASE
        ):
            return (english, asked, code, own)
    return (asked,)

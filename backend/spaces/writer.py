"""A Space that drafts posts: maps our request onto whatever inputs the Space has, and cleans what it returns."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from backend.core.errors import SpaceAnswerUnusable
from backend.core.models import Progress, WriteRequest, Written

from ._answers import RemoteFile, image_mime, read_output
from ._call import Ask, Fetch
from ._gradio import GradioSpace
from ._roles import (
    clean_text,
    find_roles,
    first_text,
    language_names,
    put_choice,
    put_text,
    roles_by_name,
    within,
)
from ._signature import Endpoint, Parameter, find_endpoint
from .prompting import article, material, prompt

ENDPOINTS = ("/write", "/generate", "/draft", "/generate_post", "/predict", "/chat", "/respond")
"""Endpoints that a writer is likely to have, in order of preference."""

_NAMES = {
    "prompt": """prompt message query question input inputs user_input user_message user_prompt
        brief request""",
    "text": """text article article_text content body source source_text document context passage story input_text
        text_input""",
    "title": "title headline article_title topic subject",
    "url": "url link article_url source_url",
    "platform": "platform network social_network channel social_platform",
    "tone": "tone style voice mood tone_of_voice",
    "language": "language lang locale output_language",
    "max_length": """max_length max_chars max_characters maximum_length char_limit character_limit length limit""",
    "max_words": "max_words word_limit words word_count",
    "image": "with_image image generate_image include_image make_image",
    "instruction": "instruction instructions",
    "task": "task",
    "variant": "variant variant_number",
    "variants": "variants of_how_many number_of_variants",
}
_ROLES = roles_by_name(_NAMES)
_CHARACTERS_PER_WORD = 6


class WriterSpace:
    """Drafts posts with a Gradio Space; the `write` of `core.models.Model`. Safe to share among threads."""

    def __init__(self, space: str, *, token: str | None = None) -> None:
        self._gradio = GradioSpace(space, token=token)

    def __repr__(self) -> str:
        return f"WriterSpace({self.space!r})"

    @property
    def space(self) -> str:
        """owner/name or URL, as configured, without user, password and query."""
        return self._gradio.name

    def write(
        self,
        request: WriteRequest,
        *,
        on_progress: Callable[[Progress], None],
        canceled: Callable[[], bool],
        deadline_seconds: float,
    ) -> Written:
        """Run the Space; see `core.models.Model.write` for the errors.

        The text may be longer than `request.max_length`: a Space is asked, not forced.
        """

        def report(progress: Progress) -> None:
            text = clean_text(progress.text) if progress.text else None
            on_progress(Progress(progress.state, progress.queue_position, text))

        ask = Ask(
            find=lambda info: find_endpoint(info, ENDPOINTS),
            arguments=lambda endpoint: arguments(endpoint, request),
            read=lambda output, endpoint, fetch: _read(output, endpoint, fetch, request.image),
            partial=_text_so_far,
        )
        result = self._gradio.run(
            ask, on_progress=report, canceled=canceled, deadline_seconds=deadline_seconds
        )
        text = clean_text(result.text)
        if not text:
            raise SpaceAnswerUnusable(f"The Space {self.space} answered without any text.")
        return Written(text, result.image, result.image_mime)


def _text_so_far(output: object, endpoint: Endpoint) -> str | None:
    text = read_output(output, endpoint.returns).text
    return text if isinstance(text, str) else None


def _read(output: object, endpoint: Endpoint, fetch: Fetch, want_image: bool) -> Written:
    """Text and image of a complete answer; the text may be empty."""
    found = read_output(output, endpoint.returns)
    text = found.text
    if isinstance(text, RemoteFile):
        text = read_output(
            fetch(text).decode("utf-8", "replace"), ()
        ).text  # the limit holds here too
    told = text if isinstance(text, str) else ""
    if not want_image or found.image is None:
        return Written(told)
    image = fetch(found.image) if isinstance(found.image, RemoteFile) else found.image
    return Written(told, image, image_mime(image))


def arguments(endpoint: Endpoint, request: WriteRequest) -> dict[str, Any]:
    """Values by parameter name: each input gets what its name or label asks for, the others keep their default.

    A Space with a single text input gets everything as one prompt.
    """
    roles = _roles(endpoint)
    values = _texts(endpoint, roles, request)
    for role, wanted in (
        ("platform", (request.platform,)),
        ("tone", (request.tone,)),
        ("language", language_names(request.language)),
        ("task", (request.task,)),
    ):
        if role in roles:
            put_choice(values, roles[role], wanted)
    for role, number in (
        ("max_length", request.max_length),
        ("max_words", max(1, request.max_length // _CHARACTERS_PER_WORD)),
        ("variant", request.variant),
        ("variants", request.variants),
    ):
        if role in roles:
            values[roles[role].name] = within(roles[role], number)
    if "image" in roles:
        values[roles["image"].name] = request.image
    return values


def _texts(
    endpoint: Endpoint, roles: Mapping[str, Parameter], request: WriteRequest
) -> dict[str, Any]:
    """Where the article and the instructions go: a prompt if there is an input for one, else the article in its parts."""
    values: dict[str, Any] = {}
    in_parts = roles.keys() & {"title", "url", "platform", "tone", "language", "max_length", "task"}
    if request.task == "rework" and "instruction" not in roles:
        in_parts = set()  # only a prompt can say what to change
    if "prompt" in roles:
        put_text(values, roles["prompt"], prompt(request, with_article="text" not in roles))
        if "text" in roles:
            put_text(values, roles["text"], article(request))
    elif "text" in roles and in_parts:
        told = material(request) if "title" in roles else article(request)
        put_text(values, roles["text"], told)
    else:
        only = roles.get("text") or roles.get("title") or first_text(endpoint)
        put_text(values, only, prompt(request))
    if "instruction" in roles:
        put_text(values, roles["instruction"], request.instruction or "")
    if "title" in roles and roles["title"].name not in values:
        put_text(values, roles["title"], request.title)
    if "url" in roles and roles["url"].name not in values:
        put_text(values, roles["url"], request.url or "")
    return values


def _roles(endpoint: Endpoint) -> dict[str, Parameter]:
    """The inputs by what they are for. An instruction is what to change in a draft beside a task, else a prompt."""
    roles = find_roles(endpoint, _ROLES, _fits)
    if "instruction" in roles and "task" not in roles:
        roles.setdefault("prompt", roles.pop("instruction"))
    return roles


def _fits(role: str, parameter: Parameter) -> bool:
    match role:
        case "prompt" | "instruction" | "text" | "title" | "url":
            return parameter.takes_free_text
        case "platform" | "tone" | "language" | "task":
            return parameter.kind == "text"
        case "max_length" | "max_words" | "variant" | "variants":
            return parameter.kind == "number" and not parameter.choices
        case _:
            return parameter.kind == "boolean"

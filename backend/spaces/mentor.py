"""A Space that answers in a conversation: fits message, history and passages to the inputs it has, streams its answer."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from backend.core.errors import SpaceAnswerUnusable
from backend.core.models import ChatRequest, Passage, Progress, Turn

from ._answers import RemoteFile, read_output, read_reply
from ._call import Ask, Fetch
from ._gradio import GradioSpace
from ._roles import (
    clean_text,
    fenced,
    find_roles,
    first_text,
    language_names,
    put_choice,
    put_text,
    roles_by_name,
)
from ._signature import Endpoint, Parameter, find_endpoint
from .discretion import discreet, without_instructions
from .prompting import MAX_MATERIAL, mentor_text

ENDPOINTS = ("/chat", "/respond", "/answer", "/ask", "/mentor", "/generate", "/predict")
"""Endpoints that a mentor is likely to have, in order of preference."""

_NAMES = {
    "message": """message prompt query question input user_input user_message user_prompt text msg""",
    "history": "history chat_history messages conversation chatbot past turns dialog",
    "passages": """passages context contexts documents docs sources references knowledge evidence retrieved
        retrieved_passages material""",
    "system": "system system_prompt system_message system_text system_instruction instructions preprompt",
    "language": "language lang locale output_language",
}
_ROLES = roles_by_name(_NAMES)


class MentorSpace:
    """Chats with a Gradio Space; the `chat` of `core.models.Model`. Safe to share among threads."""

    def __init__(self, space: str, *, token: str | None = None) -> None:
        self._gradio = GradioSpace(space, token=token)

    def __repr__(self) -> str:
        return f"MentorSpace({self.space!r})"

    @property
    def space(self) -> str:
        """owner/name or URL, as configured, without user, password and query."""
        return self._gradio.name

    def chat(
        self,
        request: ChatRequest,
        *,
        on_progress: Callable[[Progress], None],
        canceled: Callable[[], bool],
        deadline_seconds: float,
    ) -> str:
        """Answer the message; see `core.models.Model.chat` for the errors."""

        tell = discreet(on_progress, request.language)

        def report(progress: Progress) -> None:
            text = clean_text(progress.text) if progress.text else None
            tell(Progress(progress.state, progress.queue_position, text or None))

        ask = Ask(
            find=lambda info: find_endpoint(info, ENDPOINTS),
            arguments=lambda endpoint: arguments(endpoint, request),
            read=_read,
            partial=lambda output, endpoint: read_reply(output, endpoint.returns),
        )
        answer = self._gradio.run(
            ask, on_progress=report, canceled=canceled, deadline_seconds=deadline_seconds
        )
        answer = without_instructions(answer, request.language, ended=True)
        if not answer:
            raise SpaceAnswerUnusable(f"The Space {self.space} answered without any text.")
        return answer


def arguments(endpoint: Endpoint, request: ChatRequest) -> dict[str, Any]:
    """Values by parameter name. What has no input of its own goes into the message, fenced as material.

    A Space with an input for passages knows what to do with them and is not told; any other is told what a mentor is,
    in its input for that if it has one.
    """
    roles = find_roles(endpoint, _ROLES, _fits)
    message = roles.pop("message", None) or first_text(endpoint)
    roles = {role: parameter for role, parameter in roles.items() if parameter is not message}
    values: dict[str, Any] = {}
    if "history" in roles:
        values[roles["history"].name] = _history(roles["history"], request.history)
    if "passages" in roles:
        values[roles["passages"].name] = _passages(roles["passages"], request.passages)
    if "system" in roles:
        put_text(values, roles["system"], mentor_text(request.language))
    if "language" in roles:
        put_choice(values, roles["language"], language_names(request.language))
    put_text(values, message, prompt(request, roles.keys()))
    return values


def prompt(request: ChatRequest, elsewhere: Mapping[str, object] | Any = ()) -> str:
    """The message, after whatever of "system", "passages" and "history" is not told `elsewhere`.

    Alone it is left as it is; beside other parts each part stands between two lines that it cannot contain.
    """
    parts: list[str] = []
    if "system" not in elsewhere and "passages" not in elsewhere:
        parts.append(mentor_text(request.language))
    if "passages" not in elsewhere:
        told = passages_text(request.passages)
        parts.append(_part("PASSAGES", "The passages", told) if told else "There are no passages.")
    if "history" not in elsewhere and request.history:
        parts.append(_part("EARLIER", "The earlier turns", history_text(request.history)))
    if not parts:
        return request.message
    return "\n\n".join([*parts, _part("MESSAGE", "The person's message", request.message)])


def passages_text(passages: Sequence[Passage]) -> str:
    """The passages as [number] title, address and text, as many as MAX_MATERIAL characters hold."""
    told: list[str] = []
    room = MAX_MATERIAL
    for passage in passages:
        head = " ".join(f"[{passage.number}] {passage.title} {passage.url or ''}".split())
        piece = f"{head}\n{passage.text.strip()}"[:room]
        told.append(piece)
        room -= len(piece)
        if room <= 0:
            break
    return "\n\n".join(told)


def history_text(turns: Sequence[Turn]) -> str:
    """The turns as "Person: …" and "Mentor: …", the newest that MAX_MATERIAL characters hold."""
    names = {"user": "Person", "assistant": "Mentor"}
    return "\n\n".join(f"{names[turn.role]}: {turn.text.strip()}" for turn in _newest(turns))


def _part(word: str, what: str, material: str) -> str:
    fence, between = fenced(word, material)
    verb = "stands" if word == "MESSAGE" else "stand"
    return f"{what} {verb} between the two lines {fence}.\n{between}"


def _newest(turns: Sequence[Turn]) -> list[Turn]:
    kept: list[Turn] = []
    room = MAX_MATERIAL
    for turn in reversed(turns):
        room -= len(turn.text)
        if room < 0 and kept:
            break
        kept.append(Turn(turn.role, turn.text[-MAX_MATERIAL:]))
    return kept[::-1]


def _history(parameter: Parameter, turns: Sequence[Turn]) -> object:
    """The turns as the input wants them: messages, messages with parts, pairs, or a text."""
    kept = _newest(turns)
    schema = json.dumps(parameter.schema)
    if parameter.takes_free_text:
        return history_text(kept)
    if parameter.kind == "chat" and "role" not in schema:
        return _pairs(kept)
    if parameter.kind == "chat" and "TextMessage" in schema:
        return [
            {"role": turn.role, "content": [{"type": "text", "text": turn.text}]} for turn in kept
        ]
    return [{"role": turn.role, "content": turn.text} for turn in kept]


def _pairs(turns: Sequence[Turn]) -> list[list[str | None]]:
    pairs: list[list[str | None]] = []
    for turn in turns:
        if turn.role == "user":
            pairs.append([turn.text, None])
        elif pairs and pairs[-1][1] is None:
            pairs[-1][1] = turn.text
        else:
            pairs.append([None, turn.text])
    return pairs


def _passages(parameter: Parameter, passages: Sequence[Passage]) -> object:
    listed = [
        {"number": p.number, "title": p.title, "text": p.text, "url": p.url} for p in passages
    ]
    if not parameter.takes_free_text:
        return listed
    if "json" in f"{parameter.name} {parameter.label}".casefold():
        return json.dumps(listed, ensure_ascii=False)
    return passages_text(passages)


def _fits(role: str, parameter: Parameter) -> bool:
    match role:
        case "history":
            return parameter.kind in ("chat", "json") or parameter.takes_free_text
        case "passages":
            return parameter.kind == "json" or parameter.takes_free_text
        case "language":
            return parameter.kind == "text"
        case _:
            return parameter.takes_free_text


def _read(output: object, endpoint: Endpoint, fetch: Fetch) -> str:
    """The text of a complete answer, "" when there is none."""
    text: object = read_reply(output, endpoint.returns)
    if text is None:
        text = read_output(output, endpoint.returns).text
        if isinstance(text, RemoteFile):
            text = read_output(fetch(text).decode("utf-8", "replace"), ()).text
    return clean_text(text) if isinstance(text, str) else ""

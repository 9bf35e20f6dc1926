"""A Space that speaks: fits text and voice to the inputs it has, and reads the sound out of what it returns."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from backend.core.models import Progress, Spoken

from ._call import Ask, Fetch
from ._gradio import GradioSpace
from ._roles import find_roles, first_text, put_choice, put_text, roles_by_name, within
from ._signature import Endpoint, Parameter, find_endpoint, takes_text
from ._sounds import read_sound, sound_mime

ENDPOINTS = (
    "/speak", "/tts", "/text_to_speech", "/synthesize", "/synthesise", "/generate_speech", "/generate_audio",
    "/generate", "/predict",
)  # fmt: skip
"""Endpoints that a voice is likely to have, in order of preference."""

_NAMES = {
    "text": """text prompt input message content sentence script transcript input_text text_input gen_text
        text_to_speak target_text""",
    "voice": "voice speaker voice_id voice_name speaker_id speaker_name narrator",
    "language": "language lang locale",
    "speed": "speed rate speaking_rate",
}
_ROLES = roles_by_name(_NAMES)


class VoiceSpace:
    """Speaks with a Gradio Space; the `speak` of `core.models.Model`. Safe to share among threads."""

    def __init__(self, space: str, *, token: str | None = None) -> None:
        self._gradio = GradioSpace(space, token=token)

    def __repr__(self) -> str:
        return f"VoiceSpace({self.space!r})"

    @property
    def space(self) -> str:
        """owner/name or URL, as configured, without user, password and query."""
        return self._gradio.name

    def speak(
        self,
        text: str,
        *,
        voice: str | None,
        canceled: Callable[[], bool],
        deadline_seconds: float,
    ) -> Spoken:
        """Say the text; see `core.models.Model.speak` for the errors. A voice that the Space lacks is its default one."""
        ask = Ask(
            find=_endpoint,
            arguments=lambda endpoint: arguments(endpoint, text, voice),
            read=_read,
        )
        return self._gradio.run(
            ask, on_progress=_ignore, canceled=canceled, deadline_seconds=deadline_seconds
        )


def arguments(endpoint: Endpoint, text: str, voice: str | None) -> dict[str, Any]:
    """Values by parameter name; language and speed stay the Space's own, unless it requires them."""
    roles = find_roles(endpoint, _ROLES, _fits)
    values: dict[str, Any] = {}
    put_text(values, roles.get("text") or first_text(endpoint), text)
    for role, wanted in (("voice", voice), ("language", None)):
        if role in roles and roles[role].name not in values:
            put_choice(values, roles[role], (wanted,))
    if "speed" in roles and roles["speed"].required:
        values[roles["speed"].name] = within(roles["speed"], 1)
    return values


def _endpoint(info: object) -> Endpoint:
    """One with a sound among its outputs, else one with a file or JSON that may hold a sound."""

    def gives(*components: str) -> Callable[[Endpoint], bool]:
        return lambda endpoint: (
            takes_text(endpoint)
            and any(given.component.casefold() in components for given in endpoint.returns)
        )

    return find_endpoint(
        info,
        ENDPOINTS,
        gives("audio"),
        gives("file", "json", "api", "downloadbutton", "textbox"),
        wanted="makes a sound of a text",
    )


def _fits(role: str, parameter: Parameter) -> bool:
    match role:
        case "text":
            return parameter.takes_free_text
        case "speed":
            return parameter.kind == "number" and not parameter.choices
        case _:
            return parameter.kind == "text"


def _read(output: object, endpoint: Endpoint, fetch: Fetch) -> Spoken:
    audio = read_sound(output, fetch)
    return Spoken(audio, sound_mime(audio))


def _ignore(progress: Progress) -> None:
    """Speech has no partial answers."""

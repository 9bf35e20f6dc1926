"""Translates what gradio_client, huggingface_hub and httpx raise into the errors of the core, without secrets."""

from __future__ import annotations

import html
import re
import socket
from dataclasses import dataclass

from backend.core.errors import SpaceAnswerUnusable, SpaceError, SpaceFailed, SpaceUnavailable

from ._certificates import trusted

_MAX_MESSAGE = 300
_PROBE_SECONDS = 10.0
# A Space that is asleep or building answers with these through Hugging Face's proxy (any reverse proxy does).
_WAKING_STATUSES = frozenset({408, 425, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524, 530})
_GRADIO_CONFIG = re.compile(r'"protocol":\s*"sse')
_INVALID_STATE = re.compile(r"invalid state: (?:SpaceStage\.)?([A-Z_]+)")

_TAG = re.compile(r"<[^<>]{1,200}>")
_LINK = re.compile(r"\b[a-z][a-z0-9+.-]*://\S+", re.IGNORECASE)
_PATH = re.compile(r"(?<![\w<])(?:~|[A-Za-z]:)?(?:[/\\][\w.@+-]+){2,}[/\\]?")
_SECRET = re.compile(
    r"\b(?:hf|sk|pk|ghp|gho|xox[abp])[_-][A-Za-z0-9_-]{8,}|\bBearer\s+\S+|\b[A-Za-z0-9+_=-]{32,}"
)


class AppFailed(Exception):
    """The app behind a Space reported an error: its own words, None when it keeps them to itself."""

    def __init__(self, said: object) -> None:
        super().__init__()
        self.said = said


class QueueFull(Exception):
    """The Space takes no more jobs."""


class StreamEnded(Exception):
    """The Space stopped telling about a job before the job's end."""


@dataclass(frozen=True)
class Trouble:
    """What went wrong, and whether trying again within the deadline may help (asleep, building, restarting)."""

    problem: SpaceError
    may_be_waking: bool = False


def clean_message(message: object, token: str | None) -> str:
    """A Space's own words fit to be shown: one line, at most 300 characters, without HTML, links, paths, tokens."""
    text = str(message or "")[:10_000]
    if token:
        text = text.replace(token, "[…]")
    text = html.unescape(_TAG.sub(" ", text))
    for pattern, instead in ((_LINK, "[link]"), (_PATH, "[path]"), (_SECRET, "[…]")):
        text = pattern.sub(instead, text)
    text = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return text if len(text) <= _MAX_MESSAGE else text[: _MAX_MESSAGE - 1].rstrip() + "…"


def judge(error: BaseException, space: str, name: str, token: str | None) -> Trouble:
    """The trouble behind any exception of a call. `space` is as configured, `name` as it may be shown.

    May ask the Space once more (GET /config): gradio_client does not tell a sleeping Space from a page that is no Space.
    """
    if isinstance(error, SpaceError):
        return Trouble(error)
    match error:
        case StreamEnded():
            return Trouble(SpaceUnavailable(f"The Space {name} closed the connection."), True)
        case AppFailed():
            return _of_the_app(clean_message(error.said, token), name)
        case QueueFull():
            return _final(f"The Space {name} is busy: its queue is full.")
    # By name, because httpx and httpx2 (huggingface_hub's) are twins, and gradio_client is imported late.
    return _of_a_library(error, {kind.__name__ for kind in type(error).__mro__}, space, name)


def _of_a_library(error: BaseException, kinds: set[str], space: str, name: str) -> Trouble:
    if "AuthenticationError" in kinds:
        return _final(f"The Space {name} asks for a login that Lin does not have.")
    if "TooManyRequestsError" in kinds:
        return _final(f"The Space {name} is busy: its queue is full.")
    if "HfHubHTTPError" in kinds:
        return _of_the_hub(_status(error), name)
    if "HTTPStatusError" in kinds:
        return _of_status(_status(error), name)
    if kinds & {"InvalidURL", "UnsupportedProtocol", "HFValidationError"}:
        return _final(f"“{name}” is neither a Space (owner/name) nor a valid URL.")
    if "TransportError" in kinds:
        return _of_connection(error, name)
    return _of_words(error, space, name)


def _of_the_app(said: str, name: str) -> Trouble:
    if not said:
        return Trouble(SpaceFailed(f"The Space {name} reported an error without a message."))
    return Trouble(SpaceFailed(f"The Space {name} reported: {said}"))


def _final(message: str) -> Trouble:
    return Trouble(SpaceUnavailable(message))


def _status(error: BaseException) -> int:
    return int(getattr(getattr(error, "response", None), "status_code", 0))


def _of_words(error: BaseException, space: str, name: str) -> Trouble:
    """gradio_client tells the rest only by the sentence in a ValueError."""
    words = str(error)
    state = _INVALID_STATE.search(words)
    if state:
        stage = state[1].replace("_", " ").casefold()
        problem = f"The Space {name} does not run (state: {stage}); its owner has to restart it."
        return _final(problem)
    if "Could not f" in words or "Could not get Gradio config" in words or "JSON" in repr(error):
        return _probe(space, name)
    kind = type(error).__name__
    return Trouble(
        SpaceAnswerUnusable(f"The Space {name} answered in a way Lin cannot read ({kind}).")
    )


def _probe(space: str, name: str) -> Trouble:
    """Ask the Space itself why its configuration could not be read."""
    import httpx

    if not space.startswith(("http://", "https://")):
        # Found on Hugging Face, whose proxy answers for it with a page of its own until it runs.
        return Trouble(SpaceUnavailable(f"The Space {name} is not running yet."), True)
    try:
        answer = httpx.get(space.rstrip("/") + "/config", verify=trusted(), timeout=_PROBE_SECONDS)
    except httpx.HTTPError as error:
        return _of_connection(error, name)
    if answer.is_success and _GRADIO_CONFIG.search(answer.text):
        # It woke between the two questions.
        return Trouble(SpaceUnavailable(f"The Space {name} was not running yet."), True)
    if answer.is_success:
        return Trouble(SpaceAnswerUnusable(f"What answers at {name} is not a Gradio app."))
    return _of_status(answer.status_code, name)


def _of_connection(error: BaseException, name: str) -> Trouble:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, socket.gaierror) and cause.errno == socket.EAI_NONAME:
            return _final(f"The Space {name} has no known address.")
        cause = cause.__cause__ or cause.__context__
    return Trouble(SpaceUnavailable(f"The Space {name} cannot be reached."), True)


def _of_status(status: int, name: str) -> Trouble:
    if status in _WAKING_STATUSES:
        return Trouble(SpaceUnavailable(f"The Space {name} answers with HTTP {status}."), True)
    if status in (401, 403):
        problem = f"The Space {name} does not let Lin in (HTTP {status}); check HUGGING_KEY."
        return _final(problem)
    return Trouble(
        SpaceAnswerUnusable(f"What answers at {name} is not a Gradio app (HTTP {status}).")
    )


def _of_the_hub(status: int, name: str) -> Trouble:
    if status in _WAKING_STATUSES:
        return Trouble(SpaceUnavailable(f"Hugging Face answers with HTTP {status}."), True)
    return _final(
        f"Hugging Face shows no Space {name} (HTTP {status}): check its name, "
        "and HUGGING_KEY if it is private."
    )

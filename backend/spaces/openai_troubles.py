"""What endpoints and the way to them say when something goes wrong, as errors of the core, without secrets and prompts."""

from __future__ import annotations

import email.utils
import re
import socket
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx

from backend.core.errors import SpaceAnswerUnusable, SpaceError, SpaceFailed, SpaceUnavailable

from ._troubles import Trouble, clean_message

_ECHO = 24
"""Characters in a row that an error may not share with what was sent."""
_SHORTEST_LINE = 6
"""A line that was sent may not stand in an error, from this length on."""
_LOADING = re.compile(
    r"\b(loading|starting|warming|waking|initializ|not ready|unloaded)", re.IGNORECASE
)
_TOO_LONG = re.compile(
    r"context.{0,12}(length|window|size)|maximum context|too many tokens|(prompt|input|text).{0,20}too long", re.IGNORECASE
)  # fmt: skip
_NO_MODEL = re.compile(r"\bmodel\b", re.IGNORECASE)
_BUSY_TYPES = ("rate_limit", "overloaded", "server_error", "unavailable", "timeout")


@dataclass(frozen=True)
class Asked:
    """What was asked of whom, to judge the answer by. `sent` is all text that came from the user."""

    name: str
    path: str
    model: str
    key: str | None = field(repr=False)
    sent: str = field(repr=False, default="")

    def words(self, said: object) -> str:
        """An endpoint's own words fit to be shown; empty when they repeat what was sent to it."""
        words, sent = clean_message(said, self.key), " ".join(self.sent.split())
        pieces = (words[at : at + _ECHO] for at in range(len(words) - _ECHO + 1))
        lines = (" ".join(line.split()) for line in self.sent.splitlines())
        echoes = any(piece in sent for piece in pieces) or any(
            line in words for line in lines if len(line) >= _SHORTEST_LINE
        )
        return "" if echoes else words


@dataclass(frozen=True)
class Complaint:
    """An error as the endpoint put it: its message, its code and type in one string of lower case."""

    message: str
    kind: str


def complaint(told: object) -> Complaint | None:
    """The error object in an answer's JSON, in any of the shapes that servers give it; None without one."""
    if not isinstance(told, Mapping):
        return None
    error: Any = told.get("error")
    if error is None and told.get("object") == "error":  # vLLM before 0.10
        error = told
    if error is None and "choices" not in told and "detail" in told:  # FastAPI
        error = {"message": told["detail"] if isinstance(told["detail"], str) else ""}
    if not error:
        return None
    if not isinstance(error, Mapping):
        return Complaint(str(error), "")
    kind = " ".join(str(error.get(part) or "") for part in ("code", "type"))
    return Complaint(str(error.get("message") or ""), kind.casefold())


def of_answer(status: int, headers: Mapping[str, str], told: object, asked: Asked) -> Trouble:
    """The trouble behind an answer other than 200. `told` is its body's JSON, None when it is none."""
    said = complaint(told)
    name, kind, message = asked.name, said.kind if said else "", said.message if said else ""
    if status in (401, 403):
        return _final(
            f"The endpoint {name} does not accept Lin's key (HTTP {status}); check MODEL_KEY."
        )
    if status == 402 or "insufficient_quota" in kind:
        return _final(f"The endpoint {name} has no credit left (HTTP {status}).")
    if status == 404:
        return Trouble(_not_found(said, asked))
    if status in (405, 501):
        return Trouble(
            SpaceAnswerUnusable(f"The endpoint {name} cannot do this: it has no {asked.path}.")
        )
    if status == 429:
        return _final(f"The endpoint {name} is busy (HTTP 429){_wait(headers)}.")
    if status == 503 and (not message or _LOADING.search(message)):
        return Trouble(
            SpaceUnavailable(
                f"The endpoint {name} answers with HTTP 503{_colon(asked.words(message))}."
            ),
            True,
        )
    if status >= 500:
        return _final(
            f"The endpoint {name} answers with HTTP {status}{_colon(asked.words(message))}."
        )
    if 300 <= status < 400:
        return Trouble(
            SpaceAnswerUnusable(
                f"The endpoint {name} sends Lin elsewhere (HTTP {status}); name its final address."
            )
        )
    if said is None:
        return Trouble(not_this_api(name, f"HTTP {status}"))
    return Trouble(_of_complaint(said, asked))  # fmt: skip


def of_stream(said: Complaint, asked: Asked) -> SpaceError:
    """The error for an error object inside an answer that began well."""
    if any(kind in said.kind for kind in _BUSY_TYPES):
        return SpaceUnavailable(f"The endpoint {asked.name} broke off{_colon(asked.words(said.message))}.")  # fmt: skip
    return _of_complaint(said, asked)


def of_connection(error: httpx.HTTPError, name: str) -> Trouble:
    """The trouble behind a connection that could not be made, or broke."""
    if not isinstance(error, httpx.ConnectError | httpx.ConnectTimeout):
        return _final(f"The endpoint {name} went away while it was working; try again later.")
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, socket.gaierror) and cause.errno == socket.EAI_NONAME:
            return _final(f"The endpoint {name} has no known address.")
        if isinstance(cause, ssl.SSLCertVerificationError):
            return _final(f"The certificate of the endpoint {name} is not trusted.")
        if isinstance(cause, ssl.SSLError):
            return _final(f"The endpoint {name} does not speak TLS; is it http instead of https?")
        cause = cause.__cause__ or cause.__context__
    return Trouble(SpaceUnavailable(f"The endpoint {name} cannot be reached."), True)


def not_this_api(name: str, why: str) -> SpaceAnswerUnusable:
    """The error for something else that answers there."""
    return SpaceAnswerUnusable(f"What answers at {name} is not an OpenAI-compatible endpoint ({why}).")  # fmt: skip


def _final(message: str) -> Trouble:
    return Trouble(SpaceUnavailable(message))


def _not_found(said: Complaint | None, asked: Asked) -> SpaceError:
    """Servers say with one status that they lack the model and that they lack the whole path."""
    if said and (_NO_MODEL.search(said.message) or "model" in said.kind):
        return SpaceUnavailable(f"The endpoint {asked.name} has no model “{asked.model}”.")
    return SpaceAnswerUnusable(
        f"The endpoint {asked.name} cannot do this: it has no {asked.path} (HTTP 404)."
    )


def _of_complaint(said: Complaint, asked: Asked) -> SpaceError:
    if "context_length" in said.kind or _TOO_LONG.search(said.message):
        return SpaceFailed(f"This is more text than the model of the endpoint {asked.name} can read at once.")  # fmt: skip
    if "model_not_found" in said.kind:
        return SpaceUnavailable(f"The endpoint {asked.name} has no model “{asked.model}”.")
    words = asked.words(said.message)
    if not words:
        return SpaceFailed(f"The endpoint {asked.name} reported an error without a message.")
    return SpaceFailed(f"The endpoint {asked.name} reported: {words}")


def _colon(words: str) -> str:
    return f": {words.rstrip('.')}" if words else ""


def _wait(headers: Mapping[str, str]) -> str:
    """What Retry-After asks for, in seconds or as a date; empty when it says nothing of use."""
    told = headers.get("retry-after", "").strip()
    if told.isdecimal():
        seconds = int(told[:9])
    else:
        try:
            seconds = round(email.utils.parsedate_to_datetime(told).timestamp() - time.time())
        except (TypeError, ValueError, OverflowError):
            return ""
    return f" and asks to wait {seconds} s" if seconds > 0 else ""

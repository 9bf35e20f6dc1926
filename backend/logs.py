"""Structured logs: one JSON object a line on stderr, with request ids, without secrets."""

from __future__ import annotations

import logging
import re
import sys
from typing import Any

import structlog

# What must never be readable in a log, whoever wrote the line: bearer tokens, JWTs and JWEs, Supabase and Hugging Face
# keys, passwords in URLs, and the values of query, form or JSON fields that carry credentials.
_SECRETS = re.compile(
    r"""(?ix)
    (?P<bearer>\b(?:bearer|basic)\s+)[\w.~+/=-]{8,}
    | \beyJ[\w-]{10,}\.[\w-]*\.[\w.-]*
    | \bsb_(?:secret|publishable)_[\w-]+
    | \bhf_[A-Za-z0-9]{10,}
    | (?P<url>://[^\s/:@]*:)[^\s/@]+(?=@)
    | (?P<field>\b(?:access_token|refresh_token|id_token|token_hash|client_secret|code|state|token|apikey|password|code_verifier)
        \\*["']?\s*[=:]\s*\\*["']?)[^\s&"',}\\]{6,}
    """
)


def scrub(text: str) -> str:
    """The text with everything that looks like a credential taken out."""
    return _SECRETS.sub(lambda m: f"{m['bearer'] or m['url'] or m['field'] or ''}[removed]", text)


def _scrubbed(value: Any) -> Any:
    """The value with every text in it scrubbed, as what JSON can hold."""
    match value:
        case None | bool() | int() | float():
            return value
        case dict():
            return {scrub(str(key)): _scrubbed(one) for key, one in value.items()}
        case list() | tuple() | set() | frozenset():
            return [_scrubbed(one) for one in value]
    return scrub(str(value))


def _scrub_event(
    _logger: Any, _method: str, event: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    # names that begin with an underscore are structlog's own and never written
    return {key: value if key.startswith("_") else _scrubbed(value) for key, value in event.items()}


def configure(level: str) -> None:
    """Send every logger of the process through one JSON formatter."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        _scrub_event,
    ]
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.JSONRenderer(),
        ],
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    # httpx and APScheduler tell of every request and every tick
    for chatty in ("httpx", "httpcore", "urllib3", "PIL"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    # gunicorn brings handlers of its own; its lines belong in the same stream, scrubbed like the others
    for server in ("gunicorn.error", "gunicorn.access"):
        logging.getLogger(server).handlers[:] = []
        logging.getLogger(server).propagate = True
    # it warns of every tick that a running job makes it skip, which is what it is told to do
    logging.getLogger("apscheduler").setLevel(logging.ERROR)


def bind(**names: str) -> None:
    """Add names (request_id, user_id) to every line logged while this request is served."""
    structlog.contextvars.bind_contextvars(**names)


def clear() -> None:
    """Forget the names bound before."""
    structlog.contextvars.clear_contextvars()

"""Structured logs: one JSON object a line on stderr, with request ids, without secrets."""

from __future__ import annotations

import logging
import re
import sys
from typing import Any

import structlog

# What must never be readable in a log, whoever wrote the line: bearer tokens, JWTs and JWEs, Supabase and Hugging Face
# keys, and the values of query or form fields that carry credentials.
_SECRETS = re.compile(
    r"""(?ix)
    (?P<bearer>\b(?:bearer|basic)\s+)[\w.~+/=-]{8,}
    | \beyJ[\w-]{10,}\.[\w-]*\.[\w.-]*
    | \bsb_(?:secret|publishable)_[\w-]+
    | \bhf_[A-Za-z0-9]{10,}
    | (?P<field>\b(?:access_token|refresh_token|id_token|client_secret|code|state|token|apikey|password|code_verifier)["']?\s*[=:]\s*["']?)[^\s&"',}]{6,}
    """
)


def scrub(text: str) -> str:
    """The text with everything that looks like a credential taken out."""
    return _SECRETS.sub(lambda m: f"{m['bearer'] or m['field'] or ''}[removed]", text)


def _scrub_event(
    _logger: Any, _method: str, event: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    return {key: scrub(value) if isinstance(value, str) else value for key, value in event.items()}


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
    for chatty in ("httpx", "httpcore", "apscheduler", "urllib3", "PIL"):
        logging.getLogger(chatty).setLevel(logging.WARNING)


def bind(**names: str) -> None:
    """Add names (request_id, user_id) to every line logged while this request is served."""
    structlog.contextvars.bind_contextvars(**names)


def clear() -> None:
    """Forget the names bound before."""
    structlog.contextvars.clear_contextvars()

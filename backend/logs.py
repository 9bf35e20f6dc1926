"""Structured logs: one JSON object a line on stderr, with request ids, without secrets."""

from __future__ import annotations

import logging
import os
import re
import select
import sys
from collections import deque
from collections.abc import Iterable
from contextlib import nullcontext
from typing import Any, TextIO

import structlog

from .core.following import current_names
from .core.hiding import REMOVED, Hider

# What must never be readable in a log, whoever wrote the line: bearer tokens, JWTs and JWEs, Supabase and Hugging Face
# keys, secrets of webhooks, passwords in URLs, and the values of query, form or JSON fields that carry credentials.
_SECRETS = re.compile(
    r"""(?ix)
    (?P<bearer>\b(?:bearer|basic)\s+)[\w.~+/=-]{8,}
    | \beyJ[\w-]{10,}\.[\w-]*\.[\w.-]*
    | \bsb_(?:secret|publishable)_[\w-]+
    | \bhf_[A-Za-z0-9]{10,}
    | \bwhsec_[A-Za-z0-9+/=]{10,}
    | (?P<url>://[^\s/:@]*:)[^\s/@]+(?=@)
    | (?P<field>\b(?:access_token|refresh_token|id_token|token_hash|client_secret|code|state|token|apikey|password|code_verifier)
        \\*["']?\s*[=:]\s*\\*["']?)[^\s&"',}\\]{6,}
    """
)


# One of these stands in whatever _SECRETS finds; most texts hold none, and looking for them costs a fifth of the pattern.
_SIGNS = (
    "bearer", "basic", "eyj", "sb_", "hf_", "whsec_", "://", "token", "secret", "code", "state", "apikey", "password",
)  # fmt: skip


# The process's own secrets, which are known and need not look like any.
_own = Hider()


def scrub(text: str) -> str:
    """The text with everything taken out that is a secret of this process or looks like a credential."""
    text = _own.without(text)
    if _is_harmless(text):
        return text
    return _SECRETS.sub(lambda m: f"{m['bearer'] or m['url'] or m['field'] or ''}{REMOVED}", text)


def _is_harmless(text: str) -> bool:
    # some letters beyond ASCII are an "s" or a "k" to a pattern that ignores case
    if not text.isascii():
        return False
    lowered = text.lower()
    for sign in _SIGNS:  # noqa: SIM110 - a generator would cost more than it looks for
        if sign in lowered:
            return False
    return True


def scrubbed(value: Any) -> Any:
    """The value with every text in it scrubbed, as what JSON can hold."""
    match value:
        case None | bool() | int() | float():
            return value
        case dict():
            return {scrub(str(key)): scrubbed(one) for key, one in value.items()}
        case list() | tuple() | set() | frozenset():
            return [scrubbed(one) for one in value]
    return scrub(str(value))


def _scrub_event(
    _logger: Any, _method: str, event: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    # names that begin with an underscore are structlog's own and never written
    return {key: value if key.startswith("_") else scrubbed(value) for key, value in event.items()}


def _add_names(
    _logger: Any, _method: str, event: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    """Which post, target or job the line belongs to, unless it says so itself."""
    return {**current_names(), **event}


# characters of lines that are written in one go
_TOGETHER = 2048


class UnhurriedHandler(logging.Handler):
    """Writes lines to a stream without ever waiting for who should read them, nor for other threads.

    A log that takes nothing (a pipe nobody empties, a full disk, a closed descriptor) costs its lines, never the work
    that they tell of. And each thread makes its own lines, but whoever is writing writes those of the others as well: a
    worker's 64 threads spent an eighth of their time in waiting to be let in here, one by one.
    """

    GRACE_SECONDS = 0.1

    def __init__(self, stream: TextIO | None) -> None:
        super().__init__()
        self._stream = stream
        self._made: deque[str] = deque()
        self._lost = 0
        # what the parent is about to write is not the child's to write again
        os.register_at_fork(after_in_child=self._made.clear)

    def handle(self, record: logging.LogRecord) -> bool:
        """As the library's, but without its lock."""
        if not self.filter(record):
            return False
        self.emit(record)
        return True

    def emit(self, record: logging.LogRecord) -> None:
        """Write the line whole, in part, or not at all; or leave it to the thread that is writing."""
        try:
            self._made.append(self.format(record))
            # asked again after letting go: a line that came a moment before was left to us
            while self._made and self.lock and self.lock.acquire(blocking=False):
                try:
                    self._write_all()
                finally:
                    self.lock.release()
        except Exception:
            self.handleError(record)

    def flush(self) -> None:
        """Wait for the thread that is writing, and write what is left."""
        with self.lock or nullcontext():
            self._write_all()

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - the library's name
        """Count the line as lost. The library would print the record's arguments as they are, secrets and all."""
        self._lost += 1

    def _write_all(self) -> None:
        while self._made:
            lines = [self._made.popleft()]
            while self._made and sum(map(len, lines)) + len(self._made[0]) < _TOGETHER:
                lines.append(self._made.popleft())
            # on a line of its own: the last one may have been torn
            if self._lost and self._write([f"\n{self.format(_lines_lost(self._lost))}"]):
                self._lost = 0
            if not self._write(lines):
                self._lost += len(lines)

    def _write(self, lines: list[str]) -> bool:
        """Whether all of them were taken. A reader who is only slow is given a moment, one who is known to be gone none."""
        text = "".join(f"{line}\n" for line in lines)
        try:
            if self._stream is None:
                return True
            try:
                descriptor = self._stream.fileno()
            except (OSError, ValueError):  # not a file: the tests', which takes everything
                self._stream.write(text)
                return True
            data = text.encode(errors="backslashreplace")
            while data:
                grace = 0.0 if self._lost else self.GRACE_SECONDS
                if not select.select([], [descriptor], [], grace)[1]:
                    return False
                # what is writable takes so much without waiting
                data = data[os.write(descriptor, data[: select.PIPE_BUF]) :]
        except Exception:
            return False
        return True


def _lines_lost(count: int) -> logging.LogRecord:
    return logging.makeLogRecord(
        {"name": "lin.logs", "levelno": logging.WARNING, "levelname": "WARNING", "msg": "log lines were lost", "count": count}
    )  # fmt: skip


def hide(secrets: Iterable[str]) -> None:
    """Never write any of these."""
    _own.add(secrets)


def configure(level: str, *, readable: bool = False) -> None:
    """Send every logger of the process through one formatter: JSON, or `readable` for a person at a terminal."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        _add_names,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        _scrub_event,
    ]
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.dev.ConsoleRenderer() if readable and sys.stderr and sys.stderr.isatty() else structlog.processors.JSONRenderer(),
        ],
    )  # fmt: skip
    handler = UnhurriedHandler(sys.stderr)
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


def bound() -> dict[str, Any]:
    """The names that a line logged now would carry."""
    return {**structlog.contextvars.get_contextvars(), **current_names()}


def clear() -> None:
    """Forget the names bound before."""
    structlog.contextvars.clear_contextvars()

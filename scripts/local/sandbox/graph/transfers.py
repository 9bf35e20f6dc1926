"""Bytes that come in one or several requests, each saying where it starts."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Any

from flask import request

from .errors import GraphError, bad_parameter
from .state import GraphState


@dataclass
class Transfer:
    """An upload of ``size`` bytes; None until the first request says how many there will be."""

    member: str
    size: int | None = None
    data: bytearray = field(default_factory=bytearray)
    #: When the last byte came.
    finished: float | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def offset(self) -> int:
        """Where to go on."""
        return len(self.data)


def take(state: GraphState[Any], transfer: Transfer, offset: int | None, data: bytes) -> None:
    """Add the bytes of one request. Raises GraphError 100 for a wrong place or too many bytes.

    The setting ``upload_breaks_after`` keeps a part of them and fails, as a broken line does.
    """
    with transfer.lock:
        if offset != transfer.offset:
            raise bad_parameter(f"offset {offset} is wrong, the upload stands at {transfer.offset}")
        if transfer.size is not None and offset + len(data) > transfer.size:
            raise bad_parameter(f"more bytes than the {transfer.size} that were announced")
        kept = state.settings.take("upload_breaks_after", transfer.member)
        transfer.data += data if kept is None else data[: int(kept)]
        if transfer.offset == transfer.size and transfer.finished is None:
            transfer.finished = state.now(transfer.member)
        if kept is not None:
            raise GraphError(2, "Service temporarily unavailable", status=500, transient=True)


def header_number(name: str) -> int | None:
    """A whole number out of a request header; None when absent. Raises GraphError 100."""
    text = request.headers.get(name)
    if text is None:
        return None
    if not text.isdecimal():
        raise bad_parameter(f"the header {name} must be a whole number")
    return int(text)


def announce_size(transfer: Transfer) -> None:
    """``file_size`` of the upload hosts: given with each request, the same each time."""
    size = header_number("file_size")
    if size is None or size < 1:
        raise bad_parameter("the header file_size is missing")
    if transfer.size not in (None, size):
        raise bad_parameter(f"file_size {size} differs from the {transfer.size} before")
    transfer.size = size

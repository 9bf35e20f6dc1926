"""Streams a text as a model would, and does what an order asks for instead of behaving."""

from __future__ import annotations

import asyncio
import re
import signal
from collections.abc import AsyncIterator, Iterator

from .orders import Desk, Order

_PIECES = 12
_PAUSE_SECONDS = 0.02


class OrderedFailure(Exception):
    """A call was ordered to fail; the message is for the caller."""


async def hold_up(order: Order | None) -> None:
    """What an order asks for before the first piece. Raises OrderedFailure."""
    if order is None:
        return
    if order.order == "sleep":
        await asyncio.sleep(order.seconds)
    if order.order == "hang":
        await asyncio.Event().wait()
    if order.order == "fail":
        raise OrderedFailure(order.message)


async def break_down(order: Order | None, desk: Desk) -> None:
    """What an order asks for in mid-stream. Raises RuntimeError for a crash."""
    ordered = order.order if order else None
    if ordered == "crash":
        raise RuntimeError("the local Space was ordered to crash")
    if ordered == "drop":
        await desk.drop_connections()
        await asyncio.sleep(0)  # where an answer that has no queue between is cancelled itself
    if ordered == "die":
        signal.raise_signal(signal.SIGTERM)
        await asyncio.Event().wait()


async def in_pieces(text: str, order: Order | None, desk: Desk) -> AsyncIterator[str]:
    """The growing text, the first piece at once; halfway what the order asks for."""
    pause = order.seconds if order and order.order == "slow" else _PAUSE_SECONDS
    grown = list(_growing(text))
    for number, piece in enumerate(grown, start=1):
        if number > 1:
            await asyncio.sleep(pause)
        yield piece
        if number == (len(grown) + 1) // 2:
            await break_down(order, desk)


async def in_one_piece(order: Order | None, desk: Desk) -> None:
    """What an order asks of an answer without pieces. Raises OrderedFailure, RuntimeError for a crash."""
    await hold_up(order)
    if order and order.order == "slow":
        await asyncio.sleep(order.seconds)
    await break_down(order, desk)


def _growing(text: str) -> Iterator[str]:
    """Prefixes of the text that end at a word, the last one whole."""
    ends = [match.end() for match in re.finditer(r"\S+\s*", text)]
    pieces = min(_PIECES, len(ends))
    for piece in range(1, pieces):
        yield text[: ends[piece * len(ends) // pieces - 1]].rstrip()
    yield text

"""Orders that tests give the local Space: how its next calls shall misbehave."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from typing import Annotated, Any, Literal

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

_MAX_CALLS_KEPT = 100
_LISTENER_SECONDS = 10.0

Endpoint = Literal["write", "chat", "speak", "embed"]


class Order(BaseModel):
    """What the next `times` calls of an endpoint do instead of behaving."""

    model_config = ConfigDict(extra="forbid")

    order: Literal[
        "sleep", "hang", "fail", "garbage", "slow", "empty", "crash", "die", "drop", "asleep"
    ]
    """sleep `seconds` before anything; hang until cancelled; fail with `message`; garbage: not what was asked for
    (of a writer no text and an image that is none); slow: `seconds` between pieces, or before an answer in one piece;
    empty: no text, sound or vector; crash in mid-stream with an exception; drop: the connections break in mid-stream
    and the Space goes on; die: the process ends in mid-stream, as that of a restarted Space does. asleep is for the
    whole Space and holds at once: the first request wakes it, and until `seconds` later each is answered with 503
    and a page, as Hugging Face answers for a Space that it still has to start."""
    endpoint: Endpoint = "write"
    seconds: Annotated[float, Field(ge=0, le=3600)] = 1.0
    message: Annotated[str, Field(max_length=10_000)] = "The model is out of order."
    times: Annotated[int, Field(ge=1, le=1000)] = 1


class Desk:
    """Keeps the orders that are still to be carried out and the latest calls."""

    def __init__(self) -> None:
        self._orders: deque[Order] = deque()
        self._asleep: Order | None = None
        self._awake_at: float | None = None
        self.calls: deque[dict[str, Any]] = deque(maxlen=_MAX_CALLS_KEPT)
        self.under_way: set[asyncio.Task[None]] = set()
        """The answers to calls that the server is giving."""

    def begin(self, *endpoints: Endpoint, **received: Any) -> Order | None:
        """The order for the call that begins now, None to behave. Notes the call with what it received.

        A call that serves several endpoints takes the first order for any of them.
        """
        order = next((one for one in self._orders if one.endpoint in endpoints), None)
        if order:
            self._orders.remove(order)
        named = order.endpoint if order else endpoints[0]
        said = order.order if order else None
        self.calls.append({"endpoint": named, **received, "order": said})
        return order

    def is_asleep(self) -> bool:
        """Whether the Space still sleeps; being asked wakes it."""
        if self._asleep is None:
            return False
        if self._awake_at is None:
            self._awake_at = time.monotonic() + self._asleep.seconds
        if time.monotonic() < self._awake_at:
            return True
        self._asleep = self._awake_at = None
        return False

    async def drop_connections(self) -> None:
        """Break off the answers of all calls that are under way; their connections close.

        Gradio's clients come for their answer in a second request, which is waited for.
        """
        patience = time.monotonic() + _LISTENER_SECONDS
        while not self.under_way and time.monotonic() < patience:
            await asyncio.sleep(0.01)
        for answer in list(self.under_way):
            answer.cancel()

    def router(self) -> APIRouter:
        """The control path: POST, GET and DELETE /_control/orders, GET /_control/calls."""
        router = APIRouter(prefix="/_control")

        @router.post("/orders", status_code=201)
        async def give(order: Order) -> dict[str, int]:
            if order.order == "asleep":
                self._asleep, self._awake_at = order, None
            else:
                self._orders.extend([order] * order.times)
            return {"waiting": len(self._orders)}

        @router.get("/orders")
        async def waiting() -> list[Order]:
            return list(self._orders)

        @router.delete("/orders", status_code=204)
        async def forget() -> None:
            self._orders.clear()
            self.calls.clear()
            self._asleep = self._awake_at = None

        @router.get("/calls")
        async def calls() -> list[dict[str, Any]]:
            return list(self.calls)

        return router

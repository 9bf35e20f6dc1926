"""Orders that tests give the local Space: how its next calls shall misbehave."""

from __future__ import annotations

from collections import deque
from typing import Annotated, Any, Literal

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

_MAX_CALLS_KEPT = 100


class Order(BaseModel):
    """What the next `times` calls do instead of behaving."""

    model_config = ConfigDict(extra="forbid")

    order: Literal["sleep", "hang", "fail", "garbage", "slow", "empty", "crash", "die"]
    """sleep `seconds` before anything; hang until cancelled; fail with `message`; garbage: no text and an
    image that is none; slow: `seconds` between pieces; empty text; crash in mid-stream with an exception;
    die: the process ends in mid-stream, as that of a restarted Space does."""
    seconds: Annotated[float, Field(ge=0, le=3600)] = 1.0
    message: Annotated[str, Field(max_length=10_000)] = "The model is out of order."
    times: Annotated[int, Field(ge=1, le=1000)] = 1


class Desk:
    """Keeps the orders that are still to be carried out and the latest calls."""

    def __init__(self) -> None:
        self._orders: deque[Order] = deque()
        self.calls: deque[dict[str, Any]] = deque(maxlen=_MAX_CALLS_KEPT)

    def next_order(self) -> Order | None:
        """The order for the call that begins now, None to behave."""
        return self._orders.popleft() if self._orders else None

    def router(self) -> APIRouter:
        """The control path: POST, GET and DELETE /_control/orders, GET /_control/calls."""
        router = APIRouter(prefix="/_control")

        @router.post("/orders", status_code=201)
        async def give(order: Order) -> dict[str, int]:
            self._orders.extend([order] * order.times)
            return {"waiting": len(self._orders)}

        @router.get("/orders")
        async def waiting() -> list[Order]:
            return list(self._orders)

        @router.delete("/orders", status_code=204)
        async def forget() -> None:
            self._orders.clear()
            self.calls.clear()

        @router.get("/calls")
        async def calls() -> list[dict[str, Any]]:
            return list(self.calls)

        return router

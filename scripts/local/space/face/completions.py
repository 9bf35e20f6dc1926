"""`POST /v1/chat/completions`, whole or streamed."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import AsyncIterator
from typing import Any, Literal

from fastapi import APIRouter, Response
from fastapi.responses import HTMLResponse, JSONResponse, StreamingResponse
from pydantic import BaseModel, Field

from ..misbehaving import hold_up, in_one_piece, in_pieces
from ..orders import Desk, Order
from .conversation import Said, reply
from .refusing import MODEL, Refused, check_model

_GARBAGE = "<html>not an answer</html>"


class _Part(BaseModel):
    type: Literal["text"]
    text: str


class _Message(BaseModel):
    role: Literal["system", "developer", "user", "assistant"]
    content: str | list[_Part]

    def said(self) -> Said:
        """The message with its parts joined."""
        parts = self.content
        text = parts if isinstance(parts, str) else "".join(part.text for part in parts)
        return Said("system" if self.role == "developer" else self.role, text)


class _Asked(BaseModel):
    """What is asked for. Fields that steer a model (temperature, max_tokens, …) are taken and have nothing to steer."""

    model: str
    messages: list[_Message] = Field(min_length=1)
    stream: bool = False
    n: Literal[1] | None = None
    tools: None = None


def completions(desk: Desk) -> APIRouter:
    """The route. It carries out orders for `chat` and for `write` alike, since it serves both."""
    router = APIRouter()

    @router.post("/chat/completions")
    async def complete(asked: _Asked) -> Response:
        check_model(asked.model)
        messages = [message.said() for message in asked.messages]
        if not any(message.role == "user" and message.text.strip() for message in messages):
            raise Refused(400, "There is no message of the user.", param="messages")
        told = [{"role": message.role, "content": message.text} for message in messages]
        order = desk.begin("chat", "write", messages=told, stream=asked.stream)
        text = "" if order and order.order == "empty" else reply(messages)
        if asked.stream:
            await hold_up(order)
            return StreamingResponse(_events(text, order, desk), media_type="text/event-stream")
        await in_one_piece(order, desk)
        if order and order.order == "garbage":
            return HTMLResponse(_GARBAGE)
        return JSONResponse(_whole(text, sum(len(message.text.split()) for message in messages)))

    return router


async def _events(text: str, order: Order | None, desk: Desk) -> AsyncIterator[str]:
    name, created = f"chatcmpl-{uuid.uuid4().hex}", int(time.time())

    def event(delta: dict[str, str], reason: str | None = None) -> str:
        choice = {"index": 0, "delta": delta, "finish_reason": reason}
        return _event(
            {
                "id": name,
                "object": "chat.completion.chunk",
                "created": created,
                "model": MODEL,
                "choices": [choice],
            }
        )

    if order and order.order == "garbage":
        yield f"data: {_GARBAGE}\n\n"
        return
    yield event({"role": "assistant", "content": ""})
    seen = 0
    async for grown in in_pieces(text, order, desk):
        yield event({"content": grown[seen:]})
        seen = len(grown)
    yield event({}, "stop")
    yield "data: [DONE]\n\n"


def _event(told: dict[str, Any]) -> str:
    return f"data: {json.dumps(told)}\n\n"


def _whole(text: str, words: int) -> dict[str, Any]:
    message = {"role": "assistant", "content": text}
    made = len(text.split())
    return {
        "id": f"chatcmpl-{uuid.uuid4().hex}",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": MODEL,
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": words, "completion_tokens": made, "total_tokens": words + made},
    }

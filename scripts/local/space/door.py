"""What stands before the whole server: sleeps as a Space on Hugging Face does, and breaks connections on order."""

from __future__ import annotations

import asyncio

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .orders import Desk

_ANSWERS = ("/queue/data", "/call/", "/v1/")
"""Where the answers of calls come from; the rest is the page, and how a call is put into the queue."""
_ASLEEP = b"<!DOCTYPE html><title>Starting</title><p>This Space is sleeping. It is being started."


class Door:
    """Wraps the server. The control path is always answered."""

    def __init__(self, app: ASGIApp, desk: Desk) -> None:
        self._app = app
        self._desk = desk

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, unless asleep."""
        path = scope.get("path", "")
        if scope["type"] != "http" or path.startswith("/_control"):
            await self._app(scope, receive, send)
        elif self._desk.is_asleep():
            await _answer_asleep(send)
        elif not any(part in path for part in _ANSWERS):
            await self._app(scope, receive, send)
        else:
            await self._let_in(scope, receive, send)

    async def _let_in(self, scope: Scope, receive: Receive, send: Send) -> None:
        exchange = _Exchange(receive, send)
        answer = exchange.answer = asyncio.ensure_future(_run(self._app, scope, exchange))
        leaving = asyncio.ensure_future(exchange.leave_with_the_caller())
        self._desk.under_way.add(answer)
        try:
            await asyncio.wait([answer])
        except asyncio.CancelledError:
            answer.cancel()
            raise
        finally:
            self._desk.under_way.discard(answer)
            leaving.cancel()
        if not answer.cancelled():
            answer.result()
        elif not exchange.begun:
            # The server closes the connection of an answer that it has begun and that has no end.
            promised = [(b"content-length", b"1")]
            await send({"type": "http.response.start", "status": 200, "headers": promised})


class _Exchange:
    """The two directions of one call, and how far it has come."""

    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive, self._send = receive, send
        self._asked = asyncio.Event()
        self.answer: asyncio.Task[None] | None = None
        self.begun = False

    async def receive(self) -> Message:
        message = await self._receive()
        if not message.get("more_body"):
            self._asked.set()
        return message

    async def send(self, message: Message) -> None:
        if self.answer and not self.answer.cancelling():  # Gradio would still say why it broke off
            self.begun = True
            await self._send(message)

    async def leave_with_the_caller(self) -> None:
        """End an answer that nobody waits for: the server lets it run on, and one that hangs would for good."""
        await self._asked.wait()
        while (await self._receive())["type"] != "http.disconnect":
            pass
        if self.answer and not self.begun:
            self.answer.cancel()


async def _run(app: ASGIApp, scope: Scope, exchange: _Exchange) -> None:
    await app(scope, exchange.receive, exchange.send)


async def _answer_asleep(send: Send) -> None:
    headers = [(b"content-type", b"text/html"), (b"content-length", str(len(_ASLEEP)).encode())]
    await send({"type": "http.response.start", "status": 503, "headers": headers})
    await send({"type": "http.response.body", "body": _ASLEEP})

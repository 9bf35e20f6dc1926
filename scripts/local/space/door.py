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
        begun = False

        async def send_on(message: Message) -> None:
            nonlocal begun
            if not stream.cancelling():  # Gradio would still say why it broke off
                begun = True
                await send(message)

        stream = asyncio.ensure_future(_run(self._app, scope, receive, send_on))
        self._desk.under_way.add(stream)
        try:
            await asyncio.wait([stream])
        except asyncio.CancelledError:
            stream.cancel()
            raise
        finally:
            self._desk.under_way.discard(stream)
        if not stream.cancelled():
            stream.result()
        elif not begun:
            # The server closes the connection of an answer that it has begun and that has no end.
            promised = [(b"content-length", b"1")]
            await send({"type": "http.response.start", "status": 200, "headers": promised})


async def _run(app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    await app(scope, receive, send)


async def _answer_asleep(send: Send) -> None:
    headers = [(b"content-type", b"text/html"), (b"content-length", str(len(_ASLEEP)).encode())]
    await send({"type": "http.response.start", "status": 503, "headers": headers})
    await send({"type": "http.response.body", "body": _ASLEEP})

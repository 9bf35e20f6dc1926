"""A mail server that does as it is told: takes mail, refuses it, puts it off, cuts the connection, keeps silent."""

from __future__ import annotations

import asyncio
import threading
from email import message_from_bytes, policy
from email.message import EmailMessage

from aiosmtpd.smtp import SMTP, Envelope, Session

SECONDS = 20


class PostOffice:
    """Real SMTP on a port of its own. `orders` are for the next mails, one each: an answer ("450 later") for the recipient,
    the same after "data " for the mail itself, "cut" to break off with the mail in hand, "hold" to keep its sender waiting."""

    def __init__(self) -> None:
        self.orders: list[str] = []
        self.mails: list[EmailMessage] = []
        self.held = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._server = self._call(self._serve())
        self._order = "250 OK"
        host, port = self._server.sockets[0].getsockname()[:2]
        self.url = f"smtp://{host}:{port}"

    def close(self) -> None:
        """Stop listening."""
        self._loop.call_soon_threadsafe(self._server.close)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(SECONDS)
        self._loop.close()

    def to(self, address: str) -> list[EmailMessage]:
        """The mails that came for somebody, oldest first."""
        return [mail for mail in self.mails if address in str(mail["To"])]

    async def _serve(self) -> asyncio.Server:
        return await self._loop.create_server(
            lambda: SMTP(self, hostname="office.localhost", loop=self._loop), "127.0.0.1", 0
        )

    def _call(self, work: object) -> asyncio.Server:
        done = asyncio.run_coroutine_threadsafe(work, self._loop)  # type: ignore[arg-type]
        server: asyncio.Server = done.result(SECONDS)
        return server

    async def handle_RCPT(  # noqa: N802 - the name aiosmtpd calls
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Called for the address."""
        self._order = self.orders.pop(0) if self.orders else "250 OK"
        if self._order[0].isdigit() and not self._order.startswith("250"):
            return self._order
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(  # noqa: N802 - the name aiosmtpd calls
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        """Called with a whole mail."""
        if self._order.startswith("data "):
            return self._order.removeprefix("data ")
        content = envelope.original_content or b""
        self.mails.append(message_from_bytes(content, policy=policy.default))  # type: ignore[arg-type]
        if self._order == "cut":
            assert server.transport
            server.transport.abort()  # type: ignore[attr-defined]
        if self._order == "hold":
            self.held.set()
            await asyncio.sleep(SECONDS)  # until its sender is gone
        return "250 OK"

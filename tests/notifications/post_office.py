"""A mail server that does as it is told: takes mail, refuses it, puts it off, cuts the connection, keeps silent."""

from __future__ import annotations

import asyncio
import ssl
import threading
import warnings
from email import message_from_bytes, policy
from email.message import EmailMessage

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

SECONDS = 20
Login = tuple[str, str]


class PostOffice:
    """Real SMTP on a port of its own. `orders` are for the next mails, one each: an answer ("450 later") for the recipient,
    the same after "data " for the mail itself, "cut" to break off with the mail in hand, "hold" to keep its sender waiting."""

    def __init__(
        self,
        *,
        secure: ssl.SSLContext | None = None,
        tls_at_once: bool = False,
        login: Login | None = None,
    ) -> None:
        """`secure` offers STARTTLS, or speaks TLS from the first byte on with `tls_at_once`; with `login`, a user and a
        password, it takes mail from whoever has signed in over TLS, and from nobody else."""
        self._secure, self._tls_at_once, self._login = secure, tls_at_once, login
        self.orders: list[str] = []
        self.mails: list[EmailMessage] = []
        self.sign_ins = 0  # tries
        self._sessions: list[SMTP] = []
        self.held = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._server = self._call(self._serve())
        self._order = "250 OK"
        host, port = self._server.sockets[0].getsockname()[:2]
        self.address = f"{host}:{port}"
        self.url = f"smtp://{self.address}"

    def close(self) -> None:
        """Stop listening."""
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(SECONDS)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(SECONDS)
        self._loop.close()

    async def _end(self) -> None:
        self._server.close()
        for session in self._sessions:
            if session.transport:
                session.transport.close()
        at_work = asyncio.all_tasks() - {asyncio.current_task()}
        for task in at_work:
            task.cancel()
        await asyncio.gather(*at_work, return_exceptions=True)
        await asyncio.sleep(0)  # what was closed says so in the loop's next turn

    def to(self, address: str) -> list[EmailMessage]:
        """The mails that came for somebody, oldest first."""
        return [mail for mail in self.mails if address in str(mail["To"])]

    async def _serve(self) -> asyncio.Server:
        offered = None if self._tls_at_once else self._secure
        at_once = self._secure if self._tls_at_once else None

        def session() -> SMTP:
            with warnings.catch_warnings():
                # it does not see the TLS around it
                warnings.filterwarnings("ignore", "Requiring AUTH while not requiring TLS")
                made = SMTP(
                    self, hostname="office.localhost", loop=self._loop, tls_context=offered,
                    require_starttls=offered is not None and self._login is not None,
                    auth_required=self._login is not None, auth_require_tls=not self._tls_at_once, authenticator=self._signs_in,
                )  # fmt: skip
            self._sessions.append(made)
            return made

        return await self._loop.create_server(session, "127.0.0.1", 0, ssl=at_once)

    def _signs_in(self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: object) -> AuthResult:  # fmt: skip
        """Called by aiosmtpd with what a client signs in with."""
        assert isinstance(data, LoginPassword)
        self.sign_ins += 1
        known = (data.login.decode(), data.password.decode()) == self._login
        # "not handled" has aiosmtpd answer 535
        return AuthResult(success=known, handled=known)

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

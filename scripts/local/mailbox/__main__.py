"""`python -m local.mailbox`: receive mail on --smtp-port, show it on --port."""

from __future__ import annotations

import argparse
import asyncio
import signal
import socket
import threading

from aiosmtpd.smtp import SMTP, Envelope, Session

from local.serving import HttpService, announce, bind_first_free, url_of

from .pages import MailboxPages
from .store import Mail, Mailbox

LARGEST_MAIL = 33_554_432  # bytes; what most mail servers take


class Receiver:
    """Keeps every mail of every SMTP session."""

    def __init__(self, mailbox: Mailbox) -> None:
        self.mailbox = mailbox

    async def handle_DATA(  # noqa: N802 - the name aiosmtpd calls
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        """Called by aiosmtpd with a complete mail."""
        content = envelope.original_content or b""
        self.mailbox.add(Mail.parse(content, [str(address) for address in envelope.rcpt_tos]))
        return "250 kept in the local mailbox"


async def serve(smtp: socket.socket, http: socket.socket, mailbox: Mailbox) -> None:
    """Serve both ports until SIGTERM or SIGINT."""
    loop = asyncio.get_running_loop()
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    receiver = Receiver(mailbox)
    await loop.create_server(
        lambda: SMTP(
            receiver,
            data_size_limit=LARGEST_MAIL,
            enable_SMTPUTF8=True,
            hostname="mailbox.localhost",
        ),
        sock=smtp,
    )
    MailboxPages.mailbox = mailbox
    pages = HttpService(http, MailboxPages)
    threading.Thread(target=pages.serve_forever, daemon=True).start()
    host, port = smtp.getsockname()[:2]
    announce(url_of(http), smtp=f"smtp://{host}:{port}")
    await stopped.wait()
    pages.shutdown()


def main() -> None:
    """Parse the arguments and serve."""
    parser = argparse.ArgumentParser(prog="python -m local.mailbox", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=15425, help="HTTP port, or the next free one")
    parser.add_argument(
        "--smtp-port", type=int, default=15426, help="SMTP port, or the next free one"
    )
    options = parser.parse_args()
    http = bind_first_free(options.host, options.port)
    smtp = bind_first_free(options.host, options.smtp_port)
    asyncio.run(serve(smtp, http, Mailbox()))


if __name__ == "__main__":
    main()

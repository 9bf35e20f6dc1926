"""A mail server over SMTP (RFC 5321), by the standard library. It says for each failure whether the mail may have gone."""

from __future__ import annotations

import contextlib
import smtplib
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parseaddr
from urllib.parse import unquote, urlsplit

from ..core.errors import MailMaybeSent, MailPostponed, MailRefused, MailServerAway
from ..core.mailing import Letter, Post
from ..core.publishing import utc_now

TIMEOUT_SECONDS = 20
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
# bodies that go through every server; in headers an address must not be folded, and RFC 5322 allows lines of 998
_BODY = SMTP.clone(cte_type="7bit")
_HEADERS = _BODY.clone(max_line_length=990)
_Attempt = tuple[int, bytes]


class MailServer:
    """The server that SMTP_URL names: smtp://user:password@host:587 (STARTTLS where it is offered, and nothing secret
    without) or smtps://…:465. `sender` is MAIL_FROM, an address with or without a name."""

    def __init__(self, url: str, sender: str, *, timeout: float = TIMEOUT_SECONDS) -> None:
        parts = urlsplit(url)
        self._host = parts.hostname or ""
        self._implicit_tls = parts.scheme == "smtps"
        self._port = parts.port or (465 if self._implicit_tls else 587)
        self._user, self._password = unquote(parts.username or ""), unquote(parts.password or "")
        name, address = parseaddr(sender)
        self._sender = Address(name, addr_spec=address)
        self._timeout = timeout

    @contextmanager
    def connect(self) -> Iterator[Post]:
        """A connection that takes letters. Raises MailServerAway."""
        smtp = self._opened()
        try:
            yield lambda letter: self._post(smtp, letter)
        except BaseException:
            smtp.close()  # a server that does not answer is not told goodbye
            raise
        with contextlib.suppress(smtplib.SMTPException, OSError):
            smtp.quit()

    def _opened(self) -> smtplib.SMTP:
        name = (
            self._sender.domain
        )  # to say hello with: asking for our own name may take the resolver minutes
        secure = ssl.create_default_context()
        try:
            smtp = (
                smtplib.SMTP_SSL(
                    self._host, self._port, name, timeout=self._timeout, context=secure
                )
                if self._implicit_tls
                else smtplib.SMTP(self._host, self._port, name, timeout=self._timeout)
            )
        except (smtplib.SMTPException, OSError) as error:
            raise MailServerAway(f"The mail server cannot be reached: {_told(error)}") from error
        try:
            if not self._implicit_tls:
                self._start_tls(smtp, secure)
            if self._user:
                smtp.login(self._user, self._password)
        except (smtplib.SMTPException, OSError) as error:
            smtp.close()
            raise MailServerAway(f"The mail server cannot be used: {_told(error)}") from error
        return smtp

    def _start_tls(self, smtp: smtplib.SMTP, secure: ssl.SSLContext) -> None:
        smtp.ehlo_or_helo_if_needed()
        if smtp.has_extn("starttls"):
            smtp.starttls(context=secure)
        elif self._host not in _LOOPBACK:
            raise smtplib.SMTPNotSupportedError("no TLS")

    def _post(self, smtp: smtplib.SMTP, letter: Letter) -> None:
        """Hand over one letter. Raises MailRefused, MailPostponed, MailMaybeSent, MailServerAway."""
        to, content = self._written(letter)
        try:
            smtp.ehlo_or_helo_if_needed()
            answer = smtp.mail(self._sender.addr_spec)
        except (smtplib.SMTPException, OSError) as error:
            raise MailServerAway(f"The connection broke: {_told(error)}") from error
        if answer[0] != 250:
            # it is us whom it does not want: other letters fare no better
            raise MailServerAway(f"The mail server takes no mail from us: {_reply(answer)}")
        # from here on it may be this letter's fault: it is put off alone, and the next one finds the connection gone
        try:
            _accept(smtp, smtp.rcpt(to), (250, 251))
        except (smtplib.SMTPException, OSError) as error:
            smtp.close()
            raise MailPostponed(f"The connection broke: {_told(error)}") from error
        try:
            answer = smtp.data(content)
        except smtplib.SMTPDataError as error:
            said = error.smtp_error
            answer = (error.smtp_code, said if isinstance(said, bytes) else b"")
        except (smtplib.SMTPException, OSError) as error:
            smtp.close()
            raise MailMaybeSent(f"The connection broke: {_told(error)}") from error
        _accept(smtp, answer, (250,))

    def _written(self, letter: Letter) -> tuple[str, bytes]:
        """The address and the mail as they go. Raises MailRefused for what is no address in ASCII, or cannot be made one."""
        message = EmailMessage(policy=_BODY)
        try:
            local, _, domain = letter.address.rpartition("@")
            address = f"{local}@{domain.encode('idna').decode()}"
            to = Address(_line(letter.name or "", 100), addr_spec=address)
        except (MessageError, ValueError, IndexError) as error:
            raise MailRefused("This is no address that mail can be sent to.") from error
        message["From"] = self._sender
        message["To"] = to
        message["Subject"] = _line(letter.subject, 150)
        message["Date"] = format_datetime(utc_now())
        message["Message-ID"] = f"<{letter.mail_id}@{self._sender.domain}>"
        message["Auto-Submitted"] = "auto-generated"
        message["List-Unsubscribe"] = f"<{letter.unsubscribe_url}>"
        message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
        message.set_content(letter.text)
        message.add_alternative(letter.html, subtype="html")
        return address, message.as_bytes(policy=_HEADERS)


def _accept(smtp: smtplib.SMTP, answer: _Attempt, wanted: tuple[int, ...]) -> None:
    """Go on with one of these; else the mail is reset, and postponed (4xx) or refused (5xx)."""
    code = answer[0]
    if code in wanted:
        return
    if code == 421:  # it closes the connection
        smtp.close()
    with contextlib.suppress(smtplib.SMTPException, OSError):
        smtp.rset()
    kind: Callable[[str], Exception] = MailRefused if 500 <= code < 600 else MailPostponed
    raise kind(f"The mail server says: {_reply(answer)}")


def _line(text: str, most: int) -> str:
    """One line for a header, whatever somebody wrote: no line break and no control character gets into it."""
    plain = " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())
    return plain if len(plain) <= most else f"{plain[: most - 1]}…"


def _reply(answer: _Attempt) -> str:
    code, text = answer
    return f"{code} {_line(text.decode('utf-8', 'replace'), 200)}".strip()


def _told(error: Exception) -> str:
    """What went wrong, without what we sent: a server may repeat a password."""
    match error:
        case smtplib.SMTPAuthenticationError():
            return f"it refuses our password ({error.smtp_code})"
        case smtplib.SMTPResponseException():
            return f"it answered {error.smtp_code}"
        case smtplib.SMTPNotSupportedError():
            return "it offers no TLS, or no way to sign in that we know"
        case TimeoutError():
            return "no answer in time"
        case _:
            return type(error).__name__

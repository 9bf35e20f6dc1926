"""Mail about what happened: taken from the outbox, written, sent, and told to the outbox what became of it.

A mail goes at least once: when a process dies between the server's "250" and the row that says so, or the connection
does, it goes again under the same Message-ID. Only a mail that asks for nothing (everything in it went well) goes at
most once.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, Protocol

from .errors import MailMaybeSent, MailPostponed, MailRefused, MailServerAway

log = logging.getLogger("lin.mail")

LEASE_SECONDS = 300
# what one mail takes at most: eight answers of the server, each within the time-out of mail/smtp.py
_ONE_MAIL_SECONDS = 8 * 20
_PEOPLE = 10
# after the first try, the second, …; the database gives up after six
_PAUSES = (60, 300, 900, 3600, 10_800)
_AWAY_SECONDS = 60
# asks for nothing: better not at all than twice
AT_MOST_ONCE = frozenset({"published"})

Outcome = Literal["sent", "retry", "later", "failed"]


@dataclass(frozen=True)
class Item:
    """One thing to tell. `topic` is its name in the settings; `text` the beginning of the post it is about."""

    id: str
    kind: str
    topic: str
    created_at: datetime
    payload: Mapping[str, Any]
    text: str | None


@dataclass(frozen=True)
class Mail:
    """A mail as the outbox hands it out; `number` counts its tries. A digest has several items."""

    mail_id: str
    number: int
    user_id: str
    address: str = field(repr=False)
    name: str | None = field(repr=False)
    locale: str
    timezone: str
    items: tuple[Item, ...]

    @property
    def topic(self) -> str:
        """What its unsubscribe link switches off: the topic of all its items, or "mail" where they have several."""
        topics = {item.topic for item in self.items}
        return topics.pop() if len(topics) == 1 else "mail"


@dataclass(frozen=True)
class Letter:
    """A mail as it is sent. The texts may hold anything that people and platforms wrote."""

    mail_id: str
    name: str | None = field(repr=False)
    address: str = field(repr=False)
    subject: str = field(repr=False)
    text: str = field(repr=False)
    html: str = field(repr=False)
    unsubscribe_url: str = field(repr=False)


@dataclass(frozen=True)
class MailResult:
    """What became of a mail; `after_seconds` is when it comes up again."""

    mail: Mail
    outcome: Outcome
    error: str | None = None
    after_seconds: float = 0


class MailStore(Protocol):
    """The outbox; see store/mails.py."""

    def claim_mails(self, take: int, lease_seconds: int) -> Sequence[Mail]: ...

    def record_mails(self, results: Sequence[MailResult]) -> int: ...

    def stop_mails(self, user_id: str, topic: str) -> bool: ...


class Post(Protocol):
    """A connection to the mail server (see mail/smtp.py).

    Raises MailRefused, MailPostponed, MailMaybeSent, MailServerAway.
    """

    def __call__(self, letter: Letter) -> None: ...


class Mailer:
    """Sends what is due. `connect` opens a connection and raises MailServerAway; `write` makes the letter of a mail."""

    def __init__(
        self,
        store: MailStore,
        write: Callable[[Mail], Letter],
        connect: Callable[[], AbstractContextManager[Post]],
        stopping: threading.Event,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._write = write
        self._connect = connect
        self._stopping = stopping
        self._monotonic = monotonic

    def run(self) -> int:
        """Send what is due now; returns how many mails went. A server that does not answer ends it until the next time."""
        sent = 0
        while not self._stopping.is_set():
            until = self._monotonic() + LEASE_SECONDS - _ONE_MAIL_SECONDS
            mails = self._store.claim_mails(_PEOPLE, LEASE_SECONDS)
            if not mails:
                break
            went, away = self._send(list(mails), until)
            sent += went
            if away:
                break
        return sent

    def _send(self, mails: list[Mail], until: float) -> tuple[int, bool]:
        """How many went, and whether the server is away. What was not come to is put back."""
        sent, away, waiting = 0, "", mails[::-1]
        try:
            with self._connect() as post:
                while waiting and self._monotonic() < until and not self._stopping.is_set():
                    result = self._one(waiting[-1], post)
                    self._store.record_mails([result])
                    waiting.pop()
                    sent += result.outcome == "sent"
        except MailServerAway as error:
            away = str(error)
            log.warning("mail server away", extra={"error": away})
        if waiting:
            pause = _AWAY_SECONDS if away else 0
            self._store.record_mails(
                [MailResult(mail, "later", away or None, pause) for mail in waiting]
            )
        return sent, bool(away)

    def _one(self, mail: Mail, post: Post) -> MailResult:
        """What became of one mail. Raises MailServerAway; whatever else goes wrong with it keeps no other mail."""
        pause = _PAUSES[min(mail.number, len(_PAUSES)) - 1]
        try:
            post(self._write(mail))
        except MailServerAway:
            raise
        except MailRefused as error:
            log.warning("mail refused", extra={"mail_id": mail.mail_id, "error": str(error)})
            return MailResult(mail, "failed", str(error))
        except MailMaybeSent as error:
            log.warning("mail may have gone", extra={"mail_id": mail.mail_id, "error": str(error)})
            if {item.topic for item in mail.items} <= AT_MOST_ONCE:
                return MailResult(mail, "failed", f"It may have gone. {error}")
            return MailResult(mail, "retry", str(error), pause)
        except MailPostponed as error:
            log.info("mail postponed", extra={"mail_id": mail.mail_id, "error": str(error)})
            return MailResult(mail, "retry", str(error), pause)
        except Exception:
            log.exception("a mail could not be written", extra={"mail_id": mail.mail_id})
            return MailResult(mail, "retry", "It could not be written.", pause)
        log.info("mail sent", extra={"mail_id": mail.mail_id, "items": len(mail.items)})
        return MailResult(mail, "sent")

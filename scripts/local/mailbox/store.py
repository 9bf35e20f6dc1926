"""The mails received, newest first, in the shape of Mailpit's API (https://mailpit.axllent.org/docs/api-v1/)."""

from __future__ import annotations

import re
import threading
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from email.utils import getaddresses
from typing import Any

KEPT = 500
SNIPPET_LENGTH = 250


@dataclass(frozen=True)
class Mail:
    """One received mail, decoded."""

    message: EmailMessage
    size: int
    envelope_to: list[str]
    id: str = field(default_factory=lambda: uuid.uuid4().hex[:22])
    received: datetime = field(default_factory=lambda: datetime.now(UTC))

    @classmethod
    def parse(cls, content: bytes, envelope_to: list[str]) -> Mail:
        """Decode MIME: encoded words, transfer encodings, charsets, alternatives."""
        return cls(message_from_bytes(content, policy=policy.default), len(content), envelope_to)

    @property
    def text(self) -> str:
        """The plain part, or the HTML part without its tags."""
        part = self._body("plain")
        return part or re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", self.html)).strip()

    @property
    def html(self) -> str:
        """The HTML part; empty when there is none."""
        return self._body("html")

    def _body(self, kind: str) -> str:
        part = self.message.get_body((kind,))
        if part is None:
            return ""
        try:
            return str(part.get_content())
        except (LookupError, KeyError):
            # a charset Python does not know: show what can be shown
            raw = part.get_payload(decode=True)
            return raw.decode("utf-8", "replace") if isinstance(raw, bytes) else ""

    def addresses(self, header: str) -> list[dict[str, str]]:
        """The people in a header."""
        values = [str(value) for value in self.message.get_all(header, [])]
        return [
            {"Name": name, "Address": address} for name, address in getaddresses(values) if address
        ]

    def summary(self) -> dict[str, Any]:
        """An entry of the list."""
        return {
            "ID": self.id,
            "MessageID": str(self.message.get("Message-ID", "")).strip("<>"),
            "Read": False,
            "From": next(iter(self.addresses("From")), {"Name": "", "Address": ""}),
            "To": self.addresses("To")
            or [{"Name": "", "Address": address} for address in self.envelope_to],
            "Cc": self.addresses("Cc"),
            "Bcc": [],
            "ReplyTo": self.addresses("Reply-To"),
            "Subject": str(self.message.get("Subject", "")),
            "Created": self.received.isoformat(),
            "Tags": [],
            "Size": self.size,
            "Attachments": sum(1 for _ in self.message.iter_attachments()),
            "Snippet": re.sub(r"\s+", " ", self.text).strip()[:SNIPPET_LENGTH],
        }

    def detail(self) -> dict[str, Any]:
        """The whole mail."""
        attachments = [
            {
                "FileName": part.get_filename() or "",
                "ContentType": part.get_content_type(),
                "Size": len(part.get_payload(decode=True) or b""),
            }
            for part in self.message.iter_attachments()
            if isinstance(part, EmailMessage)
        ]
        both = {
            "Date": self.received.isoformat(),
            "Text": self.text,
            "HTML": self.html,
            "Attachments": attachments,
        }
        return self.summary() | both


class Mailbox:
    """The last mails, safe to use from several threads."""

    def __init__(self) -> None:
        self._mails: list[Mail] = []
        self._lock = threading.Lock()

    def add(self, mail: Mail) -> None:
        """Keep one more; the oldest beyond 500 go."""
        with self._lock:
            self._mails = [mail, *self._mails][:KEPT]

    def all(self) -> list[Mail]:
        """Every mail, newest first."""
        with self._lock:
            return list(self._mails)

    def find(self, mail_id: str) -> Mail | None:
        """The mail with this id, or the newest for "latest"."""
        mails = self.all()
        if mail_id == "latest":
            return mails[0] if mails else None
        return next((mail for mail in mails if mail.id == mail_id), None)

    def delete(self, ids: list[str] | None) -> None:
        """Forget the mails with these ids, or all of them."""
        with self._lock:
            self._mails = [mail for mail in self._mails if ids and mail.id not in ids]

"""The mailbox over HTTP: the JSON tools read, and two pages for people."""

from __future__ import annotations

import json
from html import escape
from typing import ClassVar
from urllib.parse import parse_qs, urlsplit

from local.serving import Pages

from .store import Mail, Mailbox

STYLE = """
<style>
  body { font: 16px/1.5 system-ui, sans-serif; max-width: 52rem; margin: 2rem auto; padding: 0 1rem; color: #1c1c1c }
  a { color: #0a66c2 } table { width: 100%; border-collapse: collapse } td, th { text-align: left; padding: .5rem }
  tr + tr td { border-top: 1px solid #ddd } iframe { width: 100%; height: 22rem; border: 1px solid #ddd }
  pre { white-space: pre-wrap; overflow-wrap: anywhere; background: #f6f6f6; padding: 1rem } small { color: #666 }
</style>
"""


def page(title: str, body: str) -> str:
    """A whole page around `body`, which is HTML already."""
    head = f'<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{escape(title)}</title>'
    return f'<!doctype html><html lang="en"><head>{head}{STYLE}</head><body>{body}</body></html>'


def people(addresses: list[dict[str, str]]) -> str:
    """Addresses for a page."""
    shown = [
        f"{person['Name']} <{person['Address']}>" if person["Name"] else person["Address"]
        for person in addresses
    ]
    return escape(", ".join(shown))


def list_page(mails: list[Mail]) -> str:
    """All mails."""
    rows = ""
    for mail in mails:
        entry = mail.summary()
        rows += (
            f"<tr><td><small>{mail.received:%H:%M:%S}</small></td><td>{people(entry['To'])}</td>"
            f'<td><a href="/message/{mail.id}">{escape(entry["Subject"] or "(no subject)")}</a><br>'
            f"<small>{escape(entry['Snippet'][:100])}</small></td></tr>"
        )
    table = f"<table><tr><th>at (UTC)</th><th>to</th><th>mail</th></tr>{rows}</table>"
    empty = "<p>No mail yet.</p>"
    note = "<p><small>The local mailbox: mail sent on this machine ends here. Reload to see more.</small></p>"
    return page("Mailbox", f"<h1>Mailbox</h1>{note}{table if mails else empty}")


def mail_page(mail: Mail) -> str:
    """One mail. Its HTML is shown in a frame that runs no script and reaches nothing."""
    entry = mail.detail()
    facts = f"<p>From {people([entry['From']])}<br>To {people(entry['To'])}<br><small>{escape(entry['Date'])}</small></p>"
    frame = ""
    if mail.html:
        allowed = "allow-popups allow-popups-to-escape-sandbox"
        html = f'<base target="_blank">{mail.html}'
        frame = f'<iframe sandbox="{allowed}" title="the mail" srcdoc="{escape(html)}"></iframe>'
    text = f"<h2>As text</h2><pre>{escape(mail.text)}</pre>"
    back = '<p><a href="/">All mails</a></p>'
    return page(entry["Subject"], f"{back}<h1>{escape(entry['Subject'])}</h1>{facts}{frame}{text}")


class MailboxPages(Pages):
    """GET /, /message/{ID}, /api/v1/messages, /api/v1/message/{ID}; DELETE /api/v1/messages."""

    mailbox: ClassVar[Mailbox]

    def do_GET(self) -> None:  # noqa: N802 - the name http.server calls
        """Pages and the API's reads."""
        url = urlsplit(self.path)
        first, _, mail_id = url.path.rpartition("/")
        if url.path == "/":
            self.answer(list_page(self.mailbox.all()))
        elif url.path == "/api/v1/messages":
            self._list(parse_qs(url.query))
        elif first in ("/api/v1/message", "/message") and (mail := self.mailbox.find(mail_id)):
            if first == "/message":
                self.answer(mail_page(mail))
            else:
                self.answer_json(mail.detail())
        elif url.path.startswith("/api/"):
            self.answer_json({"Error": "message not found"}, 404)
        else:
            self.answer(
                page("Not found", "<h1>Not found</h1><p><a href='/'>All mails</a></p>"), status=404
            )

    def do_DELETE(self) -> None:  # noqa: N802 - the name http.server calls
        """Forget all mails, or those in {"IDs": [...]}."""
        length = int(self.headers.get("Content-Length") or 0)
        try:
            asked = json.loads(self.rfile.read(length) or b"{}")
        except ValueError:
            asked = None
        if self.path != "/api/v1/messages" or not isinstance(asked, dict):
            self.answer_json(
                {"Error": "DELETE /api/v1/messages takes no body or {'IDs': [...]}"}, 400
            )
            return
        self.mailbox.delete(asked.get("IDs") or None)
        self.answer("ok", "text/plain; charset=utf-8")

    def _list(self, query: dict[str, list[str]]) -> None:
        mails = self.mailbox.all()
        start = _number(query, "start", 0)
        shown = mails[start : start + _number(query, "limit", 50)]
        self.answer_json(
            {
                "total": len(mails),
                "unread": len(mails),
                "count": len(shown),
                "messages_count": len(mails),
                "start": start,
                "tags": [],
                "messages": [mail.summary() for mail in shown],
            }
        )

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Readers poll; only refusals are worth a line."""
        if str(code).startswith(("4", "5")):
            super().log_request(code, size)


def _number(query: dict[str, list[str]], name: str, default: int) -> int:
    value = query.get(name, [""])[0]
    return int(value) if value.isdigit() else default

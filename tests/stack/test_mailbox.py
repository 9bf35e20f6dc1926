"""The mailbox takes real SMTP and shows what it got, in Mailpit's shape and on pages."""

from __future__ import annotations

import smtplib
from collections.abc import Iterator
from email.message import EmailMessage
from urllib.parse import urlsplit

import httpx
import pytest

from local.stack import Stack
from tests.tls import TLS


@pytest.fixture
def mailbox(local_supabase: Stack) -> Iterator[httpx.Client]:
    """The mailbox's HTTP side."""
    with httpx.Client(base_url=local_supabase.info["mailbox_url"], verify=TLS) as client:
        yield client


def send(stack: Stack, message: EmailMessage) -> None:
    """By SMTP, as any program would."""
    server = urlsplit(stack.info["smtp_url"])
    with smtplib.SMTP(server.hostname or "", server.port or 0, timeout=5) as smtp:
        smtp.send_message(message)


def mail(to: str) -> EmailMessage:
    message = EmailMessage()
    message["From"] = "Lin <no-reply@lin.localhost>"
    message["To"] = f"Zoë Ångström <{to}>"
    message["Subject"] = "Grüße aus 東京"
    message.set_content("Plain text with an ü and a long line. " * 10)
    message.add_alternative("<p>Rich <b>text</b> <script>alert(1)</script></p>", subtype="html")
    message.add_attachment(b"%PDF-", maintype="application", subtype="pdf", filename="a.pdf")
    return message


def find(mailbox: httpx.Client, to: str) -> dict[str, object]:
    listed = mailbox.get("/api/v1/messages?limit=500").json()["messages"]
    found: dict[str, object] = next(one for one in listed if one["To"][0]["Address"] == to)
    return found


def test_a_mail_is_decoded(local_supabase: Stack, mailbox: httpx.Client) -> None:
    send(local_supabase, mail("decoded@example.com"))
    entry = find(mailbox, "decoded@example.com")
    assert entry["Subject"] == "Grüße aus 東京"
    assert entry["From"] == {"Name": "Lin", "Address": "no-reply@lin.localhost"}
    assert entry["To"] == [{"Name": "Zoë Ångström", "Address": "decoded@example.com"}]
    assert str(entry["Snippet"]).startswith("Plain text with an ü")
    whole = mailbox.get(f"/api/v1/message/{entry['ID']}").json()
    assert whole["Text"].startswith("Plain text with an ü")
    assert "<b>text</b>" in whole["HTML"]
    assert whole["Attachments"][0]["FileName"] == "a.pdf"


def test_the_newest_mail_is_called_latest(local_supabase: Stack, mailbox: httpx.Client) -> None:
    send(local_supabase, mail("first@example.com"))
    send(local_supabase, mail("second@example.com"))
    latest = mailbox.get("/api/v1/message/latest").json()
    assert latest["To"][0]["Address"] == "second@example.com"


def test_a_mail_can_be_deleted_alone(local_supabase: Stack, mailbox: httpx.Client) -> None:
    send(local_supabase, mail("kept@example.com"))
    send(local_supabase, mail("gone@example.com"))
    gone = find(mailbox, "gone@example.com")["ID"]
    before = mailbox.get("/api/v1/messages").json()["total"]
    mailbox.request("DELETE", "/api/v1/messages", json={"IDs": [gone]})
    after = mailbox.get("/api/v1/messages").json()
    assert after["total"] == after["messages_count"] == before - 1
    assert mailbox.get(f"/api/v1/message/{gone}").status_code == 404
    assert find(mailbox, "kept@example.com")


def test_pages_show_mails_without_running_them(
    local_supabase: Stack, mailbox: httpx.Client
) -> None:
    message = mail("page@example.com")
    del message["Subject"]
    message["Subject"] = "<script>alert(1)</script>"
    send(local_supabase, message)
    entry = find(mailbox, "page@example.com")
    for path in ("/", f"/message/{entry['ID']}"):
        page = mailbox.get(path).text
        assert "page@example.com" in page
        assert "<script>" not in page
    assert "sandbox=" in page


def test_an_order_that_makes_no_sense_is_refused(mailbox: httpx.Client) -> None:
    assert mailbox.request("DELETE", "/api/v1/messages", content=b"[1").status_code == 400
    assert mailbox.get("/api/v1/message/none").status_code == 404
    assert mailbox.get("/nowhere").status_code == 404

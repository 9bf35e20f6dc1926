"""The worker that ships, the local stack's mailbox, and a person who changed nothing."""

from __future__ import annotations

from typing import Any

import httpx
import psycopg

from local.stack import Stack
from tests.people import Person
from tests.rls.conftest import database  # noqa: F401 - a fixture
from tests.rls.rows import make_rows
from tests.tls import TLS
from tests.waiting import until


def test_what_may_be_live_is_asked_by_mail_in_french(
    stack: Stack, alice: Person, database: psycopg.Connection[Any]  # noqa: F811
) -> None:  # fmt: skip
    assert alice.rest("PATCH", f"profiles?id=eq.{alice.id}", {"locale": "fr"}).status_code < 300
    rows = make_rows(database, alice)
    rows.move_target("scheduled", "preparing", "sending", "unconfirmed")
    mailbox = stack.info["mailbox_url"]

    def arrived() -> list[dict[str, Any]]:
        listed = httpx.get(f"{mailbox}/api/v1/messages?limit=500", verify=TLS).json()["messages"]
        return [one for one in listed if one["To"][0]["Address"] == alice.email]

    (mail,) = until(arrived, "the mail")
    assert mail["Subject"].startswith("Est-ce en ligne ?")
    whole = httpx.get(f"{mailbox}/api/v1/message/{mail['ID']}", verify=TLS).json()
    assert "« Renvoyer »" in whole["Text"]
    assert "« C’est en ligne »" in whole["HTML"]
    (told,) = until(
        lambda: alice.rest("GET", "notifications?kind=eq.target_unconfirmed&mail_state=eq.sent").json(),
        "the row that says so",
    )  # fmt: skip
    assert mail["MessageID"].startswith(told["id"])
    assert told["emailed_at"] is not None

"""A database with its gateway and nobody else at work, people who get mail, and a mail server of these tests."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from psycopg.types.json import Jsonb

from backend.core.mailing import Mailer
from backend.links import UnsubscribeLinks
from backend.mail import MailServer, Writer
from backend.store import Supabase
from local.stack import Stack
from tests import stacks
from tests.engine.actors import Row, World
from tests.notifications.post_office import PostOffice

API, FRONTEND, SENDER = "https://api.example.org", "https://app.example.org", "Lin <lin@example.org>"  # fmt: skip
KEY = b"k" * 32


class Mailroom(World):
    """A world whose people have confirmed addresses and settings."""

    def reader(self, locale: str = "en", zone: str = "UTC", name: str = "Ada", **settings: Any) -> str:  # fmt: skip
        """Somebody new with these settings of mail."""
        user_id = self.user()
        self.admin.run("update auth.users set email_confirmed_at = now() where id = %s", user_id)
        self.admin.run(
            "update profiles set locale = %s, timezone = %s, display_name = %s where id = %s",
            locale, zone, name, user_id,
        )  # fmt: skip
        self.settings(user_id, **settings)
        return user_id

    def settings(self, user_id: str, **settings: Any) -> None:
        """Their settings from now on."""
        self.person(user_id).run(
            "update profiles set notification_settings = %s where id = %s", Jsonb(settings), user_id
        )

    def lose(self, user_id: str, account: str = "Ada's page") -> str:
        """An account of theirs is lost: an event that wants their attention. Its id."""
        account_id = self.account(user_id, account)
        self.service.call("lose_account", account=account_id, reason="The permission was revoked.")
        return account_id

    def publish(self, user_id: str) -> None:
        """A post of theirs is published."""
        _, claim = self.sending(self.scheduled(self.account(user_id)))
        self.service.settle(claim, "published", external_id="urn:li:share:1")

    def claim_mails(self, lease: int = 60) -> list[Row]:
        """Mails that are due, as a worker gets them."""
        mails: list[Row] = self.service.call("claim_mails", take=50, lease_seconds=lease)
        return mails

    def record(self, mail: Row, outcome: str, **more: Any) -> int:
        """Say what became of a claimed mail."""
        ids = [item["id"] for item in mail["items"]]
        told = {"ids": ids, "try": mail["try"], "outcome": outcome} | more
        return int(self.service.call("record_mails", results=[told]))

    def told(self, user_id: str) -> list[Row]:
        """What somebody was told, oldest first."""
        return self.admin.run("select * from notifications where user_id = %s order by created_at, kind", user_id)  # fmt: skip

    def mailed(self, user_id: str) -> list[tuple[str, str | None]]:
        """By kind, what became of the mail about it."""
        return [(row["kind"], row["mail_state"]) for row in self.told(user_id)]

    def make_due(self, user_id: str) -> None:
        """The time comes: of a digest, of the next try, of a lease's end."""
        self.admin.run("update notifications set mail_due_at = now() where user_id = %s and mail_due_at is not null", user_id)  # fmt: skip


@pytest.fixture(scope="package")
def floor() -> Iterator[Stack]:
    """Database and gateway."""
    with stacks.quiet_stack() as stack:
        yield stack


@pytest.fixture
def world(floor: Stack) -> Iterator[Mailroom]:
    made = Mailroom(f"{floor.info['database_url']}?sslmode=disable")
    try:
        yield made
    finally:
        made.close()


@pytest.fixture(scope="package")
def project(floor: Stack) -> Iterator[Supabase]:
    """The project as the backend reaches it."""
    one = Supabase(
        floor.info["supabase_url"], floor.info["publishable_key"], floor.info["secret_key"]
    )
    yield one
    one.close()


@pytest.fixture
def office() -> Iterator[PostOffice]:
    one = PostOffice()
    yield one
    one.close()


@pytest.fixture
def make_mailer(project: Supabase, office: PostOffice) -> Callable[..., Mailer]:
    """`make_mailer()`: as the worker builds it; `url` names another mail server."""

    def make(url: str | None = None) -> Mailer:
        write = Writer(FRONTEND, UnsubscribeLinks((KEY,), API).address)
        server = MailServer(url or office.url, SENDER, timeout=10)
        return Mailer(project.service.mails, write, server.connect, threading.Event())

    return make


@pytest.fixture
def mailer(make_mailer: Callable[..., Mailer]) -> Mailer:
    return make_mailer()

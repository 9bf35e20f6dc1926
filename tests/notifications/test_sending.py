"""Mail over real SMTP, to a server that takes it, refuses it, puts it off, breaks off, or is not there."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable

from backend.core.mailing import Mailer
from local.paths import ROOT
from local.stack import Stack
from tests.engine.actors import Row
from tests.notifications.conftest import API, FRONTEND, SENDER, Mailroom
from tests.notifications.post_office import SECONDS, PostOffice


def row(world: Mailroom, reader: str) -> Row:
    (found,) = world.told(reader)
    return found


def test_a_mail_says_what_happened_in_text_and_html_and_how_to_stop_it(
    world: Mailroom, office: PostOffice, mailer: Mailer
) -> None:
    reader = world.reader(name="Zoë Ångström")
    world.unconfirmed(world.scheduled(world.account(reader, "Ada's page"), text="Good <b>morning</b>"))  # fmt: skip
    assert mailer.run() == 1
    (mail,) = office.to(reader)
    assert (mail["From"], mail["Subject"]) == (SENDER, "Is it live? Your post on Ada's page")
    assert mail["To"] == f"Zoë Ångström <{reader}@example.com>"
    told = row(world, reader)
    assert mail["Message-ID"] == f"<{told['id']}@example.org>"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert mail["List-Unsubscribe"].startswith(f"<{API}/api/notifications/unsubscribe?token=")
    text = mail.get_body(("plain",)).get_content()  # type: ignore[union-attr]
    html = mail.get_body(("html",)).get_content()  # type: ignore[union-attr]
    for body in (text, html):
        assert "“It is live”" in body
        assert "“Send again”" in body
        assert f"{FRONTEND}/?notification={told['id']}" in body
    assert "Good <b>morning</b>" in text
    assert "Good &lt;b&gt;morning&lt;/b&gt;" in html
    assert told["mail_state"] == "sent"
    assert mailer.run() == 0


def test_a_french_reader_gets_french(world: Mailroom, office: PostOffice, mailer: Mailer) -> None:
    reader = world.reader(locale="fr-CA")
    world.lose(reader, "Ma page")
    mailer.run()
    (mail,) = office.to(reader)
    assert mail["Subject"] == "Reconnectez Ma page"
    assert "Reconnectez le compte." in mail.get_body(("plain",)).get_content()  # type: ignore[union-attr]


def test_nothing_that_people_write_becomes_a_header(
    world: Mailroom, office: PostOffice, mailer: Mailer
) -> None:
    evil = "Ada\r\nBcc: victim@example.com\r\n\r\nHello"
    reader = world.reader(name=evil)
    world.lose(reader, evil)
    world.unconfirmed(world.scheduled(world.account(reader, "Ada\nX-Evil: 1"), text=evil))
    assert mailer.run() == 2
    mails = office.to(reader)
    assert len(mails) == 2
    for mail in mails:
        assert mail["Bcc"] is None
        assert mail["X-Evil"] is None
        assert mail["To"].addresses[0].addr_spec == f"{reader}@example.com"
        assert len(mail["To"].addresses) == 1
        assert "\n" not in mail["Subject"]


def test_an_address_that_the_server_refuses_is_not_tried_again(
    world: Mailroom, office: PostOffice, mailer: Mailer
) -> None:
    reader, other = world.reader(), world.reader()
    world.lose(reader)
    office.orders = ["550 5.1.1 no such user"]
    assert mailer.run() == 0
    told = row(world, reader)
    assert (told["mail_state"], told["mail_error"]) == ("failed", "The mail server says: 550 5.1.1 no such user")  # fmt: skip
    world.lose(other)
    assert mailer.run() == 1
    assert office.to(reader) == []


def test_one_that_is_refused_or_put_off_keeps_no_other(
    world: Mailroom, office: PostOffice, mailer: Mailer
) -> None:
    readers = [world.reader() for _ in range(5)]
    for reader in readers:
        world.lose(reader)
    office.orders = ["450 later", "data 554 spam", "data 451 busy", "550 gone"]
    assert mailer.run() == 1
    states = sorted(row(world, reader)["mail_state"] for reader in readers)
    assert states == ["failed", "failed", "sent", "waiting", "waiting"]
    for reader in readers:
        world.make_due(reader)
    assert mailer.run() == 2
    assert len(office.mails) == 3


def test_a_server_that_is_not_there_costs_no_try(
    world: Mailroom, office: PostOffice, make_mailer: Callable[..., Mailer]
) -> None:
    reader = world.reader()
    world.lose(reader)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        nowhere = f"smtp://127.0.0.1:{taken.getsockname()[1]}"
    assert make_mailer(nowhere).run() == 0
    told = row(world, reader)
    assert (told["mail_state"], told["mail_tries"]) == ("waiting", 0)
    assert told["mail_error"] == "The mail server cannot be reached: ConnectionRefusedError"
    world.make_due(reader)
    assert make_mailer().run() == 1
    assert len(office.to(reader)) == 1


def test_a_server_that_closes_the_connection_costs_one_mail_a_try_and_the_rest_none(
    world: Mailroom, office: PostOffice, mailer: Mailer
) -> None:
    readers = [world.reader() for _ in range(3)]
    for reader in readers:
        world.lose(reader)
    office.orders = ["250 OK", "421 closing"]
    assert mailer.run() == 1
    assert sorted(row(world, reader)["mail_tries"] for reader in readers) == [0, 1, 1]


def test_a_connection_cut_with_the_mail_in_hand_sends_the_same_mail_again_but_good_news_once(
    world: Mailroom, office: PostOffice, mailer: Mailer
) -> None:
    reader, glad = world.reader(), world.reader(published=True)
    world.lose(reader)
    office.orders = ["cut"]
    assert mailer.run() == 0
    world.publish(glad)
    office.orders = ["cut"]
    assert mailer.run() == 0
    for one in (reader, glad):
        world.make_due(one)
    assert mailer.run() == 1
    first, second = office.to(reader)
    assert first["Message-ID"] == second["Message-ID"]
    assert len(office.to(glad)) == 1
    assert row(world, glad)["mail_state"] == "failed"
    assert row(world, glad)["mail_error"].startswith("It may have gone.")


def test_two_workers_at_once_send_each_mail_once(
    world: Mailroom, office: PostOffice, make_mailer: Callable[..., Mailer]
) -> None:
    for _ in range(12):
        world.lose(world.reader())
    sent: list[int] = []
    threads = [threading.Thread(target=lambda: sent.append(make_mailer().run())) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sum(sent) == 12
    assert len({mail["Message-ID"] for mail in office.mails}) == len(office.mails) == 12


KILLED = """
import os, sys, threading
from backend.core.mailing import Mailer
from backend.mail import MailServer, Writer
from backend.store import Supabase
outbox = Supabase(*(os.environ[name] for name in ("SUPABASE_URL", "SUPABASE_KEY", "SUPABASE_SECRET_KEY"))).service.mails
write = Writer("https://app.example.org", lambda *_: "https://api.example.org/")
Mailer(outbox, write, MailServer(sys.argv[1], sys.argv[2]).connect, threading.Event()).run()
"""


def test_what_a_killed_worker_had_in_hand_another_sends_under_the_same_message_id(
    floor: Stack, world: Mailroom, office: PostOffice, mailer: Mailer
) -> None:
    reader = world.reader()
    world.lose(reader)
    office.orders = ["hold"]
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, office.url, SENDER], cwd=ROOT, env=floor.backend_env()
    )
    assert office.held.wait(SECONDS)
    process.send_signal(signal.SIGKILL)
    process.wait(SECONDS)
    assert mailer.run() == 0, "its lease still holds"
    assert row(world, reader)["mail_state"] == "sending"
    world.make_due(reader)
    assert mailer.run() == 1
    first, second = office.to(reader)
    assert first["Message-ID"] == second["Message-ID"]


def test_a_digest_lists_what_happened_and_its_link_stops_all_mail(
    world: Mailroom, office: PostOffice, mailer: Mailer
) -> None:
    reader = world.reader(locale="fr", zone="Europe/Paris", digest_hour=8, published=True)
    world.lose(reader, "Ma <i>page</i>")
    world.publish(reader)
    assert mailer.run() == 0
    world.make_due(reader)
    assert mailer.run() == 1
    (mail,) = office.to(reader)
    assert mail["Subject"] == "2 nouvelles de vos publications"
    html = mail.get_body(("html",)).get_content()  # type: ignore[union-attr]
    assert "Reconnectez Ma &lt;i&gt;page&lt;/i&gt;" in html
    assert "Publié sur Ada" in html
    assert "(Europe/Paris)" in html
    assert "Ne plus rien recevoir" in html
    assert {state for _, state in world.mailed(reader)} == {"sent"}

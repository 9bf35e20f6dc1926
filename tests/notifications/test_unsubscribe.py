"""The link in a mail: it stops that kind only, by one click (RFC 8058), and not by being read."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from typing import Any

import pytest
from flask.testing import FlaskClient

from backend.app import create_app
from backend.core.mailing import Mailer
from backend.links import UnsubscribeLinks
from backend.services import build
from backend.settings import Settings
from local.stack import Stack
from tests.notifications.conftest import API, FRONTEND, KEY, Mailroom
from tests.notifications.post_office import PostOffice

PATH = "/api/notifications/unsubscribe"
ONE_CLICK = {"List-Unsubscribe": "One-Click"}


@pytest.fixture(scope="module")
def client(floor: Stack) -> Iterator[FlaskClient]:
    """The web process on this database, with the key that signs the mails of these tests."""
    key = "a2tra2tra2tra2tra2tra2tra2tra2tra2tra2tra2s"
    services = build(
        Settings(
            app_env="development", supabase_url=floor.info["supabase_url"], supabase_key=floor.info["publishable_key"],
            supabase_secret_key=floor.info["secret_key"], public_url=API, frontend_origins=FRONTEND, token_keys=key,
        )  # type: ignore[arg-type]
    )  # fmt: skip
    assert services.settings.token_key_bytes() == (KEY,)
    yield create_app(services).test_client()
    services.supabase.close()


@pytest.fixture
def link_of(world: Mailroom, office: PostOffice, mailer: Mailer) -> Callable[[str], str]:
    """The path in the header of the newest mail to somebody."""

    def read(reader: str) -> str:
        mailer.run()
        header = str(office.to(reader)[-1]["List-Unsubscribe"])
        found = re.fullmatch(rf"<{re.escape(API)}({PATH}\?token=[\w.~-]+)>", header)
        assert found, header
        return found[1]

    return read


def settings_of(world: Mailroom, reader: str) -> dict[str, Any]:
    (row,) = world.admin.run("select notification_settings from profiles where id = %s", reader)
    found: dict[str, Any] = row["notification_settings"]
    return found


def test_one_click_stops_that_kind_only(
    world: Mailroom, client: FlaskClient, link_of: Callable[[str], str], office: PostOffice, mailer: Mailer
) -> None:  # fmt: skip
    reader = world.reader(sounds=True)
    world.lose(reader)
    link = link_of(reader)
    # as a mail program sends it: a form, no session, no origin of ours; and again, because programs repeat
    for _ in range(2):
        answer = client.post(link, data=ONE_CLICK)
        assert answer.status_code == 200, answer.text
        assert "no more mail about accounts to connect again" in answer.text
    assert settings_of(world, reader) == {"sounds": True, "needs_reconnect": False}
    world.lose(reader)
    world.unconfirmed(world.scheduled(world.account(reader)))
    mailer.run()
    assert [mail["Subject"] for mail in office.to(reader)][1:] == ["Is it live? Your post on Ada"]


class Form(HTMLParser):
    """The forms of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.forms: list[dict[str, str | None]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "form":
            self.forms.append(dict(attrs))


def test_reading_the_link_changes_nothing_and_shows_a_button(
    world: Mailroom, client: FlaskClient, link_of: Callable[[str], str]
) -> None:
    reader = world.reader(locale="fr")
    world.lose(reader)
    link = link_of(reader)
    for method in ("GET", "HEAD"):
        assert client.open(link, method=method).status_code == 200
    page = client.get(link)
    assert "Arrêter ces messages" in page.text
    assert Form(page.text).forms == [{"method": "post"}], "it is sent to the page's own address"
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    assert page.headers["Referrer-Policy"] == "no-referrer"
    assert settings_of(world, reader) == {}
    assert "C’est fait" in client.post(link, data={}).text
    assert settings_of(world, reader) == {"needs_reconnect": False}


def test_the_link_of_a_digest_stops_all_mail(
    world: Mailroom, client: FlaskClient, link_of: Callable[[str], str]
) -> None:
    reader = world.reader(digest_hour=8, published=True)
    world.lose(reader)
    world.publish(reader)
    world.make_due(reader)
    assert "no more mail about anything" in client.post(link_of(reader), data=ONE_CLICK).text
    assert settings_of(world, reader)["mail"] is False


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_link_that_was_changed_or_signed_by_another_key_is_refused(
    world: Mailroom, client: FlaskClient, method: str
) -> None:
    reader, other = world.reader(), world.reader()
    good = UnsubscribeLinks((KEY,), "").address(reader, "failed", "en")
    of_other = UnsubscribeLinks((KEY,), "").address(other, "failed", "en")
    mixed = good.rpartition(".")[0] + "." + of_other.rpartition(".")[2]
    for bad in (good[:-1], mixed, f"{PATH}?token=x", UnsubscribeLinks((b"z" * 32,), "").address(reader, "failed", "en")):  # fmt: skip
        answer = client.open(bad, method=method)
        assert (answer.status_code, answer.content_type) == (404, "application/problem+json")
    assert client.open(PATH, method=method).status_code == 422
    assert settings_of(world, reader) == settings_of(world, other) == {}


def test_a_link_signed_with_an_older_key_works_while_that_key_is_kept() -> None:
    old = UnsubscribeLinks((KEY,), API).address("someone", "failed", "fr")
    token = old.partition("token=")[2]
    assert UnsubscribeLinks((b"n" * 32, KEY), API).read(token) == ("someone", "failed", "fr")


def test_somebody_who_is_gone_is_no_error(client: FlaskClient) -> None:
    link = UnsubscribeLinks((KEY,), "").address("6f8f6f6e-0000-4000-8000-00000000000a", "failed", "en")  # fmt: skip
    assert client.post(link, data=ONE_CLICK).status_code == 200

"""Where events never go: private networks, whatever name leads there, other places that a receiver points to."""

from __future__ import annotations

import socket
import threading
from typing import Any

import pytest

from backend.core.errors import FetchFailed, InvalidInput
from backend.outbound import PublicHttp
from tests.unit.outbound.conftest import raw_server as raw_server
from tests.webhooks.conftest import Desk

PRIVATE = (
    "http://127.0.0.1:8000/",
    "https://10.0.0.1/",
    "https://169.254.169.254/latest/meta-data/",
    "https://[::1]/",
    "https://[::ffff:10.0.0.1]/",
    "https://[fec0::1]/",
    "https://localhost/",
)


@pytest.mark.parametrize("url", PRIVATE)
def test_a_private_address_is_refused_where_a_webhook_is_made(desk: Desk, url: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        desk.hook(url)
    assert [problem.field for problem in refused.value.problems] == ["url"]
    assert "private network" in str(refused.value)


@pytest.mark.parametrize(
    "url",
    [
        "ftp://hooks.example/",
        "https://user:password@hooks.example/",
        "https://",
        "https://hooks.example./",
        "https://hooks.example/\n",
        "hooks.example",
    ],
)
def test_an_address_that_is_not_clean_is_refused(desk: Desk, url: str) -> None:
    with pytest.raises(InvalidInput):
        desk.hook(url)


def test_production_takes_https_only(desk: Desk) -> None:
    subscriber = desk.subscriber(https_only=True)
    with pytest.raises(InvalidInput, match="https://"):
        subscriber.subscribe(desk.user, "http://hooks.example/", None, None)
    receiver, _ = desk.subscribed()
    desk.tell()
    desk.worker(https_only=True).run()
    assert receiver.ids == []
    (delivery,) = desk.deliveries()
    assert delivery["error"] == "The address must start with https://."


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "10.1.2.3", "169.254.169.254"])
def test_a_name_that_leads_to_a_private_address_gets_nothing(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    receiver = desk.receiver(reachable=False)
    port = receiver.site.url.rpartition(":")[2]
    lookup = socket.getaddrinfo

    def resolve(host: Any, *args: Any, **more: Any) -> Any:
        return lookup(address if host == "intranet.example" else host, *args, **more)

    desk.hook(f"http://intranet.example:{port}/hook")
    desk.tell()
    worker = desk.worker()
    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    worker.run()
    (delivery,) = desk.deliveries()
    assert "intranet.example points to a private network" in delivery["error"]
    assert receiver.site.requests == []


def test_a_redirect_is_not_followed(desk: Desk) -> None:
    inside = desk.receiver(reachable=False)
    receiver, _ = desk.subscribed()
    receiver.answer(307, Location=inside.url)
    desk.tell()
    desk.run()
    (delivery,) = desk.deliveries()
    assert "redirect (status 307), which is not followed" in delivery["error"]
    assert len(receiver.site.requests) == 1
    assert inside.site.requests == []


def test_what_a_receiver_says_is_not_read(desk: Desk) -> None:
    receiver, _ = desk.subscribed()
    receiver.site.answer("/hook", 500, b"the secrets of an inner page")
    desk.tell()
    desk.run()
    (delivery,) = desk.deliveries()
    assert "secrets" not in str(delivery)


def test_a_receiver_that_never_answers_is_left_in_time(raw_server: Any) -> None:
    gone = threading.Event()
    server = raw_server(lambda _: gone.wait(30))
    door = PublicHttp([server.url])
    try:
        with pytest.raises(FetchFailed, match=r"127\.0\.0\.1 could not be reached"):
            door.post(f"{server.url}/hook", headers={}, body=b"{}", deadline_seconds=0.2)
    finally:
        gone.set()


def test_a_secret_sealed_with_a_key_that_is_gone_is_said_so(desk: Desk) -> None:
    receiver, _ = desk.subscribed()
    desk.tell()
    desk.key = bytes(32)
    desk.run()
    (delivery,) = desk.deliveries()
    assert delivery["error"] == "The secret of this webhook cannot be opened; make a new one."
    assert receiver.site.requests == []

"""Each fault, looked at from the other end of a raw socket."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from local.sandbox.driver import Caller, Sandbox


class Raw:
    """One TCP connection to the sandbox."""

    def __init__(self, sandbox: Sandbox) -> None:
        parts = urlsplit(sandbox.url)
        self.socket = socket.create_connection((parts.hostname, parts.port), timeout=10)

    def send_post(self, caller: Caller, commentary: str = "Raw") -> None:
        body = json.dumps(caller.body(commentary)).encode()
        headers = caller.headers(Content_Type="application/json", Host="sandbox")
        headers["Content-Length"] = str(len(body))
        lines = [f"{name}: {value}" for name, value in headers.items()]
        head = "POST /api.linkedin.com/rest/posts HTTP/1.1\r\n" + "\r\n".join(lines) + "\r\n\r\n"
        self.socket.sendall(head.encode() + body)

    def read_all(self) -> bytes:
        return b"".join(iter(lambda: self.socket.recv(65536), b""))

    def read_head(self) -> str:
        data = b""
        while b"\r\n\r\n" not in data:
            piece = self.socket.recv(1)
            assert piece, data
            data += piece
        return data.decode()


@pytest.fixture
def raw(sandbox: Sandbox) -> Iterator[Raw]:
    connection = Raw(sandbox)
    with connection.socket:
        yield connection


def order(sandbox: Sandbox, caller: Caller, **what: Any) -> None:
    sandbox.order(
        what, host="api.linkedin.com", method="POST", path="/rest/posts", member=caller.author
    )


def seen(sandbox: Sandbox, caller: Caller) -> tuple[bool, int | None, int | None]:
    request = sandbox.requests(caller.member)[0]
    return request["accepted"], request["platform_status"], request["status"]


def test_a_connection_is_kept_alive(amy: Caller, raw: Raw) -> None:
    for text in ("One", "Two"):
        raw.send_post(amy, text)
        assert raw.read_head().startswith("HTTP/1.1 201")


@pytest.mark.parametrize("status", [429, 500, 502, 503])
def test_a_status_is_answered_without_posting(sandbox: Sandbox, amy: Caller, status: int) -> None:
    order(sandbox, amy, status=status)
    answer = amy.create()
    assert (answer.status_code, answer.json()["status"]) == (status, status)
    assert sandbox.posts(amy.member) == []
    assert seen(sandbox, amy) == (False, None, status)
    assert amy.create().status_code == 201


def test_a_status_can_come_after_posting(sandbox: Sandbox, amy: Caller) -> None:
    order(sandbox, amy, status=504, accept=True, body="<html>", headers={"X-A": "b"})
    answer = amy.create()
    assert (answer.status_code, answer.text, answer.headers["X-A"]) == (504, "<html>", "b")
    assert "x-restli-id" not in answer.headers
    assert len(sandbox.posts(amy.member)) == 1
    assert seen(sandbox, amy) == (True, 201, 504)


@pytest.mark.parametrize("hint", [120, "Wed, 21 Oct 2026 07:28:00 GMT"])
def test_a_throttle_can_carry_retry_after(sandbox: Sandbox, amy: Caller, hint: str | int) -> None:
    order(sandbox, amy, status=429, retry_after=hint)
    assert amy.create().headers["Retry-After"] == str(hint)
    order(sandbox, amy, status=429)
    assert "Retry-After" not in amy.create().headers


@pytest.mark.parametrize("accept", [True, False])
def test_drop_closes_without_an_answer(
    sandbox: Sandbox, amy: Caller, raw: Raw, accept: bool
) -> None:
    order(sandbox, amy, drop=True, accept=accept)
    raw.send_post(amy)
    assert raw.read_all() == b""
    assert len(sandbox.posts(amy.member)) == accept
    assert seen(sandbox, amy) == (accept, 201 if accept else None, None)


@pytest.mark.parametrize("accept", [True, False])
def test_reset_breaks_the_connection(sandbox: Sandbox, amy: Caller, raw: Raw, accept: bool) -> None:
    order(sandbox, amy, reset=True, accept=accept)
    raw.send_post(amy)
    with pytest.raises(ConnectionResetError):
        raw.read_all()
    assert len(sandbox.posts(amy.member)) == accept


@pytest.mark.parametrize("accept", [True, False])
def test_timeout_never_answers(sandbox: Sandbox, amy: Caller, raw: Raw, accept: bool) -> None:
    order(sandbox, amy, timeout=True, accept=accept)
    raw.send_post(amy)
    assert sandbox.wait(requests=1, member=amy.member)
    raw.socket.settimeout(0.2)
    with pytest.raises(TimeoutError):
        raw.read_head()
    assert len(sandbox.posts(amy.member)) == accept


def test_slow_answers_after_posting(sandbox: Sandbox, amy: Caller, raw: Raw) -> None:
    order(sandbox, amy, slow=0.3)
    start = time.monotonic()
    raw.send_post(amy)
    assert sandbox.wait(posts=1, member=amy.member)
    assert raw.read_head().startswith("HTTP/1.1 201")
    assert time.monotonic() - start >= 0.3


def test_slow_can_post_only_if_the_client_stays(sandbox: Sandbox, amy: Caller) -> None:
    order(sandbox, amy, slow=0.1, accept=False)
    impatient = Raw(sandbox)
    impatient.send_post(amy)
    assert sandbox.wait(requests=1, member=amy.member)
    impatient.socket.close()
    order(sandbox, amy, slow=0.1, accept=False)
    assert amy.create("Patient").status_code == 201
    assert [post["commentary"] for post in sandbox.posts(amy.member)] == ["Patient"]


def test_slow_can_drip_byte_after_byte(sandbox: Sandbox, amy: Caller, raw: Raw) -> None:
    order(sandbox, amy, slow=0.001, drip=True)
    raw.send_post(amy)
    pieces = list(iter(lambda: raw.socket.recv(65536), b""))
    assert len(pieces) > 20
    assert b"x-restli-id" in b"".join(pieces)


def test_hold_answers_when_released(sandbox: Sandbox, amy: Caller, raw: Raw) -> None:
    order(sandbox, amy, hold=True)
    raw.send_post(amy)
    assert sandbox.wait(held=1, member=amy.member)
    assert len(sandbox.posts(amy.member)) == 1
    assert seen(sandbox, amy) == (True, 201, None)
    assert sandbox.tell("release", member=amy.member) == {"released": 1}
    assert raw.read_head().startswith("HTTP/1.1 201")
    assert seen(sandbox, amy) == (True, 201, 201)


def test_hold_ends_when_the_client_is_gone(sandbox: Sandbox, amy: Caller) -> None:
    order(sandbox, amy, hold=True)
    killed = Raw(sandbox)
    killed.send_post(amy)
    assert sandbox.wait(held=1, member=amy.member)
    killed.socket.close()
    deadline = time.monotonic() + 5
    while sandbox.tell("release", member=amy.member)["released"]:
        assert time.monotonic() < deadline
    assert len(sandbox.posts(amy.member)) == 1
    assert seen(sandbox, amy) == (True, 201, None)


def test_half_a_body_promises_more_than_comes(sandbox: Sandbox, amy: Caller, raw: Raw) -> None:
    order(sandbox, amy, half_body=True)
    raw.send_post(amy)
    head, _, body = raw.read_all().partition(b"\r\n\r\n")
    promised = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
    assert 0 < len(body) < promised
    assert len(sandbox.posts(amy.member)) == 1


def test_half_a_body_is_half_of_the_real_one(sandbox: Sandbox, amy: Caller) -> None:
    sandbox.order({"half_body": True}, path="/v2/userinfo", member=amy.member)
    raw = Raw(sandbox)
    request = (
        f"GET /api.linkedin.com/v2/userinfo HTTP/1.1\r\nAuthorization: Bearer {amy.token}\r\n\r\n"
    )
    with raw.socket:
        raw.socket.sendall(request.encode())
        body = raw.read_all().partition(b"\r\n\r\n")[2]
    with pytest.raises(json.JSONDecodeError):
        json.loads(body)


def test_no_id_leaves_the_id_out(sandbox: Sandbox, amy: Caller) -> None:
    order(sandbox, amy, no_id=True)
    answer = amy.create()
    assert answer.status_code == 201
    assert "x-restli-id" not in answer.headers
    assert len(sandbox.posts(amy.member)) == 1


def test_revoke_ends_the_token_from_then_on(sandbox: Sandbox, amy: Caller) -> None:
    order(sandbox, amy, revoke=True)
    for _ in range(2):
        assert amy.create().json()["serviceErrorCode"] == 65601


def test_an_order_is_for_its_member_path_action_and_number_of_times(
    sandbox: Sandbox, amy: Caller, ben: Caller
) -> None:
    sandbox.order(
        {"status": 503}, path="/rest/*", action="initializeUpload", member=amy.member, times=2
    )
    upload = {"initializeUploadRequest": {"owner": amy.author}}
    assert ben.start_upload("image")
    assert amy.create().status_code == 201
    for status in (503, 503, 200):
        answer = amy.call("POST", "/rest/images?action=initializeUpload", json=upload)
        assert answer.status_code == status


def test_orders_of_one_member_can_be_cleared(sandbox: Sandbox, amy: Caller, ben: Caller) -> None:
    order(sandbox, amy, status=500)
    order(sandbox, ben, status=500)
    address = f"{sandbox.url}/_control/orders"
    gone = requests.delete(address, params={"member": amy.member}, timeout=10).json()
    assert gone == {"removed": 1}
    assert amy.create().status_code == 201
    assert ben.create().status_code == 500


@pytest.mark.parametrize(
    "bad",
    [
        {},
        {"status": 99},
        {"status": 500, "drop": True},
        {"slow": "long"},
        {"drop": 1},
        {"burn": True},
        {"no_id": True, "accept": False},
    ],
)
def test_an_order_nobody_can_carry_out_is_refused(sandbox: Sandbox, bad: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="orders"):
        sandbox.order(bad)


def test_waiting_ends_when_it_happens(sandbox: Sandbox, amy: Caller) -> None:
    later = threading.Timer(0.1, amy.create)
    later.start()
    assert sandbox.wait(posts=1, member=amy.member, seconds=10)
    later.join()
    assert not sandbox.wait(posts=2, member=amy.member, seconds=0.05)


def test_no_token_is_ever_written_down(sandbox: Sandbox, amy: Caller) -> None:
    amy.create()
    amy.call("GET", "/v2/userinfo?oauth2_access_token=" + amy.token)
    assert amy.token not in json.dumps(sandbox.ask("requests", member=amy.member))
    assert len(sandbox.requests(amy.member)) == 2

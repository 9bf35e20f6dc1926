"""Files for platforms that fetch what they publish: through the web process, for whoever has the address, for an hour."""

from __future__ import annotations

import secrets
import time
from base64 import urlsafe_b64decode
from collections.abc import Callable
from pathlib import Path

import pytest
import requests

from backend.links import LIFETIME_SECONDS, MediaLinks
from backend.sealing import Sealer
from local.stack import Stack
from tests.api.conftest import Browser, problem
from tests.waiting import until

DATA = bytes(range(256)) * 1200
SIZE = len(DATA)
SECONDS = 30


@pytest.fixture(scope="module")
def sealer(stack: Stack) -> Sealer:
    """As the web process has it."""
    keys = stack.backend_env()["TOKEN_KEYS"].split(",")
    return Sealer([urlsafe_b64decode(f"{key}{'=' * (-len(key) % 4)}") for key in keys])


@pytest.fixture
def link(stack: Stack, sealer: Sealer, ada: Browser) -> Callable[..., str]:
    """`link()`: the address of a file of Alice's; `age` in seconds."""
    assert ada.person
    path = f"{ada.person.id}/{secrets.token_hex(6)}.jpg"
    stored = ada.person.storage("POST", f"object/media/{path}", DATA, Content_Type="image/jpeg")
    assert stored.status_code == 200, stored.text

    def make(age: float = 0, path: str = path) -> str:
        return MediaLinks(sealer, stack.info["api_url"], lambda: time.time() - age).address(path, "image/jpeg")  # fmt: skip

    return make


def fetch(url: str, method: str = "GET", **headers: str) -> requests.Response:
    return requests.request(method, url, headers=headers, timeout=SECONDS)


def test_whoever_has_the_address_gets_the_file(link: Callable[..., str]) -> None:
    answer = fetch(link())
    assert (answer.status_code, answer.content) == (200, DATA)
    assert answer.headers["Content-Type"] == "image/jpeg"
    assert answer.headers["Content-Length"] == str(SIZE)
    assert answer.headers["Accept-Ranges"] == "bytes"
    assert answer.headers["Cache-Control"] == "private, no-store"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "Set-Cookie" not in answer.headers


def test_head_tells_the_size_and_sends_nothing(link: Callable[..., str]) -> None:
    answer = fetch(link(), "HEAD")
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["Content-Length"] == str(SIZE)
    assert answer.headers["Content-Type"] == "image/jpeg"


@pytest.mark.parametrize(
    ("asked", "first", "last"),
    [("0-99", 0, 99), ("1000-1999", 1000, 1999), ("307000-", 307_000, SIZE - 1), ("-10", SIZE - 10, SIZE - 1),
     ("307190-999999", 307_190, SIZE - 1)],
)  # fmt: skip
def test_a_range_is_answered_with_that_part(
    link: Callable[..., str], asked: str, first: int, last: int
) -> None:
    answer = fetch(link(), Range=f"bytes={asked}")
    assert (answer.status_code, answer.content) == (206, DATA[first : last + 1])
    assert answer.headers["Content-Range"] == f"bytes {first}-{last}/{SIZE}"
    assert answer.headers["Content-Length"] == str(last - first + 1)


def test_a_range_beyond_the_end_is_refused(link: Callable[..., str]) -> None:
    answer = fetch(link(), Range=f"bytes={SIZE}-")
    assert answer.status_code == 416
    assert DATA[:10] not in answer.content


def test_it_can_be_fetched_many_times_and_in_parts(link: Callable[..., str]) -> None:
    url, step = link(), 100_000
    parts = [fetch(url, Range=f"bytes={n}-{n + step - 1}").content for n in range(0, SIZE, step)]
    assert b"".join(parts) == DATA
    assert fetch(url).content == DATA


def test_after_an_hour_the_address_is_nobodys(link: Callable[..., str]) -> None:
    assert fetch(link(age=LIFETIME_SECONDS - 60)).status_code == 200
    for method in ("GET", "HEAD"):
        answer = fetch(link(age=LIFETIME_SECONDS + 1), method)
        assert answer.status_code == 404
    assert problem(fetch(link(age=LIFETIME_SECONDS + 1)), 404)["detail"] == "This address has served its time."  # fmt: skip


@pytest.mark.parametrize("how", ["changed", "cut", "longer", "made up", "not sealed for this"])
def test_an_address_that_was_tampered_with_leads_nowhere(
    link: Callable[..., str], sealer: Sealer, how: str
) -> None:
    base, _, token = link().rpartition("/")
    middle = len(token) // 2
    other = "A" if token[middle] != "A" else "B"
    bad = {
        "changed": token[:middle] + other + token[middle + 1 :],
        "cut": token[:-8],
        "longer": f"{token}x",
        "made up": secrets.token_urlsafe(200),
        "not sealed for this": sealer.seal(
            '{"path": "x", "mime": "image/png", "until": 9e9}', bound_to="a:access"
        ),
    }[how]
    assert problem(fetch(f"{base}/{bad}"), 404)["detail"] == "There is nothing at this address."


def test_a_file_that_is_gone_is_not_found(link: Callable[..., str]) -> None:
    problem(fetch(link(path=f"{secrets.token_hex(6)}/gone.jpg")), 404)


def test_no_address_is_in_the_log(stack: Stack, link: Callable[..., str]) -> None:
    good, old = link(), link(age=LIFETIME_SECONDS + 1)
    answers = [fetch(good), fetch(old), fetch(f"{good}x"), fetch(good, Range="bytes=0-9")]
    log = Path(stack.info["state"]) / "logs" / "web.log"
    for answer in answers:
        number = answer.headers["X-Request-ID"]
        until(lambda number=number: number in log.read_text(), "the request to be logged")  # type: ignore[misc]
    written = log.read_text()
    for url in (good, old):
        token = url.rpartition("/")[2]
        assert all(piece not in written for piece in token.split(".") if len(piece) > 20)

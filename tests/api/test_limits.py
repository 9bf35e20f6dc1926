"""Rate limits: who is counted as whom, what a refusal says, and what becomes of them when their storage goes away.

The application alone, with a far end of its own: counting needs no stack.
"""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest
import time_machine
from cryptography.hazmat.primitives.asymmetric import ec
from werkzeug.test import TestResponse

from backend.api.access import open_to_all
from backend.settings import SettingsError
from tests.rules.conftest import FRONTEND, Application, build_application, token_of

if TYPE_CHECKING:
    from fakeredis import TcpFakeServer

ADA = "6f8f6f6e-0000-4000-8000-00000000000a"
BEN = "6f8f6f6e-0000-4000-8000-00000000000b"
# a view that needs no far end, and one with a limit of its own whose body is refused before anything is asked
OPEN, COSTLY = "/openapi.json", "/api/generate"

Build = Callable[..., Application]


@pytest.fixture(scope="module")
def key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


@pytest.fixture(scope="module")
def build(key: ec.EllipticCurvePrivateKey) -> Build:
    """`build(rate_limit_address=3)`: the application with these settings."""
    services = build_application(key).app.extensions["lin"]
    return lambda **changed: build_application(key, services, **changed)


def call(lin: Application, path: str = OPEN, *, at: str = "203.0.113.1", **headers: str) -> TestResponse:  # fmt: skip
    """One call from this address; it costs nothing but the count."""
    method = "POST" if path == COSTLY else "GET"
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return lin.client.open(path, method=method, headers=sent, environ_overrides={"REMOTE_ADDR": at})


def refused(answer: TestResponse) -> bool:
    return answer.status_code == 429


def test_a_refusal_is_a_problem_that_says_when_to_come_back(build: Build) -> None:
    lin = build(rate_limit_address=2)
    with time_machine.travel(1_800_000_000.5, tick=False) as clock:
        assert not refused(call(lin))
        clock.shift(10)
        assert not refused(call(lin))
        answer = call(lin)
        assert answer.status_code == 429
        assert answer.content_type == "application/problem+json"
        body = answer.get_json()
        assert set(body) == {"type", "title", "status", "detail", "request_id"}
        assert body["request_id"] == answer.headers["X-Request-ID"]
        wait = int(answer.headers["Retry-After"])
        assert wait in (50, 51)
        assert (
            body["detail"] == f"Too many requests: 2 a minute are allowed. Try again in {wait} s."
        )
        clock.shift(wait - 2)
        assert refused(call(lin))
        clock.shift(2)
        assert not refused(call(lin))


def test_answers_tell_how_much_is_left(build: Build, key: ec.EllipticCurvePrivateKey) -> None:
    lin = build(rate_limit_user=9, rate_limit_address=7, rate_limit_generate=4)
    with time_machine.travel(1_800_000_000, tick=False):
        assert call(lin).headers["RateLimit-Policy"] == '"address";q=7;w=60'
        answer = call(lin)
        assert re.fullmatch(r'"address";r=5;t=6[01]', answer.headers["RateLimit"])
        assert "Retry-After" not in answer.headers
        costly = call(lin, COSTLY, Authorization=f"Bearer {token_of(key, ADA)}")
        assert costly.headers["RateLimit-Policy"] == '"user";q=9;w=60, "generate";q=4;w=60'
        assert re.fullmatch(
            r'"user";r=8;t=6[01], "generate";r=3;t=6[01]', costly.headers["RateLimit"]
        )


def test_a_page_of_ours_can_read_a_refusal(build: Build) -> None:
    lin = build(rate_limit_address=1)
    call(lin, "/api/platforms")
    answer = call(lin, "/api/platforms", Origin=FRONTEND)
    assert refused(answer)
    assert answer.headers["Access-Control-Allow-Origin"] == FRONTEND
    exposed = set(answer.headers["Access-Control-Expose-Headers"].split(", "))
    assert {"Retry-After", "RateLimit", "RateLimit-Policy"} <= exposed


def test_a_preflight_is_never_refused(build: Build) -> None:
    lin = build(rate_limit_address=1)
    for _ in range(3):
        asked = {"Origin": FRONTEND, "Access-Control-Request-Method": "GET"}
        assert lin.client.options("/api/platforms", headers=asked).status_code == 200


def test_people_are_counted_wherever_they_are_and_apart_from_each_other(
    build: Build, key: ec.EllipticCurvePrivateKey
) -> None:
    lin = build(rate_limit_user=2, rate_limit_address=1)
    ada, ben = (f"Bearer {token_of(key, person)}" for person in (ADA, BEN))
    assert not refused(call(lin, Authorization=ada))
    assert not refused(call(lin, Authorization=ada, at="198.51.100.7"))
    assert refused(call(lin, Authorization=ada, at="192.0.2.9"))
    # another token of hers, at the same address as others
    assert refused(call(lin, Authorization=f"Bearer {token_of(key, ADA)}"))
    assert not refused(call(lin, Authorization=ben))
    assert not refused(call(lin))
    assert refused(call(lin))


def test_a_token_that_cannot_be_verified_hides_nobody(
    build: Build, key: ec.EllipticCurvePrivateKey
) -> None:
    lin = build(rate_limit_address=3)
    head, body, signature = token_of(key, ADA).split(".")
    stranger = token_of(ec.generate_private_key(ec.SECP256R1()), ADA)
    for token in (f"{head}.{body}.{signature[::-1]}", stranger, "nonsense"):
        assert call(lin, "/api/platforms", Authorization=f"Bearer {token}").status_code == 401
    assert refused(call(lin, "/api/platforms", Authorization="Bearer another"))
    # nor is it counted for her whom it names
    assert not refused(call(lin, Authorization=f"Bearer {token_of(key, ADA)}"))


KINDS = {
    "connect": ("POST /api/platforms/connect", "DELETE /api/platforms/accounts/<account_id>",
                "GET /api/platforms/<platform>/callback", "GET /api/platforms/accounts/<account_id>/choices"),
    "generate": ("POST /api/generate",),
    "chat": ("POST /api/chat/send",),
    "speak": ("POST /api/chat/speak",),
    "none": ("GET /health/live", "GET /health/ready", "GET /metrics", "GET /media/<token>",
             "POST /api/notifications/unsubscribe"),
}  # fmt: skip


def test_what_costs_others_something_has_a_limit_of_its_own(build: Build) -> None:
    app = build().app
    marked: dict[str, set[str]] = {}
    for rule in app.url_map.iter_rules():
        if kind := getattr(app.view_functions[rule.endpoint], "limit", None):
            for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}:
                marked.setdefault(kind, set()).add(f"{method} {rule.rule}")
    assert marked == {kind: set(routes) for kind, routes in KINDS.items()}


def test_every_route_that_is_counted_says_so_in_its_documentation(build: Build) -> None:
    document = build().client.get("/openapi.json").get_json()
    for path, item in document["paths"].items():
        for method, operation in item.items():
            name = f"{method.upper()} {path.replace('{', '<').replace('}', '>')}"
            counted = name not in KINDS["none"]
            for status, answer in operation["responses"].items():
                told = {"RateLimit", "RateLimit-Policy"} & set(answer["headers"])
                assert len(told) == (2 if counted else 0), f"{name} {status}"
            if counted:
                assert "Retry-After" in operation["responses"]["429"]["headers"], name


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "none"])
def test_one_kind_used_up_leaves_the_others(
    build: Build, key: ec.EllipticCurvePrivateKey, kind: str
) -> None:
    lin = build(**{f"rate_limit_{kind}": 1})
    method, path = KINDS[kind][0].split()
    headers = {"Authorization": f"Bearer {token_of(key, ADA)}"}
    assert lin.client.open(path, method=method, headers=headers).status_code == 422
    answer = lin.client.open(path, method=method, headers=headers)
    assert answer.status_code == 429
    assert f"of this kind ({kind}): 1 a minute" in answer.get_json()["detail"]
    assert not refused(call(lin, Authorization=headers["Authorization"]))


def test_all_routes_of_a_kind_share_its_limit(build: Build) -> None:
    lin = build(rate_limit_connect=1)
    assert call(lin, "/api/platforms/linkedin/callback").status_code == 422
    assert refused(call(lin, "/api/platforms/x/callback"))
    assert not refused(call(lin, "/api/platforms/x/callback", at="203.0.113.2"))


def test_probes_and_files_for_platforms_are_not_counted(build: Build) -> None:
    lin = build(rate_limit_address=1)
    for path in ("/health/live", "/metrics", "/media/an-address-that-is-none"):
        answers = [call(lin, path) for _ in range(2)]
        assert not any(refused(answer) for answer in answers)
        assert "RateLimit" not in answers[0].headers
    assert not refused(call(lin))


def test_a_claimed_address_counts_for_nothing_without_a_proxy(build: Build) -> None:
    lin = build(rate_limit_address=1)
    assert not refused(call(lin))
    for claimed in ("198.51.100.1", "198.51.100.2, 198.51.100.3"):
        assert refused(call(lin, X_Forwarded_For=claimed, X_Real_IP=claimed, Forwarded=f"for={claimed}"))  # fmt: skip


def test_behind_a_proxy_its_word_counts_and_the_callers_does_not(build: Build) -> None:
    lin = build(rate_limit_address=1, trusted_proxies=1)
    proxy = "10.0.0.2"
    assert not refused(call(lin, at=proxy, X_Forwarded_For="203.0.113.5"))
    assert not refused(call(lin, at=proxy, X_Forwarded_For="203.0.113.6"))
    # what stands before the proxy's own entry was sent by the caller
    for forged in ("198.51.100.1", "203.0.113.9, 198.51.100.2"):
        assert refused(call(lin, at=proxy, X_Forwarded_For=f"{forged}, 203.0.113.5"))


def test_behind_two_proxies_the_outer_ones_word_counts(build: Build) -> None:
    lin = build(rate_limit_address=1, trusted_proxies=2)
    assert not refused(call(lin, X_Forwarded_For="203.0.113.5, 10.0.0.3"))
    assert refused(call(lin, X_Forwarded_For="198.51.100.1, 203.0.113.5, 10.0.0.3"))
    assert not refused(call(lin, X_Forwarded_For="203.0.113.6, 10.0.0.3"))


def test_nothing_else_that_a_proxy_says_is_believed(build: Build) -> None:
    lin = build(trusted_proxies=1)
    seen: dict[str, str] = {}

    @lin.app.get("/seen", doc_ui=False)
    @open_to_all
    def see() -> str:
        from flask import request

        seen.update(root=request.url_root, address=request.remote_addr or "")
        return ""

    forged = {"X_Forwarded_Host": "evil.example", "X_Forwarded_Proto": "ftp", "X_Forwarded_Prefix": "/a", "X_Forwarded_Port": "1"}  # fmt: skip
    call(lin, "/seen", X_Forwarded_For="203.0.113.5", **forged)
    assert seen == {"root": "http://localhost/", "address": "203.0.113.5"}


def test_who_has_a_network_has_one_count(build: Build) -> None:
    lin = build(rate_limit_address=1)
    assert not refused(call(lin, at="2001:db8:1:2::1"))
    assert refused(call(lin, at="2001:db8:1:2:ffff::9"))
    assert not refused(call(lin, at="2001:db8:1:3::1"))
    assert not refused(call(lin, at="203.0.113.7"))
    assert refused(call(lin, at="::ffff:203.0.113.7"))


def test_what_is_no_address_is_one_caller(build: Build) -> None:
    lin = build(rate_limit_address=1)
    assert not refused(call(lin, at=""))
    assert refused(call(lin, at="unix:"))


# ------------------------------------------------------------------------------------ the storage


@pytest.fixture
def redis() -> Iterator[TcpFakeServer]:
    """A far end that speaks Redis."""
    from fakeredis import TcpFakeServer  # as much to load as a third of the backend

    server = TcpFakeServer(("127.0.0.1", 0))
    server.daemon_threads = True
    serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    serving.start()
    yield server
    server.shutdown()
    server.server_close()
    serving.join()


def address_of(redis: TcpFakeServer) -> str:
    return f"redis://127.0.0.1:{redis.server_address[1]}/0"


def test_processes_that_share_a_storage_count_together(build: Build, redis: TcpFakeServer) -> None:
    one, other = (build(rate_limit_address=2, rate_limit_storage_url=address_of(redis)) for _ in "ab")  # fmt: skip
    assert not refused(call(one))
    assert not refused(call(other))
    answer = call(one)
    assert refused(answer)
    assert 1 <= int(answer.headers["Retry-After"]) <= 61


def test_without_its_storage_everybody_is_answered_and_still_counted(
    build: Build, redis: TcpFakeServer, caplog: pytest.LogCaptureFixture
) -> None:
    lin = build(rate_limit_address=2, rate_limit_storage_url=address_of(redis))
    assert not refused(call(lin))
    redis.shutdown()
    redis.server_close()
    for connection in list_connections(lin):
        connection.disconnect()
    with caplog.at_level(logging.WARNING):
        answers = [call(lin) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert "falling back to in-memory storage" in caplog.text


def list_connections(lin: Application) -> list[Any]:
    """The connections to Redis that this application keeps: closed, as a Redis that ends closes them."""
    (limiter,) = lin.app.extensions["limiter"]
    pool = limiter.storage.storage.connection_pool
    return list(pool._available_connections)


@pytest.mark.parametrize(
    "url", ["redis://:hunter2hunter2@127.0.0.1:9/0", "redis://:hunter2hunter2@127.0.0.1:none/0"]
)
def test_a_storage_that_cannot_be_used_is_refused_at_the_start(build: Build, url: str) -> None:
    with pytest.raises(SettingsError, match="RATE_LIMIT_STORAGE_URL: ") as error:
        build(rate_limit_storage_url=url)
    assert "hunter2" not in str(error.value)

"""What holds for every call: who may, from where, how large, and how it is answered."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jwt
import pytest
import requests

from local.stack import Stack
from tests.api.conftest import Browser, problem
from tests.people import Person

LIVE_ONLY = ("POST", "/api/generate", {"topic": "a", "platform": "linkedin"})


def part(value: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def refusal(stranger: Browser, token: str) -> str:
    """The check that refuses this token, as the answer names it."""
    answer = stranger.call("GET", "/api/platforms", headers={"Authorization": f"Bearer {token}"})
    body = problem(answer, 401)
    assert token not in json.dumps(body)
    challenge = re.fullmatch(
        r'Bearer error="invalid_token", error_description="([\w ]+)"',
        answer.headers["WWW-Authenticate"],
    )
    assert challenge
    return challenge[1]


def test_a_signed_in_person_may(reader: Browser) -> None:
    assert reader.call("GET", "/api/platforms").status_code == 200


def test_nobody_may_not(stranger: Browser) -> None:
    answer = stranger.call("GET", "/api/platforms")
    assert "Authorization: Bearer" in problem(answer, 401)["detail"]
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def test_the_projects_keys_are_no_persons(stranger: Browser, stack: Stack) -> None:
    info = stack.info
    assert refusal(stranger, info["publishable_key"]) == "form"
    assert refusal(stranger, info["secret_key"]) == "form"
    for key in ("legacy_anon_key", "legacy_service_role_key"):
        if info[key]:
            assert refusal(stranger, info[key]) == "algorithm"


def test_a_real_token_changed_anywhere_is_refused(stranger: Browser, alice: Person) -> None:
    assert alice.token
    head, body, signature = alice.token.split(".")
    header = jwt.get_unverified_header(alice.token)
    claims = jwt.decode(alice.token, options={"verify_signature": False})
    assert claims["role"] == "authenticated"
    richer = part(claims | {"role": "service_role"})
    other = part(claims | {"sub": "6f8f6f6e-0000-4000-8000-00000000000a"})
    assert refusal(stranger, f"{head}.{richer}.{signature}") == "signature"
    assert refusal(stranger, f"{head}.{other}.{signature}") == "signature"
    assert refusal(stranger, f"{head}.{body}.") == "signature"
    assert refusal(stranger, f"{part(header | {'alg': 'none'})}.{body}.") == "algorithm"
    assert refusal(stranger, f"{part(header | {'kid': 'another'})}.{body}.{signature}") == "key"
    assert refusal(stranger, "nonsense") == "form"


def test_the_projects_legacy_secret_signs_nobody_in(
    stranger: Browser, alice: Person, stack: Stack
) -> None:
    secret = stack.info["jwt_secret"]
    if not secret:
        pytest.skip("this stack does not tell its legacy secret")
    claims = jwt.decode(alice.token or "", options={"verify_signature": False})
    assert refusal(stranger, jwt.encode(claims, secret, algorithm="HS256")) == "algorithm"


def test_an_address_that_is_not_confirmed_may_not_act(
    ada: Browser, sql: Callable[..., list[Any]]
) -> None:
    assert ada.person
    assert sql(
        "update auth.users set email_confirmed_at = null where id = %s returning 1", ada.person.id
    )
    refused = problem(ada.call(*LIVE_ONLY), 403)
    assert "Confirm your e-mail address first" in refused["detail"]


def test_a_session_that_has_ended_may_not_act(ada: Browser, stack: Stack) -> None:
    assert ada.person
    logout = requests.post(
        f"{stack.info['supabase_url']}/auth/v1/logout?scope=global",
        headers=ada.person.headers,
        timeout=10,
    )
    assert logout.status_code == 204, logout.text
    answer = ada.call(*LIVE_ONLY)
    assert "sign in again" in problem(answer, 401)["detail"]
    assert 'error_description="session ended"' in answer.headers["WWW-Authenticate"]


# ------------------------------------------------------------------------------------ CORS


def preflight(browser: Browser, origin: str) -> requests.Response:
    headers = {
        "Origin": origin,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type,idempotency-key,prefer",
    }
    return browser.http.options(f"{browser.api_url}/api/generate", headers=headers, timeout=10)


def test_a_frontend_of_ours_may_call(stranger: Browser) -> None:
    answer = preflight(stranger, stranger.frontend_url)
    assert answer.status_code == 200
    assert answer.headers["Access-Control-Allow-Origin"] == stranger.frontend_url
    assert answer.headers["Access-Control-Allow-Credentials"] == "true"
    allowed = {
        one.strip().lower() for one in answer.headers["Access-Control-Allow-Headers"].split(",")
    }
    assert {"authorization", "content-type", "idempotency-key", "prefer"} <= allowed
    assert "POST" in answer.headers["Access-Control-Allow-Methods"]


@pytest.mark.parametrize(
    "origin",
    ["https://evil.example", "null", "http://127.0.0.1", "{frontend}.evil.example", "{frontend}0"],
)
def test_a_page_from_elsewhere_may_not(reader: Browser, origin: str) -> None:
    elsewhere = origin.format(frontend=reader.frontend_url)
    answer = preflight(reader, elsewhere)
    assert answer.headers.get("Access-Control-Allow-Origin") not in (elsewhere, "*")
    called = reader.call("GET", "/api/platforms", headers={"Origin": elsewhere})
    assert called.headers.get("Access-Control-Allow-Origin") not in (elsewhere, "*")


def test_a_frontend_can_read_the_headers_it_needs(reader: Browser) -> None:
    exposed = reader.call("GET", "/api/platforms").headers["Access-Control-Expose-Headers"]
    assert {"X-Request-ID", "Preference-Applied", "Idempotent-Replayed", "Retry-After"} <= {
        one.strip() for one in exposed.split(",")
    }


# ------------------------------------------------------------------------------------ ids, sizes, shapes


def test_a_request_id_is_kept_or_made(stranger: Browser) -> None:
    sent = {"X-Request-ID": "from-the-proxy-1"}
    assert (
        stranger.call("GET", "/health/live", headers=sent).headers["X-Request-ID"]
        == "from-the-proxy-1"
    )
    made = [
        stranger.call("GET", "/health/live", headers={"X-Request-ID": odd}).headers["X-Request-ID"]
        for odd in ("", "x", "a b c d e f g", "a" * 65)
    ]
    assert all(re.fullmatch(r"[0-9a-f]{16}", one) for one in made)
    assert len(set(made)) == 4


def test_a_request_can_be_found_in_the_log_and_its_secrets_cannot(
    ada: Browser, stack: Stack
) -> None:
    assert ada.person
    number = f"find-{ada.person.id}"
    ada.call("GET", "/api/platforms?access_token=hunter2hunter2", headers={"X-Request-ID": number})
    log = (Path(stack.info["state"]) / "logs" / "web.log").read_text()
    (line,) = [json.loads(one) for one in log.splitlines() if number in one and '"request"' in one]
    assert (line["path"], line["status"], line["user_id"]) == ("/api/platforms", 200, ada.person.id)
    assert "hunter2hunter2" not in log
    assert (ada.person.token or "-") not in log


def test_a_body_above_a_megabyte_is_refused(reader: Browser) -> None:
    problem(
        reader.call("POST", "/api/generate", {"topic": "a" * 1_000_001, "platform": "linkedin"}),
        413,
    )
    assert reader.call("GET", "/api/platforms").status_code == 200


def test_a_body_without_a_length_is_refused_where_it_becomes_too_long(reader: Browser) -> None:
    pieces = (b"a" * 100_000 for _ in range(11))
    sent = {"Content-Type": "application/json"}
    answer = reader.call("POST", "/api/generate", data=pieces, headers=sent)
    assert "at most 1,000,000 bytes" in problem(answer, 413)["detail"]
    assert reader.call("GET", "/api/platforms").status_code == 200


@pytest.mark.parametrize(
    "data",
    [b"{", b"[]", b"\xff\xfe", b'{"topic": "a"', b"[" * 100_000],
    ids=["open", "list", "bytes", "cut", "deep"],
)
def test_json_that_is_none_is_refused(reader: Browser, data: bytes) -> None:
    answer = reader.call(
        "POST", "/api/generate", data=data, headers={"Content-Type": "application/json"}
    )
    assert problem(answer, 422)["errors"]


def test_what_is_nowhere_is_a_problem_too(reader: Browser) -> None:
    problem(reader.call("GET", "/api/nowhere"), 404)
    answer = reader.call("PUT", "/api/generate")
    problem(answer, 405)
    assert "POST" in answer.headers["Allow"]


def test_the_process_is_live_and_posts_go_out(stranger: Browser) -> None:
    assert stranger.call("GET", "/health/live").json() == {"status": "live"}
    ready = stranger.call("GET", "/health/ready")
    assert ready.status_code == 200, ready.text
    parts = ("database", "worker", "queue", "versions", "mail")
    assert ready.json() == {"status": "ready", **dict.fromkeys(parts, "")}


def test_the_documentation_is_served_whole(stranger: Browser) -> None:
    document = stranger.call("GET", "/openapi.json").json()
    assert document["info"]["title"] == "Lin"
    page = stranger.call("GET", "/docs/swagger")
    assert page.status_code == 200
    assert not re.search(r"""(?:src|href)=["'](?:https?:)?//""", page.text)
    assert stranger.call("GET", "/").url.endswith("/docs/swagger")

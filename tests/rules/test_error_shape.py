"""One shape of error on every route: RFC 9457, with a request id."""

from __future__ import annotations

import re
from typing import Any

import pytest
from werkzeug.routing import Rule

from tests.rules.conftest import FRONTEND, Application

# Everything that answers without a token. A new entry here is a decision, not an accident.
OPEN = {
    "/", "/openapi.json", "/health/live", "/health/ready", "/metrics", "/api/platforms/<platform>/callback", "/media/<token>",
    "/api/notifications/unsubscribe",
    "/docs/", "/docs/openapi.json", "/docs/static/<path:filename>",
    "/docs/swagger", "/docs/swagger/<path:filename>", "/docs/oauth2-redirect.html",
}  # fmt: skip
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
ID = "6f8f6f6e-0000-4000-8000-00000000000a"


def address(rule: Rule, value: str = ID) -> str:
    """A rule with its parameters filled in."""
    return re.sub(r"<[^>]+>", value, rule.rule)


def methods(rule: Rule) -> list[str]:
    return sorted((rule.methods or set()) & set(METHODS))


def check_problem(answer: Any, status: int) -> dict[str, Any]:
    """The answer is a problem of this status; returns its body."""
    assert answer.status_code == status, answer.text
    assert answer.content_type == "application/problem+json"
    body: dict[str, Any] = answer.get_json()
    assert {"type", "title", "status", "detail", "request_id"} <= set(body) <= {"type", "title", "status", "detail", "request_id", "errors"}  # fmt: skip
    assert body["status"] == status
    assert body["title"]
    assert body["detail"]
    assert body["request_id"] == answer.headers["X-Request-ID"]
    for error in body.get("errors", []):
        assert set(error) == {"field", "message"}
        assert error["field"]
        assert error["message"]
    return body


def closed(application: Application) -> list[tuple[str, Rule]]:
    rules = application.app.url_map.iter_rules()
    return [(method, rule) for rule in rules if rule.rule not in OPEN for method in methods(rule)]


def test_there_are_routes_to_look_at(application: Application) -> None:
    assert len(closed(application)) >= 8
    assert {rule.rule for rule in application.app.url_map.iter_rules()} >= OPEN


def test_every_closed_route_asks_for_a_token_before_anything_else(
    application: Application,
) -> None:
    for method, rule in closed(application):
        for path in (address(rule), address(rule, "nonsense")):
            answer = application.client.open(path, method=method, data="{", content_type="application/json")  # fmt: skip
            check_problem(answer, 401)
            assert answer.headers["WWW-Authenticate"].startswith("Bearer ")


def test_a_route_without_a_mark_is_closed(application: Application) -> None:
    app = application.app

    @app.get("/api/forgotten", doc_ui=False)
    def forgotten() -> str:
        return "secret"

    check_problem(application.client.get("/api/forgotten"), 401)
    assert application.client.get("/api/forgotten", headers=application.bearer).text == "secret"


def test_what_is_nowhere_is_404_and_a_wrong_method_405_on_every_route(
    application: Application,
) -> None:
    check_problem(application.client.get("/nowhere"), 404)
    check_problem(application.client.get("/api/nowhere", headers=application.bearer), 404)
    for rule in application.app.url_map.iter_rules():
        known = {method for other in application.app.url_map.iter_rules() if other.rule == rule.rule for method in methods(other)}  # fmt: skip
        for method in set(METHODS) - known:
            answer = application.client.open(address(rule), method=method)
            if answer.status_code != 405:  # another rule takes this address as well
                continue
            check_problem(answer, 405)
            assert set(answer.headers["Allow"].split(", ")) >= known


def test_every_id_that_is_none_is_422_and_names_the_field(application: Application) -> None:
    seen = 0
    for method, rule in closed(application):
        if not rule.arguments:
            continue
        answer = application.client.open(
            address(rule, "nonsense"), method=method, headers=application.bearer
        )
        body = check_problem(answer, 422)
        assert body["errors"][0]["field"] in rule.arguments
        seen += 1
    assert seen >= 4


BODIES = {
    "nothing": (b"", "application/json"),
    "broken JSON": (b"{", "application/json"),
    "a list": (b"[]", "application/json"),
    "a text": (b'"text"', "application/json"),
    "a number": (b"7", "application/json"),
    "null": (b"null", "application/json"),
    "unknown fields": (b'{"nonsense": 1}', "application/json"),
    "a form": (b"platform=linkedin", "application/x-www-form-urlencoded"),
    "not UTF-8": (b'{"platform": "\xff"}', "application/json"),
    "deep": (b"[" * 5000, "application/json"),
}


@pytest.mark.parametrize(("data", "kind"), BODIES.values(), ids=BODIES.keys())
def test_every_route_with_a_body_refuses_a_wrong_one(
    application: Application, data: bytes, kind: str
) -> None:
    for path in ("/api/platforms/connect", "/api/generate"):
        answer = application.client.post(path, data=data, content_type=kind, headers=application.bearer)  # fmt: skip
        assert check_problem(answer, 422)["errors"]


@pytest.mark.parametrize("path", ["/api/platforms/connect", "/api/generate"])
def test_a_body_above_a_megabyte_is_413(application: Application, path: str) -> None:
    answer = application.client.post(path, data=b'{"topic": "' + b"a" * 1_000_001 + b'"}', content_type="application/json", headers=application.bearer)  # fmt: skip
    check_problem(answer, 413)


def test_a_part_that_does_not_answer_is_503_with_a_time_to_come_back(
    application: Application,
) -> None:
    answer = application.client.get("/api/platforms", headers=application.bearer)
    body = check_problem(answer, 503)
    assert answer.headers["Retry-After"] == "5"
    assert "127.0.0.1" not in body["detail"]


def test_an_unexpected_error_says_nothing_about_itself(application: Application) -> None:
    app = application.app

    @app.get("/api/broken", doc_ui=False)
    def broken() -> str:
        raise RuntimeError("the password is hunter2")

    body = check_problem(application.client.get("/api/broken", headers=application.bearer), 500)
    assert "hunter2" not in str(body)


@pytest.mark.parametrize(
    ("sent", "kept"),
    [("abcdef12", True), ("a" * 64, True), ("short", False), ("a" * 65, False), ("with space", False), ("ab\u00e9defgh", False)],
)  # fmt: skip
def test_a_request_id_of_a_proxy_is_kept_when_it_looks_like_one(
    application: Application, sent: str, kept: bool
) -> None:
    answer = application.client.get("/health/live", headers={"X-Request-ID": sent})
    assert (answer.headers["X-Request-ID"] == sent) is kept
    assert re.fullmatch(r"[\w-]{8,64}", answer.headers["X-Request-ID"], re.ASCII)


def test_errors_carry_the_headers_that_let_a_frontend_read_them(application: Application) -> None:
    answer = application.client.get("/api/platforms", headers={"Origin": FRONTEND})
    check_problem(answer, 401)
    assert answer.headers["Access-Control-Allow-Origin"] == FRONTEND
    assert answer.headers["X-Content-Type-Options"] == "nosniff"

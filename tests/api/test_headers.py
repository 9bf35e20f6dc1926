"""What every answer tells a browser, whom CORS lets in, and how much a request may carry. The application alone."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from io import BytesIO

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from werkzeug.test import TestResponse

from tests.rules.conftest import FRONTEND, Application, build_application

# data, a refusal, a page, a file of it, nothing at all, a redirect
ANSWERS = ("/openapi.json", "/api/platforms", "/docs/swagger", "/docs/swagger/js/swagger-ui-bundle.js", "/nowhere", "/", "/metrics")  # fmt: skip
PAGES = ("/docs/swagger", "/docs/")
CLOSED = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"


@pytest.fixture(scope="module")
def key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


@pytest.fixture(scope="module")
def lin(key: ec.EllipticCurvePrivateKey) -> Application:
    """The application as it runs behind TLS, with two frontends."""
    return build_application(key, frontend_origins=f"{FRONTEND},http://[::1]:3000")


def get(lin: Application, path: str, **headers: str) -> TestResponse:
    answer = lin.client.get(path, headers=headers)
    answer.get_data()
    answer.close()
    return answer


@pytest.mark.parametrize("path", ANSWERS)
def test_every_answer_can_neither_be_framed_nor_taken_for_something_else(
    lin: Application, path: str
) -> None:
    headers = get(lin, path).headers
    assert headers.getlist("X-Content-Type-Options") == ["nosniff"]
    assert headers.getlist("X-Frame-Options") == ["DENY"]
    assert headers.getlist("Referrer-Policy") == ["no-referrer"]
    assert headers.getlist("Cross-Origin-Resource-Policy") == ["same-origin"]
    assert headers.getlist("Strict-Transport-Security") == ["max-age=31536000"]
    (policy,) = headers.getlist("Content-Security-Policy")
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert "*" not in policy
    if path not in PAGES:
        assert policy == CLOSED


def test_browsers_are_not_told_to_use_tls_where_there_is_none(
    key: ec.EllipticCurvePrivateKey,
) -> None:
    lin = build_application(key, public_url="http://127.0.0.1:15480")
    assert "Strict-Transport-Security" not in get(lin, "/openapi.json").headers


def test_what_is_somebodys_own_is_kept_by_nobody(lin: Application) -> None:
    for path in ("/api/platforms", "/api/nowhere", "/api/platforms/linkedin/callback"):
        assert get(lin, path).headers["Cache-Control"] == "no-store"


class Page(HTMLParser):
    """What a page runs, loads and styles."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.inline: list[str | None] = []
        self.loaded: list[str] = []
        self.attributes: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        has = dict(attrs)
        self.attributes += [name for name in has if name == "style" or name.startswith("on")]
        if tag in ("script", "style") and "src" not in has:
            self.inline.append(has.get("nonce"))
        address = has.get("src") or (has.get("href") if tag == "link" else None)
        if address:
            self.loaded.append(address.strip())


@pytest.mark.parametrize("path", PAGES)
def test_the_pages_run_their_own_scripts_and_no_others(lin: Application, path: str) -> None:
    words = set()
    for answer in (get(lin, path), get(lin, path)):
        policy = answer.headers["Content-Security-Policy"]
        (word,) = set(re.findall(r"'nonce-([\w-]{22})'", policy))
        page = Page(answer.text)
        assert set(page.inline) == ({word} if path == "/docs/swagger" else set())
        assert page.attributes == []  # what a nonce cannot allow
        allowed = {one.split()[0]: one.split()[1:] for one in policy.split("; ")}
        assert allowed["script-src"] == allowed["style-src"] == ["'self'", f"'nonce-{word}'"]
        assert allowed["connect-src"] == ["'self'"]
        assert allowed["img-src"] == ["'self'", "data:"]
        assert not any(re.match(r"(?:https?:)?//", one) for one in page.loaded)
        words.add(word)
    assert len(words) == 2


def test_the_page_does_not_tell_a_service_on_the_internet_of_this_server(lin: Application) -> None:
    assert '{"validatorUrl": null}' in get(lin, "/docs/swagger").text


# ------------------------------------------------------------------------------------ CORS


def preflight(lin: Application, origin: str, path: str = "/api/generate") -> TestResponse:
    asked = {"Origin": origin, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}  # fmt: skip
    return lin.client.options(path, headers=asked)


@pytest.mark.parametrize("origin", [FRONTEND, "http://[::1]:3000"])
def test_the_frontends_of_the_settings_may_call(lin: Application, origin: str) -> None:
    for answer in (preflight(lin, origin), get(lin, "/api/platforms", Origin=origin)):
        assert answer.headers.getlist("Access-Control-Allow-Origin") == [origin]
        assert answer.headers["Vary"] == "Origin"


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example", "null", "http://app.example", f"{FRONTEND}.evil.example", f"{FRONTEND}:8443", f"{FRONTEND}/",
        "https://app-example", "https://x.app.example", "https://appxexample", f"{FRONTEND}@evil.example", "",
        # an IPv6 address read as a pattern: one of the characters : and 1
        "http://1:3000", "http://::3000", "http://[::1]:30000", "http://::1:3000",
    ],
)  # fmt: skip
def test_nobody_else_may(lin: Application, origin: str) -> None:
    for answer in (preflight(lin, origin), get(lin, "/api/platforms", Origin=origin)):
        assert not [name for name in answer.headers.keys() if name.startswith("Access-Control")]  # noqa: SIM118


@pytest.mark.parametrize("path", ["/openapi.json", "/health/live", "/media/x", "/docs/swagger"])
def test_only_the_api_is_for_pages_of_others(lin: Application, path: str) -> None:
    assert "Access-Control-Allow-Origin" not in get(lin, path, Origin=FRONTEND).headers


# ------------------------------------------------------------------------------------ sizes


@pytest.mark.parametrize("length", ["announced", "in chunks"])
@pytest.mark.parametrize(
    ("path", "kind", "limit"),
    [("/api/generate", "application/json", 1_000_000), ("/api/sources/import", "text/x-opml", 1_000_000)],
)  # fmt: skip
def test_a_body_that_is_too_large_is_told_the_limit(
    lin: Application, path: str, kind: str, limit: int, length: str
) -> None:
    body = BytesIO(b'"' + b"a" * limit + b'"')
    # as gunicorn hands on a body without a length: a stream that ends
    chunked = {"wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked"}
    answer = lin.client.post(
        path, input_stream=body, content_type=kind, headers=lin.bearer,
        environ_overrides=chunked if length == "in chunks" else {"CONTENT_LENGTH": str(limit + 2)},
    )  # fmt: skip
    assert answer.status_code == 413
    assert answer.content_type == "application/problem+json"
    assert f"at most {limit:,} bytes" in answer.get_json()["detail"]
    assert body.read() == b""  # a connection that closes on unread bytes would lose the answer


def test_a_body_as_large_as_the_limit_is_read_whole(lin: Application) -> None:
    body = b'"' + b"a" * 999_998 + b'"'
    chunked = {"wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked"}
    answer = lin.client.post(
        "/api/generate", input_stream=BytesIO(body), content_type="application/json", headers=lin.bearer,
        environ_overrides=chunked,
    )  # fmt: skip
    assert answer.status_code == 422  # JSON, but no object


def test_a_file_of_posts_may_be_larger_and_is_told_its_own_limit(lin: Application) -> None:
    body = BytesIO(b"text\n" + b"a\n" * 2_600_000)
    answer = lin.client.post(
        "/api/posts/import", input_stream=body, content_type="text/csv", headers=lin.bearer,
        environ_overrides={"wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked"},
    )  # fmt: skip
    assert answer.status_code == 413
    assert "at most 5,010,000 bytes" in answer.get_json()["detail"]

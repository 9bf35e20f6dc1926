"""What nobody expected: a database that answers with the request, errors that carry one, frames full of secrets."""

from __future__ import annotations

import json
import logging
import secrets
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
import pytest
from pydantic import SecretStr
from structlog.stdlib import ProcessorFormatter

from backend import logs
from backend.app import create_app
from backend.auth import CurrentUser
from backend.core.platform_contract import Tokens
from backend.core.tokens import seal_tokens
from backend.sealing import Sealer
from backend.services import Services, build
from backend.settings import SettingsError, load_settings, secrets_of
from backend.worker_services import build_worker
from tests.leaks.planting import planted
from tests.leaks.scanning import Scanner


class Echo(BaseHTTPRequestHandler):
    """A database that says what it was asked, in the status and shape it is told to."""

    protocol_version = "HTTP/1.1"
    status = 500
    shape: Callable[[Any], Any] = staticmethod(lambda told: told)

    def do_GET(self) -> None:
        told = {"path": self.path, **dict(self.headers.items())}
        body = json.dumps(type(self).shape(told)).encode()
        self.send_response(self.status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        self.do_GET()

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def echo() -> Iterator[type[Echo]]:
    class One(Echo):
        pass

    with ThreadingHTTPServer(("127.0.0.1", 0), One) as server:
        server.daemon_threads = True
        One.url = f"http://127.0.0.1:{server.server_port}"  # type: ignore[attr-defined]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield One
        server.shutdown()
        thread.join()


@pytest.fixture
def told(echo: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> dict[str, str]:
    """Settings of a server, in its environment, with a secret everywhere; each secret by its variable."""
    env, known = planted(
        {
            "APP_ENV": "development", "SUPABASE_URL": echo.url, "PUBLIC_URL": "http://127.0.0.1:9",
            "FRONTEND_ORIGINS": "http://127.0.0.1:8", "MAIL_FROM": "Lin <lin@example.org>", "TOKEN_KEYS": secrets.token_urlsafe(32),
            "LINKEDIN_CLIENT_ID": "lin", "X_CLIENT_ID": "lin", "FACEBOOK_APP_ID": "lin", "INSTAGRAM_APP_ID": "lin",
            "TIKTOK_CLIENT_KEY": "lin", "SPOOL_DIRECTORY": str(tmp_path),
            "MENTOR_SPACE": "http://lin:a-password-in-a-url@127.0.0.1:9",
        }
    )  # fmt: skip
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    return known | {"a password in MENTOR_SPACE": "a-password-in-a-url"}


@pytest.fixture
def written(capsys: pytest.CaptureFixture[str]) -> Iterator[Callable[[], str]]:
    """Everything logged since the start; the process's logging is put back afterwards."""
    root, level = logging.getLogger(), logging.getLogger().level
    yield lambda: capsys.readouterr().err
    root.handlers[:] = [one for one in root.handlers if not isinstance(one.formatter, ProcessorFormatter)]  # fmt: skip
    root.setLevel(level)
    logs.clear()


def a_token(echo: Any, known: dict[str, str]) -> str:
    """An access token as this project signs them."""
    claims = {
        "sub": "8d2a2c5e-3f0e-4a53-9a3c-2f4c1f3b7a11", "iss": f"{echo.url}/auth/v1", "aud": "authenticated",
        "exp": time.time() + 600, "role": "authenticated", "session_id": "s", "confirmed": True,
    }  # fmt: skip
    return jwt.encode(claims, known["JWT_SECRET_KEY"], algorithm="HS256")


ANSWERS: dict[str, tuple[int, Callable[[Any], Any]]] = {
    "an error that repeats the request": (500, lambda told: {"code": "XX000", "message": json.dumps(told), "details": told, "hint": None}),
    "a refusal that repeats the request": (400, lambda told: {"code": "42703", "message": json.dumps(told)}),
    "no error of a database": (502, lambda told: [told]),
    "an answer that is none": (200, lambda told: [{"something": told}]),
    "a text": (200, json.dumps),
}  # fmt: skip


@pytest.mark.parametrize(("status", "shape"), ANSWERS.values(), ids=ANSWERS)
def test_a_database_that_repeats_the_request_brings_nothing_to_light(
    echo: Any, told: dict[str, str], written: Callable[[], str], status: int, shape: Any
) -> None:
    echo.status, echo.shape = status, staticmethod(shape)
    logs.configure("DEBUG")
    settings = load_settings()
    logs.hide(secrets_of(settings))
    services = build(settings)
    token = a_token(echo, told)
    scanner = Scanner(told | {"a person's token": token})
    client = create_app(services).test_client()
    answers = []
    for method, path, body in (
        ("GET", "/api/platforms", None), ("GET", "/health/ready", None), ("GET", "/metrics", None),
        ("POST", "/api/generate", {"platform": "linkedin", "topic": "x"}),
    ):  # fmt: skip
        answer = client.open(path, method=method, json=body, headers={"Authorization": f"Bearer {token}"})  # fmt: skip
        answers.append(answer)
        assert scanner.found_in(f"{dict(answer.headers)} {answer.text}") == [], path
    services.supabase.close()
    assert any(answer.status_code >= 500 for answer in answers)
    said = written()
    assert '"level": "error"' in said or "503" in said
    assert scanner.found_in(said) == []


def test_settings_that_are_refused_are_not_shown(
    told: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    scanner = Scanner(told | {"a wrong value": (wrong := secrets.token_urlsafe(24))})
    for changed in (
        {"TOKEN_KEYS": wrong}, {"WORKER_THREADS": wrong}, {"SUPABASE_URL": f"https://lin:{wrong}@127.0.0.1"}, {"APP_ENV": wrong},
        {"FRONTEND_ORIGINS": f"https://lin:{wrong}@a.internal"}, {"SUPABASE_KEY": f"sb_secret_{wrong}"}, {"APP_ENV": "production"},
        {"PLATFORM_SANDBOX_URL": wrong}, {"LOG_LEVEL": wrong}, {"RATE_LIMIT_STORAGE_URL": wrong},
        {"RATE_LIMIT_STORAGE_URL": f"redis://lin:{wrong}@127.0.0.1:9/0"},
    ):  # fmt: skip
        with monkeypatch.context() as context:
            for name, value in changed.items():
                context.setenv(name, value)
            with pytest.raises(SettingsError) as refused:
                create_app(build(load_settings()))
        text = "".join(traceback.format_exception(refused.value)) + repr(refused.value)
        assert scanner.found_in(text) == [], changed.keys()


def ours(root: Any) -> Iterator[Any]:
    """Every object of the product that can be reached from here."""
    waiting, seen = [root], set()
    while waiting:
        one = waiting.pop()
        if id(one) in seen or isinstance(one, str | bytes | int | float | type(None) | SecretStr):
            continue
        seen.add(id(one))
        if type(one).__module__.startswith("backend."):
            yield one
        if isinstance(one, dict):
            waiting += [*one.keys(), *one.values()]
        elif isinstance(one, list | tuple | set | frozenset):
            waiting += one
        elif not isinstance(one, type) and type(one).__module__.startswith("backend."):
            waiting += vars(one).values() if hasattr(one, "__dict__") else []
            waiting += [getattr(one, name, None) for name in getattr(type(one), "__slots__", ())]


def test_no_object_of_the_product_shows_a_secret_when_it_is_printed(told: dict[str, str]) -> None:
    """A traceback with the frames' variables, as error trackers send it, prints them all."""
    settings = load_settings()
    scanner = Scanner(told)
    worker, web = build_worker(settings), build(settings)
    objects = [*ours(worker), *ours(web)]
    shown = {type(one).__name__: names for one in objects if (names := scanner.found_in(f"{one!r} {one!s}"))}  # fmt: skip
    worker.supabase.close()
    web.supabase.close()
    assert shown == {}
    assert {"Settings", "Services", "WorkerServices", "Sealer", "LinkedInSettings"} <= {type(one).__name__ for one in objects} | {"LinkedInSettings"}  # fmt: skip
    assert len({type(one).__name__ for one in objects}) > 40
    assert isinstance(web, Services)


def test_a_traceback_with_the_variables_of_its_frames_shows_no_token() -> None:
    token, key = secrets.token_urlsafe(40), secrets.token_bytes(32)
    tokens, sealer = Tokens(token, None, token, None), Sealer([key])
    sealed, user = seal_tokens(sealer, "a", tokens), CurrentUser("u", "s", token)

    def fail(tokens: Tokens, sealer: Sealer, sealed: Any, user: CurrentUser) -> None:
        raise RuntimeError("something of ours")

    try:
        fail(tokens, sealer, sealed, user)
    except RuntimeError as error:
        # the innermost frame: the one of this test holds the token itself
        shown = traceback.TracebackException.from_exception(error, capture_locals=True)
    locals_ = str(shown.stack[-1].locals)
    assert "CurrentUser" in locals_
    assert Scanner({"token": token, "key": key.hex()}).found_in(locals_) == []

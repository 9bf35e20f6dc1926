"""Settings: read once, refused early, with messages that name the variable and never show a secret."""

from __future__ import annotations

import base64
import secrets
from pathlib import Path

import pytest

from backend.platforms import PLATFORMS
from backend.platforms.linkedin import LinkedIn
from backend.settings import Settings, SettingsError, load_settings, read_settings, variable_of

KEY = base64.urlsafe_b64encode(bytes(range(32))).decode().rstrip("=")
GOOD = {
    "SUPABASE_URL": "https://project.supabase.co",
    "SUPABASE_KEY": "sb_publishable_abc",
    "SUPABASE_SECRET_KEY": "sb_secret_abc",
    "PUBLIC_URL": "https://api.example.org",
    "FRONTEND_ORIGINS": "https://app.example.org",
    "TOKEN_KEYS": KEY,
}


@pytest.fixture(autouse=True)
def empty_surroundings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No variable of ours in the environment, and no .env in the working directory."""
    names = {
        variable_of(one, name)
        for one in (Settings, *(platform.Settings for platform in PLATFORMS.values()))
        for name in one.model_fields
    }
    for name in names | {"CLIENT_ID", "CLIENT_SECRET", "REDIRECT_URL"}:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> object:
    def load(**changed: str | None) -> Settings:
        for name, value in (GOOD | changed).items():
            if value is not None:
                monkeypatch.setenv(name, value)
        settings = load_settings()
        for platform in PLATFORMS.values():  # as the server does at its start
            read_settings(platform.Settings)
        return settings

    return load


def test_the_least_that_is_needed_is_enough(read) -> None:  # type: ignore[no-untyped-def]
    settings = read()
    assert settings.app_env == "production"
    assert settings.token_key_bytes() == (bytes(range(32)),)
    assert settings.frontend_origins == ("https://app.example.org",)


@pytest.mark.parametrize("name", GOOD)
def test_what_is_missing_is_named(read, name: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(SettingsError) as refused:
        read(**{name: None})
    assert str(refused.value) == f"Lin cannot start:\n  {name}: is missing\nSee .env.example."


def test_everything_that_is_wrong_is_said_at_once() -> None:
    with pytest.raises(SettingsError) as refused:
        load_settings()
    lines = str(refused.value).splitlines()
    assert {line.strip() for line in lines[1:-1]} == {f"{name}: is missing" for name in GOOD}


REFUSED = {
    "url without a scheme": ({"SUPABASE_URL": "project.supabase.co"}, "SUPABASE_URL: must be an http(s) URL"),
    "another scheme": ({"PUBLIC_URL": "ftp://api.example.org"}, "PUBLIC_URL: must be an http(s) URL"),
    "url with a query": ({"PUBLIC_URL": "https://api.example.org?a=b"}, "PUBLIC_URL: must be an http(s) URL without a query"),
    "url that cannot be read": ({"PUBLIC_URL": "https://[api"}, "PUBLIC_URL:"),
    "origin with a path": ({"FRONTEND_ORIGINS": "https://app.example.org/a"}, "FRONTEND_ORIGINS: entry 1 must be an origin only: scheme, host and port"),
    "second origin wrong": ({"FRONTEND_ORIGINS": "https://a.org, app.example.org"}, "FRONTEND_ORIGINS: entry 2 is not an http(s) origin such as https://app.example.org"),
    "origin with a password": ({"FRONTEND_ORIGINS": "https://me:hunter2hunter2@a.org"}, "FRONTEND_ORIGINS: entry 1 must be an origin only"),
    "no origin": ({"FRONTEND_ORIGINS": " , "}, "FRONTEND_ORIGINS: at least one origin is needed"),
    "any origin": ({"FRONTEND_ORIGINS": "*"}, "FRONTEND_ORIGINS: entry 1 is not an http(s) origin"),
    "origins by pattern": ({"FRONTEND_ORIGINS": "https://a.org,https://*.example.org"}, "FRONTEND_ORIGINS: entry 2 must name one host as browsers send it"),
    "origin that is a pattern": ({"FRONTEND_ORIGINS": "https://app(.example.org"}, "FRONTEND_ORIGINS: entry 1 must name one host"),
    "limits in an odd place": ({"RATE_LIMIT_STORAGE_URL": "memcached://:hunter2hunter2@a"}, "RATE_LIMIT_STORAGE_URL: must be memory://, redis://"),
    "a limit that lets nobody in": ({"RATE_LIMIT_CHAT": "0"}, "RATE_LIMIT_CHAT: Input should be greater than or equal to 1"),
    "too many proxies": ({"TRUSTED_PROXIES": "all"}, "TRUSTED_PROXIES: Input should be a valid integer"),
    "short key": ({"TOKEN_KEYS": "c2hvcnQ"}, "TOKEN_KEYS: key 1 is not 32 bytes in base64url"),
    "second key wrong": ({"TOKEN_KEYS": f"{KEY},hunter2hunter2"}, "TOKEN_KEYS: key 2 is not 32 bytes in base64url"),
    "no key": ({"TOKEN_KEYS": " , "}, "TOKEN_KEYS: at least one key is needed"),
    "half of the credentials": ({"LINKEDIN_CLIENT_ID": "86abc"}, "the environment: LINKEDIN_CLIENT_ID and LINKEDIN_CLIENT_SECRET go together"),
    "other half": ({"CLIENT_SECRET": "hunter2hunter2"}, "go together: one of them is missing"),
    "odd version": ({"LINKEDIN_VERSION": "2026-09"}, "LINKEDIN_VERSION: String should match pattern"),
    "odd environment": ({"APP_ENV": "staging"}, "APP_ENV: Input should be 'development' or 'production'"),
    "odd log level": ({"LOG_LEVEL": "LOUD"}, "LOG_LEVEL: Input should be"),
    "no threads": ({"WORKER_THREADS": "0"}, "WORKER_THREADS: Input should be greater than or equal to 1"),
    "threads in words": ({"WORKER_THREADS": "many"}, "WORKER_THREADS: Input should be a valid integer"),
    "long lease": ({"PUBLISH_LEASE_SECONDS": "601"}, "PUBLISH_LEASE_SECONDS: Input should be less than or equal to 600"),
    "answers outlive the lease": ({"PUBLISH_LEASE_SECONDS": "30"}, "PLATFORM_TIMEOUT_SECONDS must stay below PUBLISH_LEASE_SECONDS"),
    "endless drafts": ({"GENERATION_DEADLINE_SECONDS": "1e9"}, "GENERATION_DEADLINE_SECONDS: Input should be less"),
    "mail without a sender": ({"SMTP_URL": "smtp://lin:hunter2hunter2@a.org"}, "the environment: SMTP_URL and MAIL_FROM go together"),
    "a sender without mail": ({"MAIL_FROM": "lin@a.org"}, "SMTP_URL and MAIL_FROM go together"),
    "mail by http": ({"SMTP_URL": "http://a.org", "MAIL_FROM": "lin@a.org"}, "SMTP_URL: must be smtp://HOST:PORT"),
    "password not encoded": ({"SMTP_URL": "smtp://lin:hunter2hunter2/@a.org", "MAIL_FROM": "lin@a.org"}, "SMTP_URL: must be smtp://HOST:PORT"),
    "no address": ({"SMTP_URL": "smtp://a.org", "MAIL_FROM": "Lin"}, "MAIL_FROM: must be an address such as Lin <lin@example.org>"),
    "sandbox in production": ({"PLATFORM_SANDBOX_URL": "http://127.0.0.1:1"}, "with APP_ENV=production: PLATFORM_SANDBOX_URL must not be set"),
    "private origins in production": ({"FETCH_PRIVATE_ORIGINS": "http://127.0.0.1:1"}, "with APP_ENV=production: FETCH_PRIVATE_ORIGINS must not be set"),
    "plain http in production": ({"PUBLIC_URL": "http://api.example.org"}, "with APP_ENV=production: PUBLIC_URL must be https"),
    "plain Supabase in production": ({"SUPABASE_URL": "http://127.0.0.1:1"}, "with APP_ENV=production: SUPABASE_URL must be https"),
}  # fmt: skip


@pytest.mark.parametrize(("changed", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_an_odd_value_is_refused_with_its_name_and_reason(
    read, changed: dict[str, str], message: str
) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(SettingsError) as refused:
        read(**changed)
    assert message in str(refused.value)
    assert "hunter2hunter2" not in str(refused.value)
    assert refused.value.__cause__ is None
    assert refused.value.__suppress_context__


def test_development_may_be_plain_and_sandboxed(read) -> None:  # type: ignore[no-untyped-def]
    settings = read(
        APP_ENV="development", PUBLIC_URL="http://127.0.0.1:15480/", SUPABASE_URL="http://127.0.0.1:15421",
        PLATFORM_SANDBOX_URL="http://127.0.0.1:15430/", FETCH_PRIVATE_ORIGINS="http://127.0.0.1:15460/",
    )  # fmt: skip
    assert settings.platform_sandbox_url == "http://127.0.0.1:15430"
    assert settings.public_url == "http://127.0.0.1:15480"
    assert settings.fetch_private_origins == ("http://127.0.0.1:15460",)


def test_origins_are_kept_as_browsers_send_them(read) -> None:  # type: ignore[no-untyped-def]
    settings = read(FRONTEND_ORIGINS="HTTPS://App.Example.org/ , http://localhost:5173,")
    assert settings.frontend_origins == ("https://app.example.org", "http://localhost:5173")


def test_the_names_of_the_source_requirements_are_accepted_as_well(read) -> None:  # type: ignore[no-untyped-def]
    read(CLIENT_ID="86abc", CLIENT_SECRET="s", REDIRECT_URL="https://a.example/cb")
    settings = read_settings(LinkedIn.Settings)
    assert (settings.client_id, settings.secret) == ("86abc", "s")
    assert settings.redirect_url == "https://a.example/cb"


def test_an_empty_value_counts_as_not_set(read) -> None:  # type: ignore[no-untyped-def]
    settings = read(LINKEDIN_CLIENT_ID="", JWT_SECRET_KEY="", WRITER_SPACE="", LOG_LEVEL="")
    assert (read_settings(LinkedIn.Settings).client_id, settings.jwt_secret_key) == (None, None)
    assert (settings.writer_space, settings.log_level) == (None, "INFO")


def test_a_file_named_env_is_read_and_the_environment_wins(read, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / ".env").write_text("LOG_LEVEL=DEBUG\nWRITER_SPACE=owner/name\nUNKNOWN=1\n")
    settings = read(LOG_LEVEL="ERROR")
    assert (settings.log_level, settings.writer_space) == ("ERROR", "owner/name")


def test_no_secret_shows_in_the_settings_when_they_are_printed(read) -> None:  # type: ignore[no-untyped-def]
    hidden = {
        "SUPABASE_KEY": "sb_publishable_" + secrets.token_hex(8),
        "SUPABASE_SECRET_KEY": "sb_secret_" + secrets.token_hex(8),
        "JWT_SECRET_KEY": secrets.token_hex(20),
        "TOKEN_KEYS": secrets.token_urlsafe(32),
        "LINKEDIN_CLIENT_SECRET": "WPL_AP1." + secrets.token_hex(8),
        "HUGGING_KEY": "hf_" + secrets.token_hex(8),
    }
    settings = read(LINKEDIN_CLIENT_ID="86abc", **hidden)
    shown = (
        repr(settings) + str(settings) + repr(settings.model_dump()) + settings.model_dump_json()
    )
    assert not [name for name, value in hidden.items() if value in shown]

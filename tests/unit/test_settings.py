"""Settings: read once, refused early, with messages that name the variable and never show a secret."""

from __future__ import annotations

import base64
import re
import secrets
from pathlib import Path

import jwt
import pytest

from backend import production
from backend.platforms import PLATFORMS
from backend.platforms.linkedin import LinkedIn
from backend.services import build
from backend.settings import Settings, SettingsError, load_settings, read_settings, variable_of

KEY = base64.urlsafe_b64encode(bytes(range(32))).decode().rstrip("=")
GOOD = {
    "SUPABASE_URL": "https://project.supabase.co",
    "SUPABASE_KEY": "sb_publishable_abc",
    "SUPABASE_SECRET_KEY": "sb_secret_abc",
    "PUBLIC_URL": "https://api.lin.internal",
    "FRONTEND_ORIGINS": "https://app.lin.internal",
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
    assert settings.frontend_origins == ("https://app.lin.internal",)


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
    "url with a password": ({"SUPABASE_URL": "https://me:hunter2hunter2@project.supabase.co"}, "SUPABASE_URL: must not hold a user name or password"),
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
    "the same key twice": ({"TOKEN_KEYS": f"{KEY},{KEY}"}, "TOKEN_KEYS: key 2 is there twice"),
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
    "a password that cannot be sent": ({"SMTP_URL": "smtp://lin:hunter2hunter2%C3%B6@a.org", "MAIL_FROM": "lin@a.org"}, "SMTP_URL: must have a user and a password of ASCII"),
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


def legacy(role: str, secret: str = "s" * 40, **claims: str) -> str:
    """A key of the older kind, a token; `role` "anon", "service_role", or "authenticated" for a person's."""
    return jwt.encode({"iss": "supabase", "ref": "abc", "role": role} | claims, secret, algorithm="HS256")  # fmt: skip


NEW_KIND = "sb_"  # apart from the rest: what everybody knows would look like a leaked key
TEXT_KEY = base64.urlsafe_b64encode(b"correct-horse-battery-staple-abc").decode()
IN_PRODUCTION = {
    "a sandbox": ("PLATFORM_SANDBOX_URL", "http://127.0.0.1:15430", "must not be set"),
    "private origins": ("FETCH_PRIVATE_ORIGINS", "http://127.0.0.1:15460", "must not be set"),
    "a plain address": ("PUBLIC_URL", "http://api.lin.internal", "must be https"),
    "an address of this machine": ("PUBLIC_URL", "https://localhost:8000", "is an address of this machine"),
    "the manual's address": ("PUBLIC_URL", "https://api.example.org", "is an example's address"),
    "a local Supabase": ("SUPABASE_URL", "http://127.0.0.1:54321", "must be https; SUPABASE_URL is an address of this machine"),
    "a local Supabase with TLS": ("SUPABASE_URL", "https://127.0.0.1:54321", "is an address of this machine"),
    "the manual's project": ("SUPABASE_URL", "https://YOUR-PROJECT.supabase.co", "is an example's address"),
    "a plain frontend": ("FRONTEND_ORIGINS", "https://app.lin.internal,http://app.lin.internal", "entry 2 must be https"),
    "a frontend on this machine": ("FRONTEND_ORIGINS", "https://app.localhost:5173", "entry 1 is an address of this machine"),
    "a frontend at ::1": ("FRONTEND_ORIGINS", "https://[::1]:5173", "entry 1 is an address of this machine"),
    "the manual's frontend": ("FRONTEND_ORIGINS", "https://app.example.org", "entry 1 is an example's address"),
    "no key at all": ("SUPABASE_KEY", "changeme-changeme", "is neither sb_publishable_… nor a legacy anon key"),
    "no secret key at all": ("SUPABASE_SECRET_KEY", "changeme-changeme", "is neither sb_secret_… nor a legacy service_role key"),
    "the demo's key": ("SUPABASE_KEY", legacy("anon", iss="supabase-demo"), "is the key of every local Supabase, which anybody knows"),
    "the demo's secret key": ("SUPABASE_SECRET_KEY", legacy("service_role", iss="supabase-demo"), "is the key of every local Supabase, which anybody knows"),
    "the new demo key": ("SUPABASE_KEY", NEW_KIND + "publishable_ACJWlzQHlZjBrEguHvfOxg_3BJgxAaH", "is the key of every local Supabase, which anybody knows"),
    "the new secret demo key": ("SUPABASE_SECRET_KEY", NEW_KIND + "secret_N7UND0UgjKTVK-Uodkm0Hg_xSvEMPvz", "is the key of every local Supabase, which anybody knows"),
    "a short signing secret": ("JWT_SECRET_KEY", "hunter2hunter2", "is shorter than 32 bytes"),
    "the demo's signing secret": ("JWT_SECRET_KEY", "super-secret-jwt-token-with-at-least-32-characters-long", "is the secret of every local Supabase, which anybody knows"),
    "the signing secret of self-hosting": ("JWT_SECRET_KEY", "your-super-secret-jwt-token-with-at-least-32-characters-long", "is the secret of every local Supabase"),
    "a sealing key of zeros": ("TOKEN_KEYS", f"{KEY},{'A' * 43}", "key 2 is not made at random"),
    "a sealing key of words": ("TOKEN_KEYS", TEXT_KEY, "key 1 is not made at random"),
    "the manual's writer": ("WRITER_SPACE", "owner/name", "is the example of .env.example"),
    "the manual's mentor": ("MENTOR_SPACE", "owner/name", "is the example of .env.example"),
    "the manual's voice": ("VOICE_SPACE", "owner/name", "is the example of .env.example"),
    "the manual's vectors": ("EMBEDDING_SPACE", "owner/name", "is the example of .env.example"),
}  # fmt: skip


@pytest.mark.parametrize(("name", "value", "reason"), IN_PRODUCTION.values(), ids=IN_PRODUCTION)
def test_production_does_not_start_with_what_is_for_development(
    read, name: str, value: str, reason: str
) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(SettingsError) as refused:
        read(**{name: value})
    said = str(refused.value)
    joint = ": " if reason.startswith("entry") or "made at random" in reason else " "
    assert f"with APP_ENV=production: {name}{joint}{reason}" in said
    assert value not in said
    assert not [part for part in value.split(",") if part in said]
    # a machine of one's own may have all of these
    read(**{"APP_ENV": "development", name: value})


def test_new_and_legacy_keys_are_taken(read) -> None:  # type: ignore[no-untyped-def]
    for publishable in ("sb_publishable_abc", legacy("anon")):
        for secret in ("sb_secret_abc", legacy("service_role")):
            settings = read(SUPABASE_KEY=publishable, SUPABASE_SECRET_KEY=secret, JWT_SECRET_KEY="j" * 32)  # fmt: skip
            assert settings.supabase_secret_key.get_secret_value() == secret


SWAPPED = {
    "secret for publishable": ("SUPABASE_KEY", "sb_secret_abc", "this is the secret key"),
    "service_role for anon": ("SUPABASE_KEY", legacy("service_role"), "this is the secret key"),
    "a person for anon": ("SUPABASE_KEY", legacy("authenticated"), "this is somebody's access token"),
    "publishable for secret": ("SUPABASE_SECRET_KEY", "sb_publishable_abc", "this is the publishable (or anon) key"),
    "anon for service_role": ("SUPABASE_SECRET_KEY", legacy("anon"), "this is the publishable (or anon) key"),
    "a person for service_role": ("SUPABASE_SECRET_KEY", legacy("authenticated"), "this is somebody's access token"),
}  # fmt: skip


@pytest.mark.parametrize("app_env", ["development", "production"])
@pytest.mark.parametrize(("name", "value", "reason"), SWAPPED.values(), ids=SWAPPED)
def test_a_key_in_the_place_of_another_is_refused_everywhere(
    read, app_env: str, name: str, value: str, reason: str
) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(SettingsError) as refused:
        read(**{"APP_ENV": app_env, name: value})
    assert f"  {name}: {reason}" in str(refused.value)
    assert value not in str(refused.value)


def test_the_manual_copied_with_keys_of_ones_own_is_refused_for_each_example_left_in_it(
    read,
) -> None:  # type: ignore[no-untyped-def]
    manual = (Path(__file__).resolve().parents[2] / ".env.example").read_text()
    left = dict(re.findall(r"^([A-Z][A-Z0-9_]*)=(.+)$", manual, re.MULTILINE))
    with pytest.raises(SettingsError) as refused:
        read(**(left | {name: GOOD[name] for name in ("SUPABASE_KEY", "SUPABASE_SECRET_KEY", "TOKEN_KEYS")}))  # fmt: skip
    said = str(refused.value)
    for name in ("PUBLIC_URL", "SUPABASE_URL", "FRONTEND_ORIGINS: entry 1"):
        assert f"{name} is an example's address" in said


def test_the_keys_known_to_anybody_are_not_written_down_here() -> None:
    source = Path(str(production.__file__)).read_text()
    assert not re.search(r"sb_(?:secret|publishable)_\w", source)
    assert len(production._KNOWN_TO_ANYBODY) == 4


@pytest.mark.parametrize("key", ["", "a.b.c", "....", "eyJ.e30.x", "eyJ.W10.x", "a.é.c", "sb_", "x" * 5000])  # fmt: skip
def test_what_is_no_key_is_of_no_kind(key: str) -> None:
    assert production.kind_of_key(key) == "unknown"


def test_a_plain_redirect_address_is_refused_in_production(
    read, monkeypatch: pytest.MonkeyPatch
) -> None:  # type: ignore[no-untyped-def]
    settings = read(X_REDIRECT_URL="http://127.0.0.1:8000/api/platforms/x/callback")
    with pytest.raises(SettingsError, match="X_REDIRECT_URL: must be https with APP_ENV=production"):  # fmt: skip
        build(settings)


def test_development_may_be_plain_and_sandboxed(read) -> None:  # type: ignore[no-untyped-def]
    settings = read(
        APP_ENV="development", PUBLIC_URL="http://127.0.0.1:15480/", SUPABASE_URL="http://127.0.0.1:15421",
        PLATFORM_SANDBOX_URL="http://127.0.0.1:15430/", FETCH_PRIVATE_ORIGINS="http://127.0.0.1:15460/",
    )  # fmt: skip
    assert settings.platform_sandbox_url == "http://127.0.0.1:15430"
    assert settings.public_url == "http://127.0.0.1:15480"
    assert settings.fetch_private_origins == ("http://127.0.0.1:15460",)


def test_origins_are_kept_as_browsers_send_them(read) -> None:  # type: ignore[no-untyped-def]
    settings = read(
        APP_ENV="development",
        FRONTEND_ORIGINS="HTTPS://App.Example.org/ , http://localhost:5173,",
    )
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
    (tmp_path / ".env").write_text("LOG_LEVEL=DEBUG\nWRITER_SPACE=ada/writer\nUNKNOWN=1\n")
    settings = read(LOG_LEVEL="ERROR")
    assert (settings.log_level, settings.writer_space) == ("ERROR", "ada/writer")


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

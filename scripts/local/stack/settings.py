"""What the environment already names, and the environment of the web server and the worker."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from .apps import VARIABLES, credentials
from .errors import StackError
from .secrets import Secrets

LINKEDIN_VERSION = "202609"
# tests, benches and demo are hundreds of people at one address; limits are tested where they are set
NO_RATE_LIMIT = "1000000"
RATE_LIMITS = ("USER", "ADDRESS", "CONNECT", "GENERATE", "CHAT", "SPEAK")
MAIL_FROM = "Lin <no-reply@lin.localhost>"


@dataclass(frozen=True, repr=False)
class Supabase:
    """A Supabase project to work against, however it came up."""

    url: str
    publishable_key: str
    secret_key: str
    database_url: str | None = None
    jwt_secret: str | None = None
    legacy_anon_key: str | None = None
    legacy_service_role_key: str | None = None
    mailbox_url: str | None = None
    smtp_url: str | None = None


def hosted_project(environ: Mapping[str, str]) -> Supabase | None:
    """The project that SUPABASE_URL and its keys name; None without SUPABASE_URL. Raises StackError if keys lack."""
    url = environ.get("SUPABASE_URL")
    if not url:
        return None
    publishable = environ.get("SUPABASE_KEY") or environ.get("SUPABASE_PUBLISHABLE_KEY")
    secret = environ.get("SUPABASE_SECRET_KEY")
    if not publishable or not secret:
        raise StackError(
            "SUPABASE_URL is set: set SUPABASE_KEY (publishable) and SUPABASE_SECRET_KEY as well"
        )
    return Supabase(
        url.rstrip("/"),
        publishable,
        secret,
        database_url=environ.get("DATABASE_URL"),
        jwt_secret=environ.get("JWT_SECRET_KEY"),
        mailbox_url=environ.get("MAILBOX_URL"),
    )


def plain_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """The caller's environment for the parts on this side of the wire: without keys that they have no use for, and
    without the tests' orders to measure coverage, because none of them runs the backend's code."""
    dropped = (
        "SUPABASE_",
        *(name for pair in VARIABLES.values() for name in pair),
        "TOKEN_KEYS",
        "JWT_SECRET_KEY",
        "DATABASE_URL",
        "HUGGING_KEY",
        "MODEL_KEY",
        "COVERAGE_PROCESS",
    )
    return {name: value for name, value in environ.items() if not name.startswith(dropped)}


def backend_environment(
    environ: Mapping[str, str],
    *,
    supabase: Supabase,
    secrets: Secrets,
    api_url: str,
    frontend_url: str,
    sandbox_url: str,
    space_url: str,
    smtp_url: str,
    spool_directory: str,
) -> dict[str, str]:
    """The environment of the web server and the worker; what the caller's environment names wins, except for the
    addresses of what was started here."""
    origins = [frontend_url, *environ.get("FRONTEND_ORIGINS", "").split(",")]
    defaults = {
        "APP_ENV": "development",
        "PUBLIC_URL": api_url,
        "TOKEN_KEYS": secrets.token_keys,
        **credentials(secrets.apps_seed),
        "LINKEDIN_VERSION": LINKEDIN_VERSION,
        # the sandbox's media is usable at once, and its TikTok app is audited
        "LINKEDIN_MEDIA_GRACE_SECONDS": "0",
        "TIKTOK_AUDITED": "true",
        "TIKTOK_PULL_PREFIX": f"{environ.get('PUBLIC_URL', api_url).rstrip('/')}/media/",
        "LOG_LEVEL": "INFO",
        **{f"RATE_LIMIT_{name}": NO_RATE_LIMIT for name in RATE_LIMITS},
        "SPOOL_DIRECTORY": spool_directory,
    }
    fixed = {
        "SUPABASE_URL": supabase.url,
        "SUPABASE_KEY": supabase.publishable_key,
        "SUPABASE_SECRET_KEY": supabase.secret_key,
        "FRONTEND_ORIGINS": ",".join(
            dict.fromkeys(origin.strip() for origin in origins if origin.strip())
        ),
        "WRITER_SPACE": space_url,
        "MENTOR_SPACE": environ.get("MENTOR_SPACE", space_url),
        "VOICE_SPACE": environ.get("VOICE_SPACE", space_url),
        "EMBEDDING_SPACE": environ.get("EMBEDDING_SPACE", space_url),
        # empty where there is no mail server: the worker then sends none
        "SMTP_URL": smtp_url,
        "MAIL_FROM": environ.get("MAIL_FROM", MAIL_FROM) if smtp_url else "",
        # the local frontend's feed lies on loopback, which the fetcher refuses otherwise
        "FETCH_PRIVATE_ORIGINS": frontend_url,
        "PLATFORM_SANDBOX_URL": sandbox_url,
        "PYTHONUNBUFFERED": "1",
    }
    dropped = {"PYTHONPATH", "DATABASE_URL"}
    inherited = {name: value for name, value in environ.items() if name not in dropped}
    return defaults | inherited | fixed

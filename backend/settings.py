"""Every variable of the environment, typed and read once. Nothing else reads the environment.

`.env.example` explains each variable to the operator; a test keeps the two equal.
"""

from __future__ import annotations

import base64
import binascii
import os
import re
import tempfile
from collections.abc import Iterator
from email.utils import parseaddr
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar
from urllib.parse import unquote, urlsplit

from pydantic import (
    AliasChoices,
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from . import production


class SettingsError(Exception):
    """The environment cannot be used; the message lists every variable and what is wrong with it."""


# a name or an IPv4 address, or an IPv6 address, and a port
_HOST = re.compile(r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?")


def _split(value: Any) -> Any:
    return (
        tuple(part.strip() for part in value.split(",") if part.strip())
        if isinstance(value, str)
        else value
    )


def _origin(number: int, url: str) -> str:
    """The origin of a URL as browsers send it. The message names the entry by number: it might hold a password."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"entry {number} is not an http(s) origin such as https://app.example.org")
    if parts.path.strip("/") or parts.query or parts.fragment or "@" in parts.netloc:
        raise ValueError(f"entry {number} must be an origin only: scheme, host and port")
    if not _HOST.fullmatch(parts.netloc):
        raise ValueError(
            f"entry {number} must name one host as browsers send it: without * (each frontend is an entry), in ASCII"
        )
    return f"{parts.scheme}://{parts.netloc.lower()}"


Origins = Annotated[tuple[str, ...], NoDecode]

_READING = SettingsConfigDict(
    env_file=".env", env_ignore_empty=True, extra="ignore", frozen=True, hide_input_in_errors=True,
    case_sensitive=False, populate_by_name=True,
)  # fmt: skip


class Settings(BaseSettings):
    """What this process was told. Secrets are SecretStr: they do not show in logs or tracebacks."""

    model_config = _READING

    app_env: Literal["development", "production"] = "production"
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"

    supabase_url: str
    supabase_key: SecretStr
    supabase_secret_key: SecretStr
    jwt_secret_key: SecretStr | None = None

    public_url: str
    frontend_origins: Origins
    token_keys: Annotated[tuple[SecretStr, ...], NoDecode]

    # an address may hold a password
    writer_space: str | None = Field(default=None, repr=False)
    mentor_space: str | None = Field(default=None, repr=False)
    voice_space: str | None = Field(default=None, repr=False)
    embedding_space: str | None = Field(default=None, repr=False)
    model_key: SecretStr | None = None
    hugging_key: SecretStr | None = None
    generation_deadline_seconds: float = Field(default=180, ge=1, le=1800)

    trusted_proxies: int = Field(default=0, ge=0, le=8)
    rate_limit_storage_url: SecretStr = SecretStr("memory://")
    # requests a minute
    rate_limit_user: int = Field(default=600, ge=1)
    rate_limit_address: int = Field(default=300, ge=1)
    rate_limit_connect: int = Field(default=30, ge=1)
    rate_limit_generate: int = Field(default=20, ge=1)
    rate_limit_chat: int = Field(default=30, ge=1)
    rate_limit_speak: int = Field(default=30, ge=1)

    smtp_url: SecretStr | None = None
    mail_from: str | None = None

    worker_threads: int = Field(default=16, ge=1, le=256)
    publish_lease_seconds: int = Field(default=60, ge=2, le=600)
    platform_timeout_seconds: float = Field(default=30, ge=1, le=300)
    breaker_seconds: float = Field(default=30, ge=0.1, le=600)
    spool_directory: Path = Field(
        default_factory=lambda: Path(tempfile.gettempdir()) / f"lin-spool-{os.getuid()}"
    )
    source_interval_seconds: int = Field(default=1800, ge=1)

    sentry_dsn: SecretStr | None = None
    otel_exporter_otlp_endpoint: str | None = None
    otel_exporter_otlp_headers: SecretStr | None = None
    otel_service_name: str = "lin"

    platform_sandbox_url: str | None = None
    fetch_private_origins: Origins = ()

    @field_validator("frontend_origins", "fetch_private_origins", mode="before")
    @classmethod
    def _read_origins(cls, value: Any) -> Any:
        return tuple(_origin(number, part) for number, part in enumerate(_split(value), 1))

    @field_validator("frontend_origins")
    @classmethod
    def _need_an_origin(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not value:
            raise ValueError("at least one origin is needed")
        return value

    @field_validator("token_keys", mode="before")
    @classmethod
    def _read_keys(cls, value: Any) -> Any:
        keys = _split(value)
        if not keys:
            raise ValueError("at least one key is needed")
        for number, key in enumerate(keys, 1):
            try:
                raw = base64.urlsafe_b64decode(f"{key}{'=' * (-len(key) % 4)}")
            except (binascii.Error, ValueError):
                raw = b""
            if len(raw) != 32:
                raise ValueError(
                    f"key {number} is not 32 bytes in base64url; see .env.example for how to make one"
                )
            if key in keys[: number - 1]:
                raise ValueError(f"key {number} is there twice")
        return keys

    @field_validator("supabase_key", "supabase_secret_key")
    @classmethod
    def _check_kind(cls, value: SecretStr, info: ValidationInfo) -> SecretStr:
        mistaken = production.misplaced(
            value.get_secret_value(),
            "publishable" if info.field_name == "supabase_key" else "secret",
        )
        if mistaken:
            raise ValueError(mistaken)
        return value

    @field_validator("sentry_dsn")
    @classmethod
    def _check_dsn(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            parts = urlsplit(value.get_secret_value())
            if parts.scheme not in ("http", "https") or not parts.username or not parts.path.strip("/").isdigit():  # fmt: skip
                raise ValueError("is not a DSN such as https://key@errors.example.org/1")
        return value

    @field_validator(
        "supabase_url", "public_url", "platform_sandbox_url", "otel_exporter_otlp_endpoint"
    )
    @classmethod
    def _check_url(cls, value: str | None) -> str | None:
        if value is None:
            return None
        parts = urlsplit(value)
        if (
            parts.scheme not in ("http", "https")
            or not parts.hostname
            or parts.query
            or parts.fragment
        ):
            raise ValueError("must be an http(s) URL without a query")
        if "@" in parts.netloc:
            raise ValueError("must not hold a user name or password")
        return value.rstrip("/")

    @field_validator("rate_limit_storage_url")
    @classmethod
    def _check_storage(cls, value: SecretStr) -> SecretStr:
        if not value.get_secret_value().startswith(("memory://", "redis://", "rediss://")):
            raise ValueError("must be memory://, redis://… or rediss://…")
        return value

    @field_validator("smtp_url")
    @classmethod
    def _check_mail_server(cls, value: SecretStr | None) -> SecretStr | None:
        if value is None:
            return None
        try:
            parts = urlsplit(value.get_secret_value())
            known = parts.scheme in ("smtp", "smtps") and bool(parts.hostname) and parts.port != 0
            usable = known and not (parts.path.strip("/") or parts.query or parts.fragment)
        except ValueError:  # a password that is not encoded ends up as a port, and in the message
            usable = False
        if not usable:
            raise ValueError(
                "must be smtp://HOST:PORT or smtps://HOST:PORT, with USER:PASSWORD@ (encoded) where the server asks for it"
            )
        if not unquote(f"{parts.username}{parts.password}").isascii():
            # smtplib signs in with nothing else
            raise ValueError("must have a user and a password of ASCII letters, digits and signs")
        return value

    @field_validator("mail_from")
    @classmethod
    def _check_sender(cls, value: str | None) -> str | None:
        if value is not None and not re.fullmatch(r"[^@\s]+@[^@\s]+", parseaddr(value)[1]):
            raise ValueError("must be an address such as Lin <lin@example.org>")
        return value

    @model_validator(mode="after")
    def _check_together(self) -> Settings:
        if bool(self.smtp_url) != bool(self.mail_from):
            raise ValueError("SMTP_URL and MAIL_FROM go together: one of them is missing")
        if self.platform_timeout_seconds >= self.publish_lease_seconds:
            raise ValueError(
                "PLATFORM_TIMEOUT_SECONDS must stay below PUBLISH_LEASE_SECONDS, or a slow answer outlives its lease"
            )
        if self.app_env == "production" and (refused := list(self._not_for_production())):
            raise ValueError(f"with APP_ENV=production: {'; '.join(refused)}")
        return self

    def _not_for_production(self) -> Iterator[str]:
        """Everything here that is for development only, or known to anybody."""
        for name in ("platform_sandbox_url", "fetch_private_origins"):
            if getattr(self, name):
                yield f"{name.upper()} must not be set"
        for name in ("public_url", "supabase_url"):
            yield from production.wrong_addresses(name.upper(), [getattr(self, name)])
        yield from production.wrong_addresses("FRONTEND_ORIGINS", self.frontend_origins, numbered=True)  # fmt: skip
        publishable, secret = self.supabase_key, self.supabase_secret_key
        yield from production.wrong_key("SUPABASE_KEY", publishable.get_secret_value(), "publishable")  # fmt: skip
        yield from production.wrong_key("SUPABASE_SECRET_KEY", secret.get_secret_value(), "secret")
        if self.jwt_secret_key:
            yield from production.wrong_signing_secret("JWT_SECRET_KEY", self.jwt_secret_key.get_secret_value())  # fmt: skip
        yield from production.wrong_sealing_keys("TOKEN_KEYS", self.token_key_bytes())
        for name in ("writer_space", "mentor_space", "voice_space", "embedding_space"):
            yield from production.wrong_space(name.upper(), getattr(self, name))

    def token_key_bytes(self) -> tuple[bytes, ...]:
        """The sealing keys, newest first, 32 bytes each."""
        values = (key.get_secret_value() for key in self.token_keys)
        return tuple(
            base64.urlsafe_b64decode(f"{value}{'=' * (-len(value) % 4)}") for value in values
        )


class PlatformSettings(BaseSettings):
    """What one platform is told. A platform's own subclass sits beside its class and says how its variables begin
    (`class XSettings(PlatformSettings, env_prefix="X_")`), or names one by `validation_alias`."""

    model_config = _READING

    client_id: str | None = None
    client_secret: SecretStr | None = None
    # where the platform sends browsers back, when that is not PUBLIC_URL + /api/platforms/<platform>/callback
    redirect_url: str | None = None

    @model_validator(mode="after")
    def _check_credentials(self) -> PlatformSettings:
        if bool(self.client_id) != bool(self.client_secret):
            names = (variable_of(type(self), name) for name in ("client_id", "client_secret"))
            raise ValueError(f"{' and '.join(names)} go together: one of them is missing")
        return self

    @property
    def secret(self) -> str:
        """The client secret in the clear, empty without one."""
        return self.client_secret.get_secret_value() if self.client_secret else ""


Read = TypeVar("Read", bound=BaseSettings)


def secrets_of(settings: BaseSettings) -> Iterator[str]:
    """Every secret in the clear; of an address, the password in it."""
    for _, value in settings:
        for one in value if isinstance(value, tuple) else (value,):
            if isinstance(one, SecretStr):
                yield production.secret_part(one.get_secret_value())


def variable_of(settings: type[BaseSettings], field: str) -> str:
    """The environment variable of a field, by its first name."""
    alias = settings.model_fields[field].validation_alias
    if isinstance(alias, AliasChoices):
        alias = str(alias.choices[0])
    return str(alias or f"{settings.model_config.get('env_prefix', '')}{field}").upper()


def load_settings(**overrides: Any) -> Settings:
    """Read the environment (and `.env`). Raises SettingsError with one line per variable, without any value."""
    return read_settings(Settings, **overrides)


def read_settings(settings: type[Read], **overrides: Any) -> Read:
    """The same for any class of settings, a platform's too."""
    try:
        return settings(**overrides)
    except ValidationError as error:
        lines = []
        for problem in error.errors(include_input=False, include_url=False):
            name = _named(settings, str(problem["loc"][0])) if problem["loc"] else "the environment"
            message = (
                "is missing"
                if problem["type"] == "missing"
                else problem["msg"].removeprefix("Value error, ")
            )
            lines.append(f"  {name}: {message}")
        raise SettingsError(
            "Lin cannot start:\n" + "\n".join(lines) + "\nSee .env.example."
        ) from None


def _named(settings: type[BaseSettings], place: str) -> str:
    """The variable at fault. pydantic tells a field by its alias where it has one."""
    return variable_of(settings, place) if place in settings.model_fields else place.upper()

"""Every secret that the settings know, filled with a value that is recognised wherever it turns up."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from typing import Any, get_args
from urllib.parse import urlsplit, urlunsplit

from pydantic import SecretStr
from pydantic_settings import BaseSettings

import backend.services  # noqa: F401 - with it every class of settings is known
from backend.settings import variable_of

# Secrets with a shape of their own: how a made-up value is written.
SHAPES = {
    "HUGGING_KEY": "hf_{}",
    "RATE_LIMIT_STORAGE_URL": "memory://lin:{}@nowhere",
    "SMTP_URL": "smtp://lin:{}@127.0.0.1:9",
    "SENTRY_DSN": "http://{}@127.0.0.1:9/1",
}


def classes(of: type[BaseSettings] = BaseSettings) -> Iterator[type[BaseSettings]]:
    """Every class of settings of the product."""
    for one in of.__subclasses__():
        if one.__module__.startswith("backend."):
            yield one
        yield from classes(one)


def holds_a_secret(annotation: Any) -> bool:
    """Whether a field of this type has a SecretStr in it."""
    return annotation is SecretStr or any(holds_a_secret(one) for one in get_args(annotation))


def secret_variables() -> list[str]:
    """The variables of all secrets, of whatever class."""
    return sorted(
        {
            variable_of(one, name)
            for one in classes()
            for name, field in one.model_fields.items()
            if holds_a_secret(field.annotation)
        }
        - {"CLIENT_SECRET"}  # of no platform: the class that all platforms' settings come from
    )


def planted(environment: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """The environment with a value for every secret, and each secret by its variable.

    What the stack needs keeps its value, which is as random; an address gets a password.
    """
    filled, known = dict(environment), {}
    for variable in secret_variables():
        made = secrets.token_urlsafe(30)
        value = environment.get(variable, "")
        if "://" in value:
            parts = urlsplit(value)
            host = parts.netloc.rpartition("@")[2]
            filled[variable] = urlunsplit(parts._replace(netloc=f"lin:{made}@{host}"))
            known[variable] = made
        elif value:
            known |= {f"{variable} {number}": one for number, one in enumerate(value.split(","), 1)}
        else:
            filled[variable] = SHAPES.get(variable, "{}").format(made)
            known[variable] = made
    return filled, known

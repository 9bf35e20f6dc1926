"""Refusals that repeat the request: what a platform says of a token may hold it, and is stored and shown to people."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from backend.core.hiding import Hider

# The fields of queries and forms that carry credentials, on any platform.
_FIELDS = frozenset(
    {
        "access_token", "appsecret_proof", "client_secret", "code", "code_verifier", "fb_exchange_token", "id_token",
        "input_token", "refresh_token", "token",
    }
)  # fmt: skip


def without_credentials(
    body: bytes, url: str, headers: Mapping[str, str] | None, *fields: Mapping[str, Any] | None
) -> bytes:
    """The body of a refusal without the credentials that the request carried in its headers, its URL, its query or form."""
    hider = Hider(_credentials(url, headers, fields))
    text = body.decode("utf-8", "surrogateescape")
    return hider.without(text).encode("utf-8", "surrogateescape")


def _credentials(
    url: str, headers: Mapping[str, str] | None, fields: tuple[Mapping[str, Any] | None, ...]
) -> Iterator[str]:
    for name, value in (headers or {}).items():
        if name.lower() == "authorization":
            yield from _of_header(value)
    for given in (*fields, dict(parse_qsl(urlsplit(url).query))):
        yield from (str(value) for name, value in (given or {}).items() if name in _FIELDS)


def _of_header(value: str) -> Iterator[str]:
    scheme, _, credential = value.partition(" ")
    yield credential
    if scheme.lower() == "basic":
        try:
            yield base64.b64decode(credential).decode().partition(":")[2]
        except (binascii.Error, UnicodeDecodeError):
            return

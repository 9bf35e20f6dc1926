"""Download what a platform was told to fetch by URL, as the platform would: from outside.

A platform reaches public addresses only. On the local stack nothing is public, so the origins in
``World.public_origins`` (``SANDBOX_PUBLIC_ORIGINS``, ``POST /_control/origins``) count as if they
were: any scheme and any address is right for them.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Collection
from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit

import requests

_SECONDS = 10.0
_CHUNK = 256 * 1024
_REDIRECTS = (301, 302, 303, 307, 308)


@dataclass(frozen=True)
class Fetched:
    """What was at the address. ``content_type`` is as the server said, without parameters."""

    url: str
    data: bytes
    content_type: str


class FetchError(Exception):
    """The address gave nothing.

    ``reason`` is ``malformed``, ``scheme``, ``private``, ``redirect``, ``unreachable``,
    ``timeout``, ``status`` or ``too_large``; the message is for people.
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


def fetch(
    url: str,
    public_origins: Collection[str],
    *,
    largest: int,
    redirects: int = 5,
    schemes: tuple[str, ...] = ("https",),
    seconds: float = _SECONDS,
) -> Fetched:
    """GET ``url`` and read at most ``largest`` bytes.

    ``redirects`` is how many are followed (0: a redirect is an error), each judged like the first
    address; ``seconds`` bounds the wait for each piece. Raises FetchError.
    """
    for _ in range(redirects + 1):
        check_public(url, public_origins, schemes)
        try:
            answer = _http().get(url, timeout=seconds, allow_redirects=False, stream=True)
        except requests.Timeout:
            raise FetchError("timeout", f"{url} did not answer in {seconds:g} s") from None
        except requests.RequestException as error:
            raise FetchError("unreachable", f"{url}: {type(error).__name__}") from None
        with answer:
            if answer.status_code not in _REDIRECTS:
                return _read(url, answer, largest)
            url = urljoin(url, answer.headers.get("Location", ""))
    raise FetchError("redirect", f"more than {redirects} redirects, the last to {url}")


def check_public(
    url: str, public_origins: Collection[str], schemes: tuple[str, ...] = ("https",)
) -> None:
    """Whether a platform could reach this address at all. Raises FetchError.

    The name is looked up here and again when it is fetched: good enough for a stand-in, a real
    platform has to hold on to the address it judged.
    """
    parts = urlsplit(url)
    try:
        host, port = parts.hostname, parts.port
    except ValueError:
        raise FetchError("malformed", f"{url} has no valid port") from None
    if f"{parts.scheme}://{parts.netloc}" in public_origins:
        return
    if not parts.scheme or not host:
        raise FetchError("malformed", f"{url!r} is not an absolute URL")
    if parts.scheme not in schemes:
        raise FetchError("scheme", f"{parts.scheme} is not {' or '.join(schemes)}")
    try:
        found = socket.getaddrinfo(host, port or parts.scheme, type=socket.SOCK_STREAM)
    except OSError:
        raise FetchError("unreachable", f"there is no host {host}") from None
    for entry in found:
        if not ipaddress.ip_address(str(entry[4][0]).partition("%")[0]).is_global:
            raise FetchError("private", f"{host} is not a public address")


def _http() -> requests.Session:
    # A proxy of this computer is not how a platform reaches the world.
    http = requests.Session()
    http.trust_env = False
    return http


def _read(url: str, answer: requests.Response, largest: int) -> Fetched:
    if not answer.ok:
        raise FetchError("status", f"{url} answered {answer.status_code}")
    data = bytearray()
    try:
        for piece in answer.iter_content(_CHUNK):
            data += piece
            if len(data) > largest:
                raise FetchError("too_large", f"{url} has more than {largest} bytes")
    except requests.Timeout:
        raise FetchError("timeout", f"{url} stopped in the middle") from None
    except requests.RequestException as error:
        raise FetchError("unreachable", f"{url}: {type(error).__name__}") from None
    kind = answer.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    return Fetched(url, bytes(data), kind)


def origins(text: str) -> tuple[str, ...]:
    """``SANDBOX_PUBLIC_ORIGINS``: ``http://127.0.0.1:15421,…``. Raises ValueError."""
    return tuple(map(origin, filter(None, map(str.strip, text.split(",")))))


def origin(text: str) -> str:
    """``scheme://host[:port]`` without a slash at the end. Raises ValueError."""
    parts = urlsplit(text.rstrip("/"))
    if parts.scheme not in ("http", "https") or not parts.netloc or parts.path or parts.query:
        raise ValueError(f"{text!r} is not an origin such as https://media.example")
    return f"{parts.scheme}://{parts.netloc}"

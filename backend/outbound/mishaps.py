"""What went wrong on the wire, in words that are safe to show: never a URL, header or body."""

from __future__ import annotations

import http.client
import socket
import ssl
from collections.abc import Iterator

import requests
from urllib3 import exceptions as urllib3
from urllib3.util.ssl_match_hostname import CertificateError

from .wire import Exchange

# The first line whose types occur anywhere in the chain of causes decides, so special before general.
_WORDS: tuple[tuple[tuple[type[BaseException], ...], str], ...] = (
    ((socket.gaierror, urllib3.NameResolutionError), "its name could not be looked up"),
    ((CertificateError,), "its certificate is for another name"),
    ((ssl.SSLError, urllib3.SSLError), "no encrypted connection could be made"),
    ((ConnectionRefusedError,), "it refused the connection"),
    ((http.client.RemoteDisconnected,), "it closed the connection without an answer"),
    ((http.client.IncompleteRead, urllib3.IncompleteRead), "its answer was cut off"),
    ((TimeoutError, urllib3.TimeoutError), "it did not answer in time"),
    ((ConnectionError,), "it broke the connection"),
    ((urllib3.DecodeError,), "its answer could not be unpacked"),
    (
        (
            requests.exceptions.InvalidURL,
            requests.exceptions.MissingSchema,
            requests.exceptions.InvalidSchema,
            urllib3.LocationParseError,
            http.client.InvalidURL,
        ),
        "the address is not valid",
    ),
    ((requests.exceptions.InvalidHeader,), "a header of the request is not valid"),
    ((http.client.HTTPException,), "it did not answer in HTTP"),
    ((OSError,), "it cannot be reached"),
    ((ValueError,), "the request is not valid"),
)


def what_happened(error: BaseException, exchange: Exchange) -> str:
    """A clause about the server, like "it refused the connection"."""
    if exchange.too_long:
        return "its answer is too long"
    if exchange.late:
        return f"it took longer than {exchange.seconds:g} seconds"
    causes = list(_causes(error))
    for cause in causes:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"its certificate is not valid ({cause.verify_message})"
    for types, words in _WORDS:
        if any(isinstance(cause, types) for cause in causes if not _is_wrapper(cause)):
            return words
    return "the connection failed"


def _is_wrapper(error: BaseException) -> bool:
    # Every exception of requests is an OSError, which says nothing: what counts is what it carries.
    return isinstance(error, requests.RequestException) and not isinstance(error, ValueError)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error and everything it wraps: urllib3 keeps causes in `reason` and in the arguments."""
    waiting: list[object] = [error]
    seen: set[int] = set()
    while waiting:
        one = waiting.pop(0)
        if not isinstance(one, BaseException) or id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        waiting += [getattr(one, "reason", None), one.__cause__, one.__context__, *one.args]

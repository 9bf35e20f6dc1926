"""The door to platforms: one attempt, no redirects, and a clear line between "not sent" and "no answer"."""

from __future__ import annotations

import logging
import ssl
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, BinaryIO
from urllib.parse import urlsplit, urlunsplit

from requests.utils import super_len

from backend.core import following
from backend.core.errors import NoAnswer, NotSent
from backend.core.ports import Answer

from .echoes import without_credentials
from .mishaps import what_happened
from .wire import (
    FAULTS,
    KEEP_SECONDS,
    Exchange,
    WatchedAdapter,
    WatchedSession,
    read_body,
    tls_context,
)

log = logging.getLogger("lin.outbound")

MAX_ANSWER_BYTES = 5 * 1024 * 1024
# under which platforms give a request their own number, which their support asks for
_REQUEST_IDS = ("x-li-request-id", "x-li-uuid", "x-fb-request-id", "x-fb-trace-id", "x-tt-logid", "x-transaction-id", "x-request-id")  # fmt: skip


class PlatformHttp:
    """Implements `PlatformDoor` with requests. Safe to share between threads.

    `sandbox_url` sends every request to `{sandbox_url}/{host}/{path}` instead of the host itself. Times are
    in seconds, `pool_size` is the number of idle connections kept per host, each used again within
    `keep_seconds` only; `tls` replaces the context that trusts the public certificate authorities.
    """

    def __init__(
        self,
        sandbox_url: str | None,
        *,
        connect_timeout: float = 5.0,
        total_timeout: float = 30.0,
        pool_size: int = 64,
        keep_seconds: float = KEEP_SECONDS,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._sandbox_url = sandbox_url.rstrip("/") if sandbox_url else None
        self._timeouts = (connect_timeout, total_timeout)
        self._total = total_timeout
        self._tls = tls or tls_context()
        self._session = WatchedSession()
        adapter = WatchedAdapter(self._tls, pool_size, keep_seconds=keep_seconds)
        self._session.mount("https://", adapter)
        self._session.mount("http://", adapter)

    def browser_url(self, url: str) -> str:
        """The URL a browser has to open for this platform URL."""
        return self._rewritten(url)

    def send(
        self,
        method: str,
        url: str,
        *,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        json: Any = None,
        form: Mapping[str, str] | None = None,
        files: Mapping[str, tuple[str, bytes, str]] | None = None,
        body: bytes | BinaryIO | None = None,
    ) -> Answer:
        """Send one request and read the whole answer, at most 5 MB. Every status is an answer. A refusal comes without the
        credentials of the request, should it repeat them.

        A file as `body` is sent in pieces, never held in memory; its length has to be known. `files` (field: file name,
        bytes, type) go as multipart/form-data, which is built in memory. Raises NotSent
        when no byte left this process, NoAnswer for everything that goes wrong afterwards.
        """
        request = {"params": params, "headers": headers, "json": json, "data": form, "files": files}
        with following.step("platform call", "asking", host=_host(url), method=method) as tell:
            began = time.monotonic()
            told: dict[str, Any] = {}
            try:
                answer = self._sent(method, url, request, body)
                told = {"http_status": answer.status, "platform_request_id": _request_id(answer)}
                return answer
            except (NotSent, NoAnswer) as error:
                told = {"error": str(error), "sent": isinstance(error, NoAnswer)}
                raise
            finally:
                tell(**told)
                ms = round((time.monotonic() - began) * 1000, 1)
                log.info("platform call", extra={**told, "ms": ms})

    def _sent(
        self, method: str, url: str, request: dict[str, Any], body: bytes | BinaryIO | None
    ) -> Answer:
        exchange = Exchange(seconds=self._total, most=MAX_ANSWER_BYTES)
        try:
            if body is not None:
                request["data"] = _measured(body)
            with exchange.watched():
                answer = self._exchanged(method, url, request, exchange)
            if answer.status < 400:
                return answer
            form = request["data"] if body is None else None
            told = without_credentials(answer.body, url, request["headers"], request["params"], form)  # fmt: skip
            return replace(answer, body=told)
        except FAULTS as error:
            reason = what_happened(error, exchange)
        # Raised out here so that the foreign error, whose text holds the URL with its query string, is
        # not kept as context and cannot reach a log.
        host = _host(url)
        if exchange.started:
            raise NoAnswer(f"{host} gave no usable answer: {reason}")
        raise NotSent(f"{host} could not be reached: {reason}")

    def _exchanged(
        self, method: str, url: str, request: Mapping[str, Any], exchange: Exchange
    ) -> Answer:
        with self._session.request(
            method,
            self._rewritten(url),
            **request,
            stream=True,
            allow_redirects=False,
            timeout=self._timeouts,
        ) as response:
            if response.status_code < 200:
                # The final answer may follow on the same connection, which therefore is not used again.
                response.raw.close()
                return Answer(response.status_code, response.headers)
            body = read_body(response.raw, exchange)
            return Answer(response.status_code, response.headers, body)

    def _rewritten(self, url: str) -> str:
        sandbox = self._sandbox_url
        if sandbox is None or url.startswith(f"{sandbox}/"):
            return url
        parts = urlsplit(url)
        path = f"/{parts.netloc}{parts.path or '/'}"
        return sandbox + urlunsplit(("", "", path, parts.query, parts.fragment))


def _measured(body: bytes | BinaryIO) -> bytes | BinaryIO:
    """The body, of which requests can tell the length. Raises ValueError when it cannot.

    requests would send a file of unknown length in chunks, which platforms' upload servers refuse, and an
    empty one too.
    """
    if isinstance(body, bytes):
        return body
    length: int = super_len(body)  # type: ignore[no-untyped-call]  # untyped in types-requests
    if length > 0:
        return body
    if body.read(1):
        raise ValueError("the length of the body is not known")
    return b""


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or "the platform"
    except ValueError:
        return "the platform"


def _request_id(answer: Answer) -> str | None:
    return next((answer.headers[name][:200] for name in _REQUEST_IDS if name in answer.headers), None)  # fmt: skip

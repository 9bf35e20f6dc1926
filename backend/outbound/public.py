"""The door to addresses that users typed: only the public internet, and never much of it. Read from, and posted to."""

from __future__ import annotations

import ipaddress
import ssl
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, TypeVar
from urllib.parse import urljoin

import requests
from requests_hardened.ip_filter import InvalidIPAddress
from requests_hardened.ip_filter_adapter import IPFilterAdapter
from urllib3.util import Url, parse_url

from backend.core import following
from backend.core.errors import AddressRefused, FetchFailed, TooLarge
from backend.core.ports import Answer, Fetched
from backend.core.retries import moment_of_answer, retry_after_seconds

from .mishaps import what_happened
from .wire import (
    FAULTS,
    KEEP_SECONDS,
    USER_AGENT,
    Exchange,
    WatchedAdapter,
    WatchedPools,
    WatchedSession,
    read_body,
    tls_context,
)

MAX_REDIRECTS = 5
MAX_URL_LENGTH = 2048

T = TypeVar("T")

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_PERMANENT = frozenset({301, 308})
_FAULTS_OF_THE_ADDRESS = (
    requests.exceptions.InvalidURL,
    requests.exceptions.MissingSchema,
    requests.exceptions.InvalidSchema,
)


class PublicHttp:
    """Implements `PublicDoor` with requests and the address filter of requests-hardened.

    The filter resolves a name once, refuses the address or connects to exactly that one, so a name that
    answers differently the second time (DNS rebinding) gains nothing. Any port is allowed: what is reachable
    on a public address is public. `private_origins` ("http://127.0.0.1:15460") are let through whatever their
    address is; for development only. Looking up a name is the one step that the deadline cannot cut short;
    the system's resolver gives up by itself. `contact` is an address at which whoever runs a server finds out who
    reads it; it stands in the User-Agent.
    """

    def __init__(
        self,
        private_origins: Collection[str] = (),
        *,
        connect_timeout: float = 5.0,
        tls: ssl.SSLContext | None = None,
        contact: str | None = None,
    ) -> None:
        self._private_origins = frozenset(_origin(parse_url(one)) for one in private_origins)
        self._connect_timeout = connect_timeout
        self._tls = tls or tls_context()
        self._user_agent = f"{USER_AGENT} (+{contact})" if contact else USER_AGENT

    def fetch(
        self,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        max_bytes: int,
        deadline_seconds: float = 20.0,
    ) -> Fetched:
        """GET the URL, following at most 5 redirects; every hop is checked like the first.

        `headers` go to every hop, so they must hold nothing secret. `max_bytes` holds for the packed and the
        unpacked body, `deadline_seconds` for everything together. Answers with 2xx and 304.
        Raises AddressRefused, TooLarge, FetchFailed.
        """
        exchange = Exchange(seconds=deadline_seconds, most=max_bytes)
        moved_to: str | None = None
        moved_for_good = True
        with following.step("fetch", "asking"), self._session() as session, exchange.watched():
            for hop in range(MAX_REDIRECTS + 1):
                request = self._checked(session, url, headers)
                url = str(request.url)
                if hop and moved_for_good:
                    moved_to = url
                answer = self._one(session, request, exchange, _judged, "read")
                if isinstance(answer, Fetched):
                    return replace(answer, moved_to=moved_to)
                status, location = answer
                url = urljoin(url, location)
                moved_for_good = moved_for_good and status in _PERMANENT
        raise FetchFailed(f"The address redirects more than {MAX_REDIRECTS} times.")

    def post(
        self, url: str, *, headers: Mapping[str, str], body: bytes, deadline_seconds: float = 15.0
    ) -> Answer:
        """POST to the URL, once and to no other place: a redirect is an answer like any other.

        The answer's body is not read, so there is nothing to be learned from it. Raises AddressRefused, FetchFailed.
        """
        exchange = Exchange(seconds=deadline_seconds, most=0)
        with self._session() as session, exchange.watched():
            request = self._checked(session, url, headers, body)
            return self._one(session, request, exchange, _head_of, "reached")

    def check(self, url: str) -> None:
        """Raises AddressRefused for what can be seen in the URL itself; a name is looked up when it is used."""
        with self._session() as session:
            request = self._checked(session, url, None)
        parts = parse_url(str(request.url))
        host = (parts.host or "").strip("[]")
        if _origin(parts) in self._private_origins:
            return
        try:
            address = ipaddress.ip_address(host)
        except ValueError:
            return
        if not _is_public(address):
            raise AddressRefused(_private(host))

    def _checked(
        self,
        session: WatchedSession,
        url: str,
        headers: Mapping[str, str] | None,
        body: bytes | None = None,
    ) -> requests.PreparedRequest:
        """The request as it will be sent. Raises AddressRefused for what can be seen in the URL itself.

        The URL is judged in the form and by the parser that the request is sent with, so that no second
        reading of an ambiguous one can slip through.
        """
        if len(url) > MAX_URL_LENGTH:
            raise AddressRefused(f"The address is longer than {MAX_URL_LENGTH} characters.")
        if "\\" in url or any(ord(char) < 32 or ord(char) == 127 for char in url):
            raise AddressRefused("The address contains characters that no web address has.")
        if not url.lower().startswith(("http://", "https://")):
            raise AddressRefused("The address must start with http:// or https://.")
        request: requests.PreparedRequest | None = None
        try:
            url = url.partition("#")[0]
            method = "GET" if body is None else "POST"
            request = session.prepare_request(
                requests.Request(method, url, dict(headers or {}), data=body)
            )
            parts = parse_url(str(request.url))
        except FAULTS:
            parts = Url()
        if request is None or not parts.host:
            raise AddressRefused("The address is not a valid web address.")
        if parts.auth is not None:
            raise AddressRefused("The address must not contain a user name or password.")
        if _origin(parts) in self._private_origins:
            return request
        if parts.host.endswith("."):
            raise AddressRefused("The host name in the address must not end with a dot.")
        if parts.host == "localhost" or parts.host.endswith(".localhost"):
            raise AddressRefused(_private(parts.host))
        return request

    def _one(
        self,
        session: WatchedSession,
        request: requests.PreparedRequest,
        exchange: Exchange,
        judge: Callable[[requests.Response, str, Exchange], T],
        aim: str,
    ) -> T:
        """One request, and what `judge` makes of its answer."""
        host = parse_url(str(request.url)).host or ""
        try:
            with session.send(
                request,
                stream=True,
                allow_redirects=False,
                timeout=(self._connect_timeout, exchange.seconds),
            ) as response:
                return judge(response, host, exchange)
        except InvalidIPAddress:
            refusal: Exception = AddressRefused(_private(host))
        except FAULTS as error:
            if exchange.too_long:
                refusal = _too_large(host, exchange)
            elif isinstance(error, _FAULTS_OF_THE_ADDRESS):
                refusal = AddressRefused("The address is not a valid web address.")
            else:
                reason = what_happened(error, exchange)
                refusal = FetchFailed(f"{host} could not be {aim}: {reason}.")
        raise refusal

    def _session(self) -> WatchedSession:
        # A session per fetch: nothing is carried over from one user's address to the next.
        session = WatchedSession()
        session.headers["User-Agent"] = self._user_agent
        session.mount("https://", _FilteredAdapter(self._tls, https=True))
        session.mount("http://", _FilteredAdapter(self._tls, https=False))
        for origin in self._private_origins:
            # requests takes the longest prefix; the slash ends the port, so ":154600" does not match.
            session.mount(f"{origin}/", WatchedAdapter(self._tls))
        return session


class _FilteredAdapter(WatchedPools, IPFilterAdapter):  # type: ignore[misc]  # an untyped package
    """The filter of requests-hardened, and what it leaves open."""

    def __init__(self, tls: ssl.SSLContext, *, https: bool) -> None:
        self.tls = tls
        self.keep_seconds = KEEP_SECONDS
        super().__init__(is_https_proto=https)

    def build_connection_pool_key_attributes(
        self, *args: Any, **kwargs: Any
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Replace the host by its checked address. Raises InvalidIPAddress."""
        host_params, pool_kwargs = super().build_connection_pool_key_attributes(*args, **kwargs)
        address = ipaddress.ip_address(host_params["host"].strip("[]"))
        if not _is_public(address):
            raise InvalidIPAddress(address)
        return host_params, pool_kwargs


def _is_public(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    # Left open by the package: site-local (fec0::/10) and IPv4-compatible (::127.0.0.1) IPv6 addresses, both
    # retired but routed by some machines, and whatever else is not meant to be reached from outside.
    closed = address.is_reserved or getattr(address, "is_site_local", False)
    return address.is_global and not closed


def _head_of(response: requests.Response, _host: str, _exchange: Exchange) -> Answer:
    return Answer(response.status_code, response.headers)


def _judged(
    response: requests.Response, host: str, exchange: Exchange
) -> Fetched | tuple[int, str]:
    status = response.status_code
    location = response.headers.get("Location")
    if status in _REDIRECTS and location:
        # Header bytes arrive as Latin-1; addresses in the wild are UTF-8.
        return status, location.encode("latin-1").decode("utf-8", "replace")
    if status == 304:
        # Its Content-Length is that of the unchanged content, which does not follow.
        return Fetched(status, str(response.url), response.headers, b"")
    if not 200 <= status < 300:
        raise FetchFailed(_in_words(host, status), status, _asked_to_wait(response))
    length = response.headers.get("Content-Length", "")
    if length.isdecimal() and int(length) > exchange.most:
        raise _too_large(host, exchange)
    body = read_body(response.raw, exchange)
    return Fetched(status, str(response.url), response.headers, body)


def _in_words(host: str, status: int) -> str:
    words = {
        401: f"{host} gives this to signed-in readers only; Lin cannot sign in there",
        403: f"{host} does not let Lin read this",
        404: f"There is nothing at this address of {host} any more",
        410: f"{host} says that this is gone for good",
        429: f"{host} wants to be asked less often; Lin waits",
    }.get(status)
    return f"{words} (status {status})." if words else f"{host} answered with status {status} instead of the content."  # fmt: skip


def _asked_to_wait(response: requests.Response) -> float | None:
    now = moment_of_answer(response.headers.get("Date"), datetime.now(UTC))
    return retry_after_seconds(response.headers.get("Retry-After"), now)


def _origin(parts: Url) -> str:
    port = parts.port or {"http": 80, "https": 443}.get(parts.scheme or "")
    host = parts.host or ""
    default = (parts.scheme, port) in (("http", 80), ("https", 443))
    return f"{parts.scheme}://{host}" if default else f"{parts.scheme}://{host}:{port}"


def _private(host: str) -> str:
    return f"The address {host} points to a private network, which Lin does not read."


def _too_large(host: str, exchange: Exchange) -> TooLarge:
    return TooLarge(f"{host} sends more than {_size(exchange.most)}, the most that Lin reads here.")


def _size(count: int) -> str:
    if count >= 1024 * 1024:
        return f"{count / (1024 * 1024):.3g} MB"
    return f"{count / 1024:.3g} KB"

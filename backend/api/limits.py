"""How often somebody may call: a signed-in person by user id, everybody else by address; less often where it costs others.

Counted with Flask-Limiter in windows of a minute. Answers tell where the caller stands (`RateLimit`, `RateLimit-Policy`,
draft-ietf-httpapi-ratelimit-headers); a refusal is a problem like every other, with `Retry-After`.

When the storage goes away, requests are answered, and counted in this process until it is back: to refuse them would make
an outage of Redis one of Lin, to count nothing would make it the moment to use up everybody's Spaces.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Any, Literal, TypeVar

from flask import Flask, Response, current_app, request
from flask_limiter import ApplicationLimit, Limiter, RateLimitExceeded, RequestLimit
from limits.errors import ConfigurationError

from ..problems import problem
from .access import caller

log = logging.getLogger("lin.limits")

View = TypeVar("View", bound=Callable[..., Any])
Kind = Literal["connect", "generate", "chat", "speak"]

# A Redis that hangs is given up after this; with the client's own patience, requests would hang with it.
_STORAGE_SECONDS = 1
# Who has one IPv6 address has the 2^64 of its network.
_IPV6_NETWORK = 64


class StorageUnusableError(Exception):
    """The storage of RATE_LIMIT_STORAGE_URL does not answer."""


@dataclass(frozen=True)
class Rules:
    """Requests a minute: of a person, of an address, and of either for each kind. `storage_url` is memory:// (each process
    counts for itself) or redis://…, rediss://…"""

    user: int
    address: int
    kinds: Mapping[str, int]
    storage_url: str = field(repr=False)


def limited(kind: Kind) -> Callable[[View], View]:
    """A view of a kind that has a limit of its own, beside the one for everything."""

    def mark(view: View) -> View:
        view.limit = kind  # type: ignore[attr-defined] # a mark on the function, read below
        return view

    return mark


def unlimited(view: View) -> View:
    """A view that is not counted: probes, and what platforms fetch from few addresses for everybody."""
    view.limit = "none"  # type: ignore[attr-defined] # a mark on the function, read below
    return view


def register(app: Flask, rules: Rules) -> None:
    """Count every request before its token's session is looked up. Raises StorageUnusableError."""

    def everything() -> str:
        return f"{rules.user if caller() else rules.address} per minute"

    def this_kind() -> str:
        kind = _mark()
        return f"{rules.kinds[kind]} per minute" if kind in rules.kinds else ""

    limiter = Limiter(
        _who,
        application_limits=[
            ApplicationLimit(everything, scope=lambda _: "all"),
            ApplicationLimit(this_kind, scope=lambda _: _mark()),
        ],
        storage_uri=rules.storage_url,
        storage_options=_patience(rules.storage_url),
        # the only windows whose end, and so Retry-After, can be told exactly
        strategy="fixed-window",
        in_memory_fallback_enabled=True,
        swallow_errors=True,
    )
    # a preflight that is refused looks like a network error to the page that asks
    limiter.request_filter(lambda: request.method == "OPTIONS" or _mark() == "none")
    try:
        limiter.init_app(app)
        usable = limiter.storage.check()
    except (ConfigurationError, ValueError) as error:
        raise StorageUnusableError("cannot be read as the address of a Redis") from error
    if not usable:
        raise StorageUnusableError("nothing usable answers there")
    _answer(app, limiter)


def _answer(app: Flask, limiter: Limiter) -> None:
    @app.errorhandler(RateLimitExceeded)
    def refused(_: RateLimitExceeded) -> Response:
        (breached,) = (one for one in limiter.current_limits if one.breached)
        wait = _seconds_left(breached)
        name = _name(breached)
        of_this_kind = "" if name in ("user", "address") else f" of this kind ({name})"
        answer = problem(
            429,
            f"Too many requests{of_this_kind}: {breached.limit.amount} a minute are allowed. Try again in {wait} s.",
        )
        answer.headers["Retry-After"] = str(wait)
        return answer

    @app.after_request
    def tell(response: Response) -> Response:
        counted = limiter.current_limits
        if not counted:
            return response
        try:
            left = [f'"{_name(one)}";r={one.remaining};t={_seconds_left(one)}' for one in counted]
        except limiter.storage.base_exceptions:
            log.warning("the storage of the limits cannot be read; this answer does not tell them")
            return response
        policies = [f'"{_name(one)}";q={one.limit.amount};w={one.limit.get_expiry()}' for one in counted]  # fmt: skip
        response.headers["RateLimit-Policy"] = ", ".join(policies)
        response.headers["RateLimit"] = ", ".join(left)
        return response


def _name(limit: RequestLimit) -> str:
    who, scope = limit.request_args[0].partition(":")[0], limit.request_args[1]
    return who if scope == "all" else scope


def _seconds_left(limit: RequestLimit) -> int:
    return max(1, limit.reset_at - int(time.time()))


def _mark() -> str:
    view = current_app.view_functions.get(request.endpoint or "")
    return str(getattr(view, "limit", ""))


def _who() -> str:
    user = caller()
    return f"user:{user.id}" if user else f"address:{_network(request.remote_addr)}"


def _network(address: str | None) -> str:
    """Whom an address stands for. What is no address (a proxy's nonsense, a Unix socket) is one caller."""
    try:
        read = ip_address(address or "")
    except ValueError:
        return "unknown"
    if isinstance(read, IPv6Address):
        return str(read.ipv4_mapped or ip_network((read, _IPV6_NETWORK), strict=False))
    return str(read)


def _patience(storage_url: str) -> dict[str, Any]:
    if not storage_url.startswith("redis"):
        return {}
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    once = Retry(NoBackoff(), 0)
    return {"socket_connect_timeout": _STORAGE_SECONDS, "socket_timeout": _STORAGE_SECONDS, "retry": once}  # fmt: skip

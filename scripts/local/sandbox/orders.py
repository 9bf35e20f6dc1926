"""Faults that were ordered for coming requests.

An order is one of the keys of ``KINDS``; ``accept`` says whether the platform carries the request
out before the fault happens.

=============  ==========================================================  =================
Order          What the client meets                                       ``accept`` unless said
=============  ==========================================================  =================
``status``     this status, with optional ``retry_after`` (seconds or an   false
               HTTP date), ``headers``, ``body``
``timeout``    no answer, ever, until the client leaves                    false
``drop``       the connection closes without an answer                     false
``reset``      the connection is reset (TCP RST) without an answer         false
``slow``       the answer after this many seconds; with ``drip`` true,     true
               that long between two bytes of it
``hold``       the answer after ``POST /_control/release``                 true
``half_body``  a Content-Length the body does not reach                    true
``no_id``      success without the new post's id, in header or body         true
``revoke``     the token of the request is revoked, then the answer        true
=============  ==========================================================  =================
"""

from __future__ import annotations

import threading
from dataclasses import asdict, dataclass, field
from fnmatch import fnmatchcase
from typing import Any

#: Each kind with whether the platform carries the request out when the order does not say.
KINDS = {
    "status": False,
    "timeout": False,
    "drop": False,
    "reset": False,
    "slow": True,
    "hold": True,
    "half_body": True,
    "no_id": True,
    "revoke": True,
}
_DETAILS = {"accept", "retry_after", "headers", "body", "drip"}


class BadOrderError(ValueError):
    """An order nobody could carry out; the message says why."""


@dataclass
class Order:
    """What shall happen to the next ``times`` requests that match."""

    kind: str
    value: float
    accept: bool
    host: str = "*"
    method: str = "*"
    path: str = "*"
    action: str | None = None
    member: str | None = None
    times: int = 1
    retry_after: str | None = None
    headers: dict[str, str] = field(default_factory=dict)
    body: Any = None
    drip: bool = False
    id: int = 0

    def matches(
        self, host: str, method: str, path: str, action: str | None, member: str | None
    ) -> bool:
        """Whether this request is meant; host and path may be patterns with ``*``."""
        return (
            self.method in ("*", method)
            and (self.member is None or self.member == member)
            and (self.action is None or self.action == action)
            and fnmatchcase(host, self.host)
            and fnmatchcase(path, self.path)
        )

    def as_json(self) -> dict[str, Any]:
        """For the control path."""
        return asdict(self)


def parse(request: dict[str, Any]) -> Order:
    """Read an order as the control path receives it. Raises BadOrderError."""
    unknown = set(request) - {"host", "method", "path", "action", "member", "times", "order"}
    if unknown:
        raise BadOrderError(f"unknown fields: {', '.join(sorted(unknown))}")
    asked = request.get("order")
    if not isinstance(asked, dict):
        raise BadOrderError('order must be an object such as {"status": 503}')
    kinds = [kind for kind in KINDS if kind in asked]
    extra = set(asked) - set(KINDS) - _DETAILS
    if len(kinds) != 1 or extra:
        raise BadOrderError(
            f"an order is exactly one of {', '.join(KINDS)}; unknown: {sorted(extra)}"
        )
    kind = kinds[0]
    if kind in ("no_id", "revoke") and asked.get("accept") is False:
        raise BadOrderError(f"{kind} changes an answer, so it cannot go with accept false")
    times = request.get("times", 1)
    if not isinstance(times, int) or times < 1:
        raise BadOrderError("times must be a whole number of at least 1")
    retry_after = asked.get("retry_after")
    return Order(
        kind=kind,
        value=_value(kind, asked[kind]),
        accept=bool(asked.get("accept", KINDS[kind])),
        host=request.get("host", "*"),
        method=request.get("method", "*").upper(),
        path=request.get("path", "*"),
        action=request.get("action"),
        member=request.get("member"),
        times=times,
        retry_after=None if retry_after is None else str(retry_after),
        headers=asked.get("headers", {}),
        body=asked.get("body"),
        drip=bool(asked.get("drip", False)),
    )


def _value(kind: str, value: Any) -> float:
    if kind == "status":
        if not isinstance(value, int) or not 200 <= value <= 599:
            raise BadOrderError("status must be between 200 and 599")
        return value
    if kind == "slow":
        if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
            raise BadOrderError("slow must be a number of seconds")
        return float(value)
    if value is not True:
        raise BadOrderError(f"{kind} must be true")
    return 1


class OrderBook:
    """Orders not yet used up, oldest first."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._orders: list[Order] = []
        self._last_id = 0

    def add(self, order: Order) -> Order:
        """Put an order at the end of the queue and number it."""
        with self._lock:
            self._last_id += 1
            order.id = self._last_id
            self._orders.append(order)
        return order

    def take(
        self, host: str, method: str, path: str, action: str | None, member: str | None
    ) -> Order | None:
        """The oldest order meant for this request, used once."""
        if not self._orders:
            return None
        with self._lock:
            for order in self._orders:
                if order.matches(host, method, path, action, member):
                    order.times -= 1
                    if order.times == 0:
                        self._orders.remove(order)
                    return order
        return None

    def waiting(self) -> list[Order]:
        """Orders that no request has used up."""
        with self._lock:
            return list(self._orders)

    def clear(self, member: str | None = None) -> int:
        """Drop all orders, or those of one member; return how many went."""
        with self._lock:
            kept = [order for order in self._orders if member and order.member != member]
            gone = len(self._orders) - len(kept)
            self._orders = kept
            return gone

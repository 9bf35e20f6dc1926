"""Carry a request out, write it down, and put the answer (or the ordered fault) on the wire."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from dataclasses import replace
from http import HTTPStatus
from typing import Any

from .mounting import Answer
from .orders import Order
from .records import SeenRequest
from .wire import Wire
from .world import HasOwnFaults, Platform, World

logger = logging.getLogger("sandbox")

#: Orders whose client never gets a status line.
_SILENT = {"timeout", "drop", "reset"}


class Delivery:
    """One request from the order to the last byte. ``run`` says whether the connection lives on."""

    def __init__(
        self,
        world: World,
        platform: Platform,
        seen: SeenRequest,
        order: Order | None,
        wire: Wire,
        carry_out: Callable[[], Answer],
    ) -> None:
        self._world = world
        self._platform = platform
        self._seen = seen
        self._order = order
        self._wire = wire
        self._carry_out = carry_out

    def run(self) -> bool:
        """Returns True when the connection may carry another request."""
        order, seen = self._order, self._seen
        answer = self._execute() if order is None or order.accept else None
        if order is not None:
            seen.order = order.kind
            answer = self._changed(answer, order)
        if order is None or order.kind not in _SILENT | {"hold"}:
            seen.status = answer.status if answer else None
        # Written down before the client can know the answer, so that a test which has the answer
        # also finds the request here.
        self._world.requests.append(seen)
        logger.info("%s %s%s -> %s %s", seen.method, seen.host, seen.path, seen.status, seen.order)
        if self._world.latency and self._wire.wait_for_client_to_leave(self._world.latency):
            return False
        if order is None:
            self._wire.send(_bytes_of(answer))
            return True
        return self._fault(order, answer)

    def _execute(self) -> Answer:
        answer = self._carry_out()
        self._seen.platform_status = answer.status
        self._seen.accepted = answer.status < 400
        return answer

    def _changed(self, answer: Answer | None, order: Order) -> Answer | None:
        if order.kind == "no_id" and answer is not None:
            return _without_id(answer, self._platform)
        if order.kind != "status":
            return answer
        status = int(order.value)
        named: dict[str, str] = {"Content-Type": "application/json"}
        body: Any = {"status": status, "message": HTTPStatus(status).phrase}
        if isinstance(self._platform, HasOwnFaults):
            own, body = self._platform.fault(status, self._seen.member)
            named |= own
        if order.body is not None:
            body = order.body
        data = body.encode() if isinstance(body, str) else json.dumps(body).encode()
        named |= order.headers
        if order.retry_after is not None:
            named["Retry-After"] = order.retry_after
        return Answer(status, list(named.items()), data)

    def _fault(self, order: Order, answer: Answer | None) -> bool:
        wire = self._wire
        if order.kind == "timeout":
            wire.wait_for_client_to_leave(None)
            return False
        if order.kind == "drop":
            wire.close()
            return False
        if order.kind == "reset":
            wire.reset()
            return False
        if order.kind == "hold":
            return self._hold(answer)
        if order.kind == "half_body":
            wire.send(_half_of(answer))
            return False
        if order.kind == "slow" and not order.drip:
            if wire.wait_for_client_to_leave(order.value):
                return False
            answer = answer or self._execute()
            self._seen.status = answer.status
        elif order.kind == "slow":
            wire.drip(_bytes_of(answer or self._execute()), order.value)
            return False
        wire.send(_bytes_of(answer))
        return True

    def _hold(self, answer: Answer | None) -> bool:
        seen = self._seen

        def held(wake: Callable[[], None]) -> None:
            self._world.on_release(seen.number, seen.member, wake)
            self._world.held.append(seen)

        try:
            if self._wire.wait_for_client_to_leave(None, held):
                return False
        finally:
            self._world.no_longer_held(seen.number)
        answer = answer or self._execute()
        seen.status = answer.status
        self._wire.send(_bytes_of(answer))
        return True


def _without_id(answer: Answer, platform: Platform) -> Answer:
    name = platform.id_header.lower()
    kept = [(key, value) for key, value in answer.headers if key.lower() != name]
    if not platform.id_fields or not answer.body.startswith(b"{"):
        return replace(answer, headers=kept)
    body = json.loads(answer.body)
    for place in (body, body.get("data")):
        if isinstance(place, dict):
            for field in platform.id_fields:
                place.pop(field, None)
    return replace(answer, headers=kept, body=json.dumps(body).encode())


def _bytes_of(answer: Answer | None) -> bytes:
    if answer is None:
        raise ValueError("nothing to send: the request was not carried out")
    return answer.head(len(answer.body)) + answer.body


def _half_of(answer: Answer | None) -> bytes:
    # An empty answer gets the beginning of a body too: the client is promised more than comes.
    body = (answer.body if answer else b"") or b'{"value":{"id":"urn'
    head = (answer or Answer(200, [("Content-Type", "application/json")], b"")).head(len(body) * 2)
    return head + body[: max(1, len(body) // 2)]

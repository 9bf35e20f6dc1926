"""Idempotency-Key: a POST that creates, sent twice with one key, creates once and answers the same."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import wraps
from typing import Any, Protocol, TypeVar

from flask import Response, current_app, make_response, request

from ..core.errors import Conflict, InvalidInput
from .access import current_user
from .documenting import takes

View = TypeVar("View", bound=Callable[..., Any])

takes_key = takes(
    "Idempotency-Key", "One of your own per thing to make: sent again, it makes nothing twice and answers the same",
    "a5c7f1c2-6f3e-4c55-9d0a-2f6f0c1b7e11", minLength=1, maxLength=200,
)  # fmt: skip


class KeyStore(Protocol):
    """Where keys and first answers are kept; see store/operations.py."""

    def take_idempotency_key(self, user_id: str, key: str, request_hash: str) -> dict[str, Any]: ...

    def store_idempotent_answer(self, user_id: str, key: str, status: int, body: Any) -> None: ...

    def free_idempotency_key(self, user_id: str, key: str) -> None: ...


def idempotent(view: View) -> View:
    """Honour Idempotency-Key on a view that creates. Without the header nothing changes."""
    return _honouring(view, lambda body, _: body, lambda kept, _: kept)


def idempotent_in_secret(view: View) -> View:
    """The same for a view whose answer holds a secret: what is kept of it is sealed for its caller and key."""
    return _honouring(
        view,
        lambda body, whose: current_app.extensions["lin"].subscriber.keep_answer(body, whose),
        lambda kept, whose: current_app.extensions["lin"].subscriber.kept_answer(kept, whose),
    )


def _honouring(
    view: View, keep: Callable[[Any, str], Any], kept: Callable[[Any, str], Any]
) -> View:
    @wraps(view)
    def once(*args: Any, **kwargs: Any) -> Response:
        key = request.headers.get("Idempotency-Key")
        if key is None:
            return make_response(view(*args, **kwargs))
        if not 1 <= len(key) <= 200:
            raise InvalidInput.of(
                "Idempotency-Key", "Idempotency-Key must have 1 to 200 characters."
            )
        store: KeyStore = current_app.extensions["lin"].supabase.service.operations
        user_id = current_user().id
        first = store.take_idempotency_key(user_id, key, _request_hash())
        match first["state"]:
            case "done":
                answer = make_response(kept(first["body"], f"{user_id}:{key}"), first["status"])
                answer.headers["Idempotent-Replayed"] = "true"
                return answer
            case "running":
                raise Conflict("A request with this Idempotency-Key is still running.")
            case "other":
                raise Conflict("This Idempotency-Key was used for another request.")
        try:
            answer = make_response(view(*args, **kwargs))
        except Exception:
            store.free_idempotency_key(
                user_id, key
            )  # nothing was created: the key may be tried again
            raise
        body = keep(answer.get_json(silent=True), f"{user_id}:{key}")
        store.store_idempotent_answer(user_id, key, answer.status_code, body)
        return answer

    return takes_key(once)  # type: ignore[return-value] # the same signature, kept by wraps


def _request_hash() -> str:
    text = b"\n".join(
        (request.method.encode(), request.full_path.encode(), request.get_data(cache=True))
    )
    return hashlib.sha256(text).hexdigest()

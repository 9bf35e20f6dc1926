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
                answer = make_response(first["body"], first["status"])
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
        store.store_idempotent_answer(
            user_id, key, answer.status_code, answer.get_json(silent=True)
        )
        return answer

    return takes_key(once)  # type: ignore[return-value] # the same signature, kept by wraps


def _request_hash() -> str:
    text = b"\n".join(
        (request.method.encode(), request.full_path.encode(), request.get_data(cache=True))
    )
    return hashlib.sha256(text).hexdigest()

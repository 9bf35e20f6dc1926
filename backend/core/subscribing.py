"""Making webhooks and their secrets. A secret is shown once, to whoever asks for it; what is kept of it is sealed."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from .delivering import HookDoor, check_scheme
from .errors import AddressRefused, Conflict, InvalidInput, SealBroken
from .tokens import Sealer


class WebhookStore(Protocol):
    """What subscribing needs from the database; see store/webhooks.py."""

    def create(
        self, webhook_id: str, user_id: str, url: str, kinds: Sequence[str] | None, description: str | None, secret_sealed: str
    ) -> dict[str, Any]: ...  # fmt: skip

    def add_secret(
        self, webhook_id: str, user_id: str, secret_sealed: str, overlap_seconds: int
    ) -> datetime: ...


@dataclass(frozen=True)
class FreshSecret:
    """A new secret, and until when the ones before it sign as well."""

    secret: str = field(repr=False)
    old_ones_end_at: datetime


@dataclass(frozen=True)
class Subscriber:
    """Makes webhooks for people. `new_secret()` is handed in, as receivers' libraries take it."""

    store: WebhookStore
    door: HookDoor
    sealer: Sealer
    new_secret: Callable[[], str]
    https_only: bool

    def subscribe(
        self, user_id: str, url: str, kinds: Sequence[str] | None, description: str | None
    ) -> tuple[dict[str, Any], str]:
        """A new webhook's row and its secret. Raises InvalidInput for an address we do not post to, Conflict beyond 5."""
        try:
            check_scheme(url, https_only=self.https_only)
            self.door.check(url)
        except AddressRefused as error:
            raise InvalidInput.of("url", str(error)) from error
        webhook_id, secret = str(uuid.uuid4()), self.new_secret()
        sealed = self._sealed(secret, webhook_id)
        return self.store.create(webhook_id, user_id, url, kinds, description, sealed), secret

    def renew_secret(self, user_id: str, webhook_id: str, overlap_seconds: int) -> FreshSecret:
        """A new secret; the ones before it sign beside it for so long. Raises NotFound, Conflict."""
        secret = self.new_secret()
        ends_at = self.store.add_secret(
            webhook_id, user_id, self._sealed(secret, webhook_id), overlap_seconds
        )
        return FreshSecret(secret, ends_at)

    def keep_answer(self, body: Any, bound_to: str) -> dict[str, str]:
        """An answer that holds a secret, as it may be stored for a request that is repeated."""
        return {"sealed": self.sealer.seal(json.dumps(body), bound_to=f"answer:{bound_to}")}

    def kept_answer(self, kept: dict[str, str], bound_to: str) -> Any:
        """The answer again. Raises Conflict when the key that sealed it is gone."""
        try:
            return json.loads(self.sealer.open(kept["sealed"], bound_to=f"answer:{bound_to}"))
        except SealBroken as error:
            raise Conflict("This was done already, and its answer cannot be shown again.") from error  # fmt: skip

    def _sealed(self, secret: str, webhook_id: str) -> str:
        return self.sealer.seal(secret, bound_to=secret_of(webhook_id))


def secret_of(webhook_id: str) -> str:
    """What a webhook's secret is sealed for."""
    return f"webhook:{webhook_id}"

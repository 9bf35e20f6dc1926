"""Addresses that open a door to whoever has one: to a file for an hour, and to somebody's mail settings for good."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from itsdangerous import BadSignature, URLSafeSerializer

from .core.errors import NotFound, SealBroken
from .sealing import Sealer

# TikTok and Instagram may fetch for an hour (platform documentation, 2026).
LIFETIME_SECONDS = 3600
_BOUND_TO = "media link"


@dataclass(frozen=True)
class MediaLinks:
    """Makes and reads such addresses; the file's path is sealed into them. `clock` is in seconds since the epoch."""

    sealer: Sealer
    public_url: str
    clock: Callable[[], float] = time.time

    def address(self, path: str, mime: str) -> str:
        """An address below PUBLIC_URL/media/ that works for an hour."""
        told = json.dumps({"path": path, "mime": mime, "until": self.clock() + LIFETIME_SECONDS})
        return f"{self.public_url}/media/{self.sealer.seal(told, bound_to=_BOUND_TO)}"

    def read(self, token: str) -> tuple[str, str]:
        """Path and MIME type of the file that an address stands for. Raises NotFound when it is not ours or too old."""
        try:
            told = json.loads(self.sealer.open(token, bound_to=_BOUND_TO))
        except SealBroken as error:
            raise NotFound("There is nothing at this address.") from error
        if self.clock() > told["until"]:
            raise NotFound("This address has served its time.")
        return str(told["path"]), str(told["mime"])


class UnsubscribeLinks:
    """Addresses that switch off one topic of one person's mail. They hold as long as the key they were signed with is in
    TOKEN_KEYS; `keys` are 32 bytes each, newest first."""

    def __init__(self, keys: Sequence[bytes], public_url: str) -> None:
        # the last one signs, and any reads
        self._serializer = URLSafeSerializer(list(keys)[::-1], salt="unsubscribe")
        self._public_url = public_url

    def address(self, user_id: str, topic: str, language: str) -> str:
        """An address below PUBLIC_URL/api/notifications/unsubscribe."""
        token = self._serializer.dumps([user_id, topic, language])
        return f"{self._public_url}/api/notifications/unsubscribe?token={token}"

    def read(self, token: str) -> tuple[str, str, str]:
        """Whose mail, which topic, and the language of the page. Raises NotFound when it is not ours."""
        try:
            user_id, topic, language = self._serializer.loads(token)
        except (BadSignature, ValueError, TypeError) as error:
            raise NotFound("This link is not whole; use the one in the mail.") from error
        return str(user_id), str(topic), str(language)

"""Addresses from which a platform fetches a file: open to whoever has one, for an hour, for this file only."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass

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

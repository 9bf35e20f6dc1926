"""Sealed platform tokens: JWE (RFC 7516, dir + A256GCM), bound to what they belong to, under keys that can be rotated.

A sealed value names its key (`kid`) and what it is bound to (`sub`) in its authenticated header. Opened for anything
else it is refused, so a row copied to another account is useless.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence

from joserfc import jwe
from joserfc.errors import JoseError
from joserfc.jwe import JWERegistry
from joserfc.jwk import GuestProtocol, OctKey

from .core.errors import SealBroken

_REGISTRY = JWERegistry(algorithms=["dir", "A256GCM"], strict_check_header=False)


class Sealer:
    """Seals with the first key and opens with any; `keys` are 32 bytes each, newest first."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        self._keys = {hashlib.sha256(key).hexdigest()[:16]: OctKey.import_key(key) for key in keys}
        self._newest = next(iter(self._keys))

    def seal(self, text: str, *, bound_to: str) -> str:
        """The sealed form of `text`, which opens only for the same `bound_to`."""
        header = {"alg": "dir", "enc": "A256GCM", "kid": self._newest, "sub": bound_to}
        return jwe.encrypt_compact(
            header, text.encode(), self._keys[self._newest], registry=_REGISTRY
        )

    def open(self, sealed: str, *, bound_to: str) -> str:
        """The text. Raises SealBroken: key gone from TOKEN_KEYS, bound to something else, or tampered with."""
        try:
            opened = jwe.decrypt_compact(sealed, self._key_of, registry=_REGISTRY)
        except (JoseError, ValueError, KeyError) as error:
            raise SealBroken(
                "a stored secret cannot be opened with the keys in TOKEN_KEYS"
            ) from error
        if opened.headers().get("sub") != bound_to or opened.plaintext is None:
            raise SealBroken("a stored secret belongs to something else")
        return opened.plaintext.decode()

    def is_stale(self, sealed: str) -> bool:
        """Whether it was sealed with another key than the newest, and should be sealed again."""
        try:
            protected = sealed.partition(".")[0]
            header = json.loads(base64.urlsafe_b64decode(protected + "=" * (-len(protected) % 4)))
            return bool(header["kid"] != self._newest)
        except (ValueError, KeyError, TypeError) as error:
            raise SealBroken("a stored secret is not in the expected form") from error

    def _key_of(self, envelope: GuestProtocol) -> OctKey:
        return self._keys[str(envelope.headers().get("kid"))]

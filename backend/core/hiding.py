"""Secrets taken out of texts that others wrote: an error message may repeat the very token it refuses."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable
from urllib.parse import quote

REMOVED = "[removed]"
# What is shorter is no secret, and would be found in ordinary words.
SHORTEST = 8


def forms_of(secret: str) -> tuple[str, ...]:
    """How a secret looks where it is repeated, longest first: as it is, in a URL, in JSON, in base64 and in hexadecimal."""
    raw = secret.encode()
    escaped = json.dumps(secret)[1:-1]
    found = {secret, quote(secret, safe=""), escaped, escaped.replace("/", "\\/"), raw.hex()}
    for before in range(3):
        # in the middle of something longer: only what does not depend on its neighbours
        whole = base64.b64encode(b"\0" * before + raw)
        kept = whole[-(-before * 8 // 6) : len(whole) - (4 if (before + len(raw)) % 3 else 0)]
        found |= {kept.decode(), kept.decode().replace("+", "-").replace("/", "_")}
    return tuple(sorted((one for one in found if len(one) >= SHORTEST), key=len, reverse=True))


class Hider:
    """Takes known secrets out of texts, whatever their form."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._forms: tuple[str, ...] = ()
        self.add(secrets)

    def add(self, secrets: Iterable[str]) -> None:
        """Know these as well; what is shorter than 8 characters is no secret."""
        new = {form for secret in secrets if len(secret) >= SHORTEST for form in forms_of(secret)}
        self._forms = tuple(sorted({*self._forms, *new}, key=len, reverse=True))

    def without(self, text: str) -> str:
        """The text with "[removed]" in the place of each."""
        for form in self._forms:
            if form in text:
                text = text.replace(form, REMOVED)
        return text

"""Looks for known secrets in whatever a product writes, in every form in which they are still secrets."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from urllib.parse import quote, quote_plus

SHORTEST = 12


def forms(secret: str) -> set[str]:
    """How a secret looks as it is, in URLs and forms, in JSON, in hexadecimal, and in base64 wherever it begins there.

    Written apart from backend/core/hiding.py on purpose: who hides and who seeks shall not share a mistake.
    """
    raw = secret.encode()
    found = {secret, quote(secret), quote(secret, safe=""), quote_plus(secret), raw.hex(), raw.hex().upper()}  # fmt: skip
    once = json.dumps(secret)[1:-1]
    found |= {once, once.replace("/", "\\/"), json.dumps(once)[1:-1]}
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        for shift in range(3):
            # three bytes are four characters: leave out those that share bits with what stands before and after
            text = encode(b"\0" * shift + raw + b"\0" * 3).decode()
            first, last = (shift * 8 + 5) // 6, (shift + len(raw)) * 8 // 6
            found.add(text[first:last])
    return found


class Scanner:
    """Knows secrets by name."""

    def __init__(self, secrets: Mapping[str, str]) -> None:
        short = [name for name, secret in secrets.items() if len(secret) < SHORTEST]
        assert not short, f"too short to be told from ordinary text: {short}"
        self.secrets = dict(secrets)
        self._forms = {name: sorted(forms(secret)) for name, secret in secrets.items()}

    def found_in(self, text: str | bytes, *, but: tuple[str, ...] = ()) -> list[str]:
        """The names of those that can be read in this text, except of those it may hold."""
        if isinstance(text, bytes):
            text = text.decode("utf-8", "backslashreplace")
        return [
            name
            for name, known in self._forms.items()
            if name not in but and any(form in text for form in known)
        ]

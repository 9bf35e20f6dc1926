"""Signatures of outgoing webhooks, as Standard Webhooks 1.0 has them: HMAC-SHA256 over id, time and body."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Sequence
from datetime import UTC, datetime

from standardwebhooks import Webhook

_PREFIX = "whsec_"
_BYTES = 32


def new_signing_secret() -> str:
    """A fresh secret as receivers' libraries take it: whsec_ and 32 random bytes in base64."""
    return _PREFIX + base64.b64encode(secrets.token_bytes(_BYTES)).decode()


def signed_headers(
    signing: Sequence[str], event_id: str, at: datetime, body: str
) -> dict[str, str]:
    """The three headers of an event that is posted at this moment; every secret signs."""
    # the library reads the hands of the clock and takes them for UTC
    moment = at.astimezone(UTC)
    signatures = (Webhook(secret).sign(event_id, moment, body) for secret in signing)
    return {
        "webhook-id": event_id,
        "webhook-timestamp": str(int(moment.timestamp())),
        "webhook-signature": " ".join(signatures),
    }

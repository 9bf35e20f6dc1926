"""Signatures of webhooks, checked with the library that receivers use."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from backend.signing import new_signing_secret, signed_headers

BODY = '{"type":"target_published","data":{"text":"Grüße"}}'


def signed(*secrets: str, at: datetime | None = None) -> dict[str, str]:
    return signed_headers(secrets, "event-1", at or datetime.now(UTC), BODY)


def test_a_receiver_with_the_secret_takes_what_was_signed() -> None:
    secret = new_signing_secret()
    assert Webhook(secret).verify(BODY, signed(secret))["type"] == "target_published"


def test_the_moment_is_told_in_utc_whatever_zone_it_comes_in() -> None:
    secret = new_signing_secret()
    here = datetime.now(timezone(timedelta(hours=9)))
    headers = signed(secret, at=here)
    assert int(headers["webhook-timestamp"]) == int(here.timestamp())
    Webhook(secret).verify(BODY, headers)


def test_while_a_secret_is_changed_either_one_fits() -> None:
    new, old = new_signing_secret(), new_signing_secret()
    headers = signed(new, old)
    for secret in (new, old):
        Webhook(secret).verify(BODY, headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(new_signing_secret()).verify(BODY, headers)


@pytest.mark.parametrize("part", ["body", "webhook-id", "webhook-timestamp", "webhook-signature"])
def test_one_byte_that_changes_breaks_the_signature(part: str) -> None:
    secret = new_signing_secret()
    headers, body = signed(secret), BODY
    if part == "body":
        body = body.replace("published", "publishee")
    elif part == "webhook-timestamp":
        headers[part] = str(int(headers[part]) - 1)
    elif part == "webhook-signature":
        first = headers[part][3]
        headers[part] = f"v1,{'B' if first == 'A' else 'A'}{headers[part][4:]}"
    else:
        headers[part] += "0"
    with pytest.raises(WebhookVerificationError):
        Webhook(secret).verify(body, headers)


def test_each_secret_is_new_and_as_long_as_it_should_be() -> None:
    made = {new_signing_secret() for _ in range(20)}
    assert len(made) == 20
    assert all(secret.startswith("whsec_") and len(secret) == 6 + 44 for secret in made)

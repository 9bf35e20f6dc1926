"""The scanner finds what it is there for; without this, finding nothing would prove nothing."""

from __future__ import annotations

import base64
import json
import secrets
from urllib.parse import quote, quote_plus

import pytest

from tests.leaks.planting import classes, planted, secret_variables
from tests.leaks.scanning import Scanner

SECRET = f"AQX/{secrets.token_urlsafe(24)}+="
HIDDEN = {
    "as it is": SECRET,
    "in a URL": quote(SECRET, safe=""),
    "in a path": quote(SECRET),
    "in a form": quote_plus(SECRET),
    "in JSON": json.dumps({"message": SECRET}),
    "in JSON in JSON": json.dumps(json.dumps({"message": SECRET})),
    "in a repr": repr({"token": SECRET}),
    "in hexadecimal": SECRET.encode().hex(),
    "in base64": base64.b64encode(SECRET.encode()).decode(),
    "in a Basic header": base64.b64encode(f"lin:{SECRET}".encode()).decode(),
    "in a JWT": base64.urlsafe_b64encode(json.dumps({"t": SECRET}).encode()).decode().rstrip("="),
}


@pytest.mark.parametrize("text", HIDDEN.values(), ids=HIDDEN)
def test_a_secret_is_found_in_every_form(text: str) -> None:
    scanner = Scanner({"a token": SECRET, "another": secrets.token_urlsafe(24)})
    assert scanner.found_in(f"before {text} after") == ["a token"]
    assert scanner.found_in(f"before {text} after".encode()) == ["a token"]
    assert scanner.found_in(f"before {text} after", but=("a token",)) == []
    assert scanner.found_in("an ordinary line of a log") == []


def test_every_secret_of_the_settings_is_planted_without_being_listed() -> None:
    known = set(secret_variables())
    assert {"SUPABASE_SECRET_KEY", "TOKEN_KEYS", "HUGGING_KEY", "LINKEDIN_CLIENT_SECRET", "TIKTOK_CLIENT_SECRET"} <= known  # fmt: skip
    assert len({one.__module__ for one in classes()}) > 5
    filled, secret = planted({"TOKEN_KEYS": "one-key,another-key", "SUPABASE_KEY": "k"})
    assert known <= set(filled)
    assert secret["TOKEN_KEYS 2"] == "another-key"
    assert all(secret[name] in filled[name] for name in known if name in secret)
    assert {name.split(" ")[0] for name in secret} == known


def test_what_a_settings_class_names_secret_is_typed_so() -> None:
    """A password in a plain str would be seen by nobody here."""
    suspicious = ("secret", "password", "token", "dsn", "smtp", "private")
    plain = [
        f"{one.__name__}.{name}"
        for one in classes()
        for name, field in one.model_fields.items()
        if "SecretStr" not in str(field.annotation) and any(word in name for word in suspicious)
    ]
    assert plain == ["Settings.fetch_private_origins"]

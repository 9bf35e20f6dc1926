"""What a refusal repeats of the request's credentials is taken out before anybody reads it."""

from __future__ import annotations

import base64
import secrets
from typing import Any

import pytest

from backend.outbound.echoes import without_credentials

SECRET = secrets.token_urlsafe(24)
URL = "https://platform.example/v1/posts"
CARRIED: dict[str, tuple[str, dict[str, str], dict[str, Any]]] = {
    "a bearer token": (URL, {"Authorization": f"Bearer {SECRET}"}, {}),
    "an OAuth header": (URL, {"authorization": f"OAuth {SECRET}"}, {}),
    "a client's secret": (URL, {"Authorization": f"Basic {base64.b64encode(f'lin:{SECRET}'.encode()).decode()}"}, {}),
    "a URL": (f"{URL}?access_token={SECRET}", {}, {}),
    "a query": (URL, {}, {"access_token": SECRET, "fields": "id"}),
    "a code": (URL, {}, {"grant_type": "authorization_code", "code": SECRET}),
    "a refresh token": (URL, {}, {"refresh_token": SECRET}),
    "a verifier": (URL, {}, {"code_verifier": SECRET}),
}  # fmt: skip


@pytest.mark.parametrize(("url", "headers", "fields"), CARRIED.values(), ids=CARRIED)
def test_what_carried_a_credential_gets_no_refusal_that_repeats_it(
    url: str, headers: dict[str, str], fields: dict[str, Any]
) -> None:
    body = f'{{"message": "Malformed access token {SECRET}"}}'.encode()
    told = without_credentials(body, url, headers, fields, None)
    assert told == b'{"message": "Malformed access token [removed]"}'


def test_other_bytes_stay_as_they_are() -> None:
    body = b"\xff\xfe no text \x80 grant_type=authorization_code"
    headers = {"Authorization": f"Basic {SECRET}", "X-Odd": "x"}
    assert without_credentials(body, URL, headers, {"grant_type": "authorization_code"}) == body

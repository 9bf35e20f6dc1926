"""Known secrets taken out of texts, in whatever form they are repeated."""

from __future__ import annotations

import base64
import json
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.core.hiding import REMOVED, Hider

SECRET = "AQX/very+secret~token=of-some-length"
FORMS = {
    "as it is": SECRET,
    "in a URL": quote(SECRET, safe=""),
    "in a form": quote_plus(SECRET),
    "in JSON": json.dumps(SECRET),
    "in JSON as PHP writes it": json.dumps(SECRET).replace("/", "\\/"),
    "in base64": base64.b64encode(SECRET.encode()).decode(),
    "in base64 for URLs": base64.urlsafe_b64encode(SECRET.encode()).decode().rstrip("="),
    "in a Basic header": base64.b64encode(f"client:{SECRET}".encode()).decode(),
    "in hexadecimal": SECRET.encode().hex(),
}


@pytest.mark.parametrize("text", FORMS.values(), ids=FORMS)
def test_no_form_of_a_secret_remains(text: str) -> None:
    told = Hider([SECRET]).without(f"The token {text} is malformed.")
    assert REMOVED in told
    assert told.startswith("The token ")
    assert told.endswith(" is malformed.")
    assert text.strip('"') not in told


@given(
    secret=st.text(st.characters(codec="ascii", categories=("L", "N", "P", "S")), min_size=12),
    before=st.binary(max_size=5),
    after=st.binary(max_size=5),
)
def test_a_secret_is_found_in_the_middle_of_something_in_base64(
    secret: str, before: bytes, after: bytes
) -> None:
    text = base64.b64encode(before + secret.encode() + after).decode()
    assert REMOVED in Hider([secret]).without(text)


def test_other_words_stay_and_short_values_are_no_secrets() -> None:
    hider = Hider([SECRET, "short", ""])
    hider.add(["another-secret"])
    text = "LinkedIn refused this: a short sentence about another thing."
    assert hider.without(text) == text
    assert hider.without("another-secret") == REMOVED

"""What is posted to a webhook: the body of an event, and where it may go."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from backend.core.delivering import MAX_BODY_BYTES, check_scheme, event_body
from backend.core.errors import AddressRefused

AT = datetime(2026, 11, 28, 12, 30, 15, 250_000, tzinfo=UTC)


def body(**data: Any) -> dict[str, Any]:
    text = event_body("target_failed", AT, data)
    assert len(text.encode()) <= MAX_BODY_BYTES
    told: dict[str, Any] = json.loads(text)
    return told


def test_it_says_what_happened_when_and_to_what() -> None:
    assert body(post_id="p", reason="Zu lang") == {
        "type": "target_failed",
        "timestamp": "2026-11-28T12:30:15.250000Z",
        "data": {"post_id": "p", "reason": "Zu lang"},
    }


def test_it_is_the_same_to_the_byte_at_every_try() -> None:
    elsewhere = AT.astimezone(timezone(timedelta(hours=-7)))
    one = event_body("target_failed", AT, {"a": 1, "b": "é"})
    assert event_body("target_failed", elsewhere, {"b": "é", "a": 1}) == one


def test_long_texts_are_left_out_of_one_that_is_too_large_and_ids_stay() -> None:
    told = body(post_id="p" * 36, text="x" * 30_000, reason="Refused", count=3)
    assert told["data"] == {"shortened": True, "post_id": "p" * 36, "reason": "Refused", "count": 3}


@settings(max_examples=20)
@given(st.dictionaries(st.text(), st.one_of(st.text(), st.integers(), st.lists(st.text()))))
@example({f"k{n}": "é" * 90 for n in range(500)})
@example({f"k{n}": "x" * 900 for n in range(30)})
@example({"k" * 30_000: "x", "id": "y"})
def test_no_event_is_larger_than_receivers_are_promised(data: dict[str, Any]) -> None:
    assert len(event_body("target_failed", AT, data).encode()) <= MAX_BODY_BYTES


def test_in_production_nothing_goes_out_in_the_clear() -> None:
    check_scheme("HTTPS://hooks.example/", https_only=True)
    check_scheme("http://hooks.example/", https_only=False)
    with pytest.raises(AddressRefused, match="must start with https://"):
        check_scheme("http://hooks.example/", https_only=True)

"""What Instagram's refusals mean, row by row of its error table (Instagram API, 2025-2026)."""

from __future__ import annotations

import json
from typing import Any

import pytest
from requests.structures import CaseInsensitiveDict

from backend.core.errors import OutcomeUnknown, PlatformError, Reconnect, Rejected, TryLater
from backend.core.ports import Answer
from backend.platforms.graph_errors import raise_for
from backend.platforms.instagram_errors import (
    is_unfetched,
    raise_for_failed,
    raise_for_media,
    raise_for_publishing,
    wants_new_container,
)

Kind = type[PlatformError]


def answer(status: int, code: int, subcode: int | None = None, headers: dict[str, str] | None = None, **more: Any) -> Answer:  # fmt: skip
    error: dict[str, Any] = {"message": "No.", "code": code, "fbtrace_id": "AbC"} | more
    error |= {"error_subcode": subcode} if subcode is not None else {}
    return Answer(status, CaseInsensitiveDict(headers or {}), json.dumps({"error": error}).encode())


def meaning(given: Answer, *, committing: bool) -> PlatformError:
    own = raise_for_publishing if committing else raise_for_media
    with pytest.raises(PlatformError) as raised:
        raise_for(given, committing=committing, title="Instagram", own=own)
    return raised.value


# HTTP status, code, subcode, what it means while preparing, and of the call that publishes
ROWS: list[tuple[int, int, int | None, Kind, Kind]] = [
    (400, -2, 2207003, TryLater, TryLater),
    (400, -2, 2207020, TryLater, TryLater),
    (400, -2, None, TryLater, OutcomeUnknown),
    *[(400, -1, sub, TryLater, OutcomeUnknown) for sub in (2207001, 2207032, 2207053, None)],
    (400, 1, 2207057, Rejected, Rejected),
    (400, 4, 2207051, Rejected, OutcomeUnknown),
    (403, 4, 2207051, Rejected, OutcomeUnknown),
    (400, 9, 2207042, TryLater, TryLater),
    (403, 9, 2207042, TryLater, TryLater),
    (400, 9, None, TryLater, TryLater),
    (400, 24, 2207006, Rejected, Rejected),
    (400, 24, 2207008, TryLater, TryLater),
    (400, 25, 2207050, Rejected, Rejected),
    *[
        (400, 100, sub, Rejected, Rejected)
        for sub in (2207023, 2207028, 2207035, 2207036, 2207037, 2207040, None)
    ],
    (400, 352, 2207026, Rejected, Rejected),
    (400, 352, None, Rejected, Rejected),
    (400, 9004, 2207052, TryLater, TryLater),
    (400, 9004, None, TryLater, TryLater),
    (400, 9007, 2207027, TryLater, TryLater),
    (400, 9007, None, TryLater, TryLater),
    (400, 36000, 2207004, Rejected, Rejected),
    (400, 36001, 2207005, Rejected, Rejected),
    (400, 36003, 2207009, Rejected, Rejected),
    (400, 36004, 2207010, Rejected, Rejected),
    (400, 190, None, Reconnect, Reconnect),
    (401, 190, 463, Reconnect, Reconnect),
    (401, 102, None, Reconnect, Reconnect),
    (403, 10, None, Reconnect, Reconnect),
    (403, 200, None, Reconnect, Reconnect),
    *[(400, code, None, TryLater, TryLater) for code in (4, 17, 80002)],
    *[(429, code, None, TryLater, TryLater) for code in (4, 17, 80002)],
    (500, 1, None, TryLater, OutcomeUnknown),
    (503, 2, None, TryLater, OutcomeUnknown),
    (400, 987654, None, Rejected, Rejected),
]


@pytest.mark.parametrize("committing", [True, False], ids=["publishing", "preparing"])
@pytest.mark.parametrize(
    ("status", "code", "subcode", "preparing", "publishing"),
    ROWS,
    ids=[f"{s} {c} {sub}" for s, c, sub, _, _ in ROWS],
)
def test_each_row_has_its_meaning(
    status: int, code: int, subcode: int | None, preparing: Kind, publishing: Kind, committing: bool
) -> None:
    error = meaning(answer(status, code, subcode), committing=committing)
    assert type(error) is (publishing if committing else preparing)
    assert (error.http_status, error.request_id) == (status, "AbC")
    assert error.error_class == f"graph_{code}" + (f"_{subcode}" if subcode else "")
    assert str(error).endswith((".", ")"))


@pytest.mark.parametrize(("code", "subcode", "seconds"), [(24, 2207008, 60), (9007, 2207027, 30)])
def test_what_is_not_ready_is_asked_for_again_soon(code: int, subcode: int, seconds: int) -> None:
    error = meaning(answer(400, code, subcode), committing=True)
    assert isinstance(error, TryLater)
    assert (error.after, error.whole_account) == (seconds, False)
    assert not wants_new_container(error), "the same container is published later"


def test_a_used_up_day_holds_back_the_whole_account() -> None:
    error = meaning(answer(403, 9, 2207042), committing=True)
    assert isinstance(error, TryLater)
    assert (error.after, error.whole_account) == (3600, True)


def test_a_hint_of_how_long_to_wait_goes_first() -> None:
    hint = {"X-Business-Use-Case-Usage": '{"1": [{"estimated_time_to_regain_access": 7}]}'}
    for code, subcode in ((9, 2207042), (24, 2207008), (9007, 2207027), (80002, None)):
        error = meaning(answer(400, code, subcode, hint), committing=True)
        assert isinstance(error, TryLater)
        assert error.after == 420


def test_an_empty_call_budget_holds_back_the_whole_account() -> None:
    error = meaning(answer(400, 80002), committing=False)
    assert isinstance(error, TryLater)
    assert (error.after, error.whole_account) == (3600, True)


@pytest.mark.parametrize(
    ("code", "subcode"),
    [(-2, 2207003), (-2, 2207020), (-2, None), (-1, 2207001), (-1, 2207032), (-1, 2207053), (-1, None), (9004, 2207052), (9004, None)],
)  # fmt: skip
def test_what_failed_at_instagram_begins_with_a_new_container(
    code: int, subcode: int | None
) -> None:
    error = meaning(answer(400, code, subcode), committing=False)
    assert wants_new_container(error)
    assert is_unfetched(error) is (code == 9004)


@pytest.mark.parametrize("status", [500, 502, 503, 504, 302, 408, 418])
def test_no_status_proves_that_nothing_was_published(status: int) -> None:
    given = Answer(status, CaseInsensitiveDict(), b"<html>")
    with pytest.raises(OutcomeUnknown):
        raise_for(given, committing=True, title="Instagram", own=raise_for_publishing)
    with pytest.raises(TryLater):
        raise_for(given, committing=False, title="Instagram", own=raise_for_media)


FAILED: dict[str, tuple[str, Kind, bool]] = {
    "in trouble": ("Error: Media upload has failed with error code 2207001", TryLater, True),
    "unknown": ("Error: 2207053: unknown upload error", TryLater, True),
    "too slow": ("Error: 2207003", TryLater, True),
    "not fetched": ("Error: (9004/2207052) could not be fetched", TryLater, True),
    "without a subcode": ("Error", TryLater, True),
    "without a word": ("", TryLater, True),
    "format": ("Error: 2207026: Unsupported video format", Rejected, False),
    "a new subcode": ("Error: 2207099: Too blue", Rejected, False),
    "another number": ("Error 12345678 in 1234567", TryLater, True),
}


@pytest.mark.parametrize(("status", "kind", "anew"), FAILED.values(), ids=FAILED.keys())
def test_a_container_says_why_it_failed(status: str, kind: Kind, anew: bool) -> None:
    with pytest.raises(PlatformError) as raised:
        raise_for_failed(status)
    assert type(raised.value) is kind
    assert wants_new_container(raised.value) is anew
    assert is_unfetched(raised.value) is ("2207052" in status)

"""What each error means for a target, before the create call and during it."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from backend.core import outcomes
from backend.core.errors import (
    FetchFailed,
    LinError,
    NoAnswer,
    NotSent,
    OutcomeUnknown,
    Reconnect,
    Rejected,
    TryLater,
    Unavailable,
)
from backend.core.platform_contract import Identity, Published
from backend.core.records import ClaimedTarget

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
TARGET = ClaimedTarget(
    target_id="t", post_id="p", user_id="u", account_id="a", platform="linkedin", lease_token=7, attempt=1, failures=0,
    due_at=NOW, deadline_at=NOW + timedelta(hours=6), post_version=1, target_version=1, text="Good morning", options={},
    identity=Identity(external_id="x", account_name="Ada"), granted_scopes=(), tokens=None, media=(),
)  # fmt: skip

THROTTLED = TryLater("Slow down.", error_class="throttle", http_status=429)
HINTED = TryLater("Later.", error_class="busy", http_status=503, after=600)
ACCOUNT = TryLater("Limit.", error_class="limit", http_status=429, after=600, whole_account=True)
OPERATOR = TryLater("Ask the operator.", error_class="http_426", http_status=426, after=3600, operator=True)  # fmt: skip
BUSY = TryLater("Busy.", error_class="http_409", http_status=409)
SERVER = TryLater("LinkedIn answered 502.", error_class="http_502", http_status=502)
REJECTED = Rejected("No.", error_class="invalid", http_status=422)
RECONNECT = Reconnect("Gone.", error_class="revoked", http_status=401)
UNKNOWN = OutcomeUnknown("May be live.", error_class="http_500", http_status=500)
SILENT = NoAnswer("The answer did not come.")
UNREACHED = NotSent("The connection was refused.")


@pytest.mark.parametrize(
    ("error", "sent", "outcome", "error_class", "after", "whole_account"),
    [
        # the same before and during the call: the error says itself that nothing was made
        (REJECTED, False, "failed", "invalid", None, False),
        (REJECTED, True, "failed", "invalid", None, False),
        (RECONNECT, False, "needs_reconnect", "revoked", None, False),
        (RECONNECT, True, "needs_reconnect", "revoked", None, False),
        (UNREACHED, False, "retry", "not_sent", (0, 30), False),
        (UNREACHED, True, "retry", "not_sent", (0, 30), False),
        (BUSY, False, "retry", "http_409", (0, 30), False),
        (BUSY, True, "retry", "http_409", (0, 30), False),
        (THROTTLED, False, "retry", "throttle", (15, 30), False),
        (THROTTLED, True, "retry", "throttle", (15, 30), False),
        (HINTED, True, "retry", "busy", (600, 660), False),
        (ACCOUNT, False, "retry", "limit", (600, 660), True),
        (ACCOUNT, True, "retry", "limit", (600, 660), True),
        # the class of which the database counts no try
        (OPERATOR, False, "retry", "operator", (3600, 3960), False),
        (OPERATOR, True, "retry", "operator", (3600, 3960), False),
        # during the call nobody knows; before it nothing can be unknown
        (UNKNOWN, True, "unconfirmed", "outcome_unknown", None, False),
        (UNKNOWN, False, "retry", "http_500", (0, 30), False),
        (SILENT, True, "unconfirmed", "outcome_unknown", None, False),
        (SILENT, False, "retry", "prepare_failed", (0, 30), False),
        (Unavailable("No storage."), False, "retry", "prepare_failed", (0, 30), False),
        # an error nobody thought of is no proof that nothing was made
        (FetchFailed("Odd."), False, "retry", "prepare_failed", (0, 30), False),
        (FetchFailed("Odd."), True, "unconfirmed", "outcome_unknown", None, False),
        (LinError("Odd."), True, "unconfirmed", "outcome_unknown", None, False),
    ],
)
def test_an_error_means(
    error: LinError,
    sent: bool,
    outcome: str,
    error_class: str,
    after: tuple[float, float] | None,
    whole_account: bool,
) -> None:
    for seed in range(50):
        ended = outcomes.refused(TARGET, error, random.Random(seed), sent=sent)
        assert (ended.target_id, ended.lease_token) == ("t", 7)
        assert (ended.outcome, ended.error_class, ended.error) == (outcome, error_class, str(error))
        assert ended.whole_account is whole_account
        assert ended.http_status == getattr(error, "http_status", None)
        if after is None:
            assert ended.after_seconds is None
        else:
            assert ended.after_seconds is not None
            assert after[0] <= ended.after_seconds <= after[1]


def test_earlier_failures_make_the_wait_longer() -> None:
    target = replace(TARGET, failures=3)
    ended = outcomes.refused(target, THROTTLED, random.Random(1), sent=True)
    assert ended.after_seconds is not None
    assert 120 <= ended.after_seconds <= 240


def test_a_refusal_that_names_the_post_that_is_there_passes_it_on() -> None:
    error = Rejected(
        "Twice.", error_class="duplicate", existing_id="urn:1", existing_url="https://x"
    )
    ended = outcomes.refused(TARGET, error, random.Random(1), sent=True)
    assert (ended.external_id, ended.external_url) == ("urn:1", "https://x")


def test_long_words_of_a_platform_are_cut_to_what_is_stored() -> None:
    error = Rejected("m" * 900, error_class="c" * 90)
    ended = outcomes.refused(TARGET, error, random.Random(1), sent=True)
    assert (ended.error, ended.error_class) == ("m" * 500, "c" * 50)


def test_success_keeps_what_the_platform_said() -> None:
    answer = Published("urn:1", "https://x", http_status=201, request_id="r")
    ended = outcomes.answered(TARGET, answer)
    assert (ended.outcome, ended.external_id, ended.external_url) == (
        "published",
        "urn:1",
        "https://x",
    )
    assert (ended.http_status, ended.request_id, ended.error) == (201, "r", None)


@pytest.mark.parametrize(
    ("sent", "outcome", "waits"), [(True, "unconfirmed", False), (False, "retry", True)]
)
def test_a_mistake_of_ours_is_unknown_after_the_mark_and_harmless_before(
    sent: bool, outcome: str, waits: bool
) -> None:
    ended = outcomes.went_wrong(TARGET, random.Random(1), sent=sent)
    assert (ended.outcome, ended.error_class) == (outcome, "internal")
    assert (ended.after_seconds is not None) is waits
    assert "Lin's side" in str(ended.error)


def test_again_at_once_waits_for_nothing() -> None:
    ended = outcomes.again_at_once(TARGET, "token_renewed", "Renewed.")
    assert (ended.outcome, ended.after_seconds, ended.whole_account) == ("retry", 0, False)


@pytest.mark.parametrize(("seconds", "whole_account"), [(0.0, False), (12.5, True)])
def test_giving_back_holds_the_account_only_as_long_as_there_is_a_wait(
    seconds: float, whole_account: bool
) -> None:
    ended = outcomes.given_back(TARGET, "paused", "Paused.", seconds)
    assert (ended.outcome, ended.error_class) == ("not_sent", "paused")
    assert (ended.after_seconds, ended.whole_account) == (seconds, whole_account)


@pytest.mark.parametrize(("sent", "outcome"), [(True, "unconfirmed"), (False, "retry")])
def test_what_cannot_be_stored_becomes_the_plainest_true_outcome(sent: bool, outcome: str) -> None:
    answer = Published("urn:1", None, http_status=201, request_id=None)
    ended = outcomes.not_storable(outcomes.answered(TARGET, answer), sent=sent)
    assert (ended.outcome, ended.error_class, ended.external_id) == (outcome, "not_storable", None)
    assert (ended.target_id, ended.lease_token, ended.http_status) == ("t", 7, 201)


@pytest.mark.parametrize(
    ("error", "of_the_far_end"),
    [
        (SERVER, True),
        (HINTED, True),
        (TryLater("Later.", error_class="refresh_failed"), True),
        (UNREACHED, True),
        (SILENT, True),
        (UNKNOWN, True),
        (THROTTLED, False),
        (ACCOUNT, False),
        (BUSY, False),
        (REJECTED, False),
        (RECONNECT, False),
        (FetchFailed("Odd."), False),
    ],
)
def test_only_trouble_of_the_platform_itself_counts_against_it(
    error: LinError, of_the_far_end: bool
) -> None:
    assert outcomes.is_fault_of_the_far_end(error) is of_the_far_end

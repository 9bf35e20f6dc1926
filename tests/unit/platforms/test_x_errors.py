"""What X's refusals mean, row by row of its error table (X API v2, 2026-08)."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest
from requests.structures import CaseInsensitiveDict

from backend.core.errors import OutcomeUnknown, PlatformError, Reconnect, Rejected, TryLater
from backend.core.ports import Answer
from backend.platforms.x_errors import raise_for, raise_for_oauth

TYPES = "https://api.twitter.com/2/problems/"
DATE = {"Date": "Sat, 21 Nov 2026 12:00:00 GMT"}
NOON = 1795262400
DUPLICATE = "You are not allowed to create a Tweet with duplicate content."
FORBIDDEN = "You are not permitted to perform this action."


def answer(status: int, kind: str | None = None, detail: str = "No.", headers: dict[str, str] | None = None, **more: Any) -> Answer:  # fmt: skip
    body = {
        "title": "T",
        "detail": detail,
        "status": status,
        "type": TYPES + kind if kind else "about:blank",
    } | more
    return Answer(status, CaseInsensitiveDict(headers or {}), json.dumps(body).encode())


def meaning(given: Answer, *, creating: bool = True) -> PlatformError:
    with pytest.raises(PlatformError) as raised:
        raise_for(given, creating=creating)
    return raised.value


@pytest.mark.parametrize("status", [200, 201, 204, 299])
def test_success_is_no_error(status: int) -> None:
    raise_for(Answer(status, {}), creating=True)
    raise_for_oauth(Answer(status, {}), refreshing=True)


ROWS = [
    (400, "invalid-request", "No.", Rejected, "invalid-request"),
    (400, "invalid-request", "The text is too long.", Rejected, "invalid-request"),
    (403, None, "Your text is too long.", Rejected, "http_403"),
    (401, None, "Unauthorized", Reconnect, "http_401"),
    (402, "credits", "No credits.", TryLater, "credits_depleted"),
    (402, None, "", TryLater, "credits_depleted"),
    (403, None, FORBIDDEN, Rejected, "http_403"),
    (403, None, DUPLICATE, Rejected, "duplicate"),
    (403, "client-forbidden", "No.", TryLater, "client-forbidden"),
    (403, "oauth1-permissions", "No.", TryLater, "oauth1-permissions"),
    (403, "unsupported-authentication", "No.", TryLater, "unsupported-authentication"),
    (403, "usage-capped", "No.", TryLater, "usage-capped"),
    (404, "resource-not-found", "No.", Rejected, "resource-not-found"),
    (405, None, "No.", Rejected, "http_405"),
    (409, "conflict", "No.", Rejected, "conflict"),
    (413, None, "", Rejected, "http_413"),
    (415, None, "", Rejected, "http_415"),
    (422, None, "", Rejected, "http_422"),
    (426, None, "", Rejected, "http_426"),
    (429, None, "Too Many Requests", TryLater, "http_429"),
    (429, "usage-capped", "No.", TryLater, "usage-capped"),
]


@pytest.mark.parametrize("creating", [True, False], ids=["creating", "preparing"])
@pytest.mark.parametrize(("status", "kind", "detail", "error", "error_class"), ROWS, ids=[f"{s} {k} {d}"[:40] for s, k, d, _, _ in ROWS])  # fmt: skip
def test_each_row_has_its_meaning_whatever_the_call(
    status: int,
    kind: str | None,
    detail: str,
    error: type[PlatformError],
    error_class: str,
    creating: bool,
) -> None:
    raised = meaning(answer(status, kind, detail), creating=creating)
    assert type(raised) is error
    assert (raised.http_status, raised.error_class) == (status, error_class)


@pytest.mark.parametrize("status", [500, 502, 503, 504, 599, 302, 304, 100, 408, 425, 499])
@pytest.mark.parametrize("headers", [{}, {"Retry-After": "17"}], ids=["", "with a time"])
def test_what_is_no_documented_refusal_leaves_a_created_post_unknown(
    status: int, headers: dict[str, str]
) -> None:
    error = meaning(answer(status, headers=headers))
    assert type(error) is OutcomeUnknown
    assert "may be live" in str(error)
    assert type(meaning(answer(status, headers=headers), creating=False)) is TryLater


LATER = {"x-rate-limit-reset": str(NOON + 600)}
WAITS: list[tuple[dict[str, str], float | None]] = [
    ({}, None),
    (LATER, 600),
    (LATER | {"x-rate-limit-remaining": "0"}, 600),
    ({"X-Rate-Limit-Reset": str(NOON + 600)}, 600),
    ({"x-rate-limit-reset": str(NOON - 5)}, 0),
    ({"x-rate-limit-reset": "soon"}, None),
    ({"retry-after": "7"}, 7),
    (LATER | {"retry-after": "7"}, 600),
    # the day's limit is used up, the quarter hour's is not
    (LATER | {"x-rate-limit-remaining": "3", "x-user-limit-24hour-remaining": "0", "x-user-limit-24hour-reset": str(NOON + 7200)}, 7200),
    (LATER | {"x-rate-limit-remaining": "0", "x-app-limit-24hour-remaining": "0", "x-app-limit-24hour-reset": str(NOON + 9000)}, 9000),
    (LATER | {"x-rate-limit-remaining": "0", "x-user-limit-24hour-remaining": "88", "x-user-limit-24hour-reset": str(NOON + 7200)}, 600),
]  # fmt: skip


@pytest.mark.parametrize(("headers", "seconds"), WAITS)
def test_a_throttled_account_waits_as_a_whole_until_its_limit_is_lifted(
    headers: dict[str, str], seconds: float | None
) -> None:
    error = meaning(answer(429, headers=headers | DATE))
    assert isinstance(error, TryLater)
    assert (error.after, error.whole_account) == (seconds, True)


def test_the_old_shape_of_a_throttled_answer_means_the_same() -> None:
    body = b'{"errors": [{"code": 88, "message": "Rate limit exceeded"}]}'
    assert type(meaning(Answer(429, {}, body))) is TryLater


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (402, None),
        (403, "usage-capped"),
        (429, "usage-capped"),
        (403, "client-forbidden"),
        (403, "unsupported-authentication"),
    ],
)
def test_what_only_the_operator_can_mend_is_told_to_him_and_waits_an_hour(
    status: int, kind: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR):
        error = meaning(answer(status, kind, headers=LATER | DATE))
    assert isinstance(error, TryLater)
    assert (error.after, error.whole_account) == (3600, True)
    assert "X refuses this app" in caplog.text
    assert "operator" in str(error)


def test_a_validation_says_which_rule_was_broken() -> None:
    errors = [
        {"message": "text is 300 long", "parameters": {"text": ["…"]}},
        {"message": "and more"},
    ]
    assert "text is 300 long" in str(
        meaning(answer(400, "invalid-request", "Invalid.", errors=errors))
    )
    assert "Invalid." in str(meaning(answer(400, "invalid-request", "Invalid.", errors=[])))


def test_a_refusal_says_what_its_owner_can_do() -> None:
    assert "connect the account again" in str(meaning(answer(403, None, FORBIDDEN)))
    assert "change the text" in str(meaning(answer(403, None, DUPLICATE)))
    assert "connect it again" in str(meaning(answer(401)))


@pytest.mark.parametrize(
    "body", [b"", b"<html>Bad Gateway</html>", b"[]", b'"no"', b"null", b"\xff\xfe", b'{"type": {}, "detail": [], "errors": {}}', b'{"errors": [null]}']
)  # fmt: skip
@pytest.mark.parametrize(("status", "kind"), [(400, Rejected), (401, Reconnect), (403, Rejected), (429, TryLater), (500, OutcomeUnknown)])  # fmt: skip
def test_a_body_that_is_not_as_documented_changes_nothing(
    body: bytes, status: int, kind: type[PlatformError]
) -> None:
    error = meaning(Answer(status, {}, body))
    assert type(error) is kind
    assert error.http_status == status


def test_long_words_of_the_platform_are_cut_and_its_request_id_kept() -> None:
    error = meaning(answer(400, "x" * 200, "m" * 5000, {"x-transaction-id": "abc"}))
    assert len(error.error_class) == 50
    assert len(str(error)) < 400
    assert error.request_id == "abc"


OAUTH_ROWS = [
    (400, "invalid_request", Rejected, Rejected),
    (401, "unauthorized_client", Rejected, TryLater),
    (401, None, Rejected, TryLater),
    (400, "invalid_client", Rejected, TryLater),
    (429, "too_many", TryLater, TryLater),
    (500, None, TryLater, TryLater),
    (503, "server_error", TryLater, TryLater),
    (302, None, Rejected, Rejected),
]


@pytest.mark.parametrize(("status", "word", "exchanging", "refreshing"), OAUTH_ROWS)
def test_each_row_of_the_token_endpoint_has_its_meaning(
    status: int,
    word: str | None,
    exchanging: type[PlatformError],
    refreshing: type[PlatformError],
) -> None:
    body = {"error": word, "error_description": "secret-looking"} if word else {}
    given = Answer(status, {}, json.dumps(body).encode())
    for is_refresh, kind in ((False, exchanging), (True, refreshing)):
        with pytest.raises(PlatformError) as raised:
            raise_for_oauth(given, refreshing=is_refresh)
        assert type(raised.value) is kind
        assert raised.value.error_class == (word or f"http_{status}")
        assert "secret-looking" not in str(raised.value)


def test_wrong_credentials_of_the_server_are_its_operators_matter_and_no_accounts(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with pytest.raises(TryLater) as raised:
        raise_for_oauth(Answer(401, {}, b'{"error": "unauthorized_client"}'), refreshing=True)
    assert raised.value.after == 3600
    assert "X_CLIENT_SECRET" in caplog.text

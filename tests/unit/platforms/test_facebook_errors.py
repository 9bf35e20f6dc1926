"""What the Graph API's refusals mean for a Facebook page, row by row of its error table (Graph API, v24 to v26)."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest
from requests.structures import CaseInsensitiveDict

from backend.core.errors import OutcomeUnknown, PlatformError, Reconnect, Rejected, TryLater
from backend.core.ports import Answer
from backend.platforms.facebook_errors import raise_for_page
from backend.platforms.graph_errors import is_gone, raise_for, raise_for_oauth

Kind = type[PlatformError]


def answer(status: int, code: int | None = None, subcode: int | None = None, headers: dict[str, str] | None = None, **more: Any) -> Answer:  # fmt: skip
    error: dict[str, Any] = {"message": "No.", "type": "OAuthException", "fbtrace_id": "AbC"}
    error |= {"code": code} if code is not None else {}
    error |= {"error_subcode": subcode} if subcode is not None else {}
    body = json.dumps({"error": error | more})
    return Answer(status, CaseInsensitiveDict(headers or {}), body.encode())


def meaning(given: Answer, *, committing: bool = True) -> PlatformError:
    with pytest.raises(PlatformError) as raised:
        raise_for(given, committing=committing, title="Facebook", own=raise_for_page)
    return raised.value


@pytest.mark.parametrize("body", [b'{"id": "1_2"}', b"", b"[]", b"true"])
def test_success_is_no_error(body: bytes) -> None:
    raise_for(Answer(200, {}, body), committing=True, title="Facebook", own=raise_for_page)
    raise_for_oauth(Answer(200, {}, body), title="Facebook", variables="X")


# HTTP status, code, subcode, what it means
ROWS: list[tuple[int, int, int | None, Kind]] = [
    (400, 190, None, Reconnect),
    (401, 190, None, Reconnect),
    *[(400, 190, subcode, Reconnect) for subcode in (458, 459, 460, 463, 464, 467, 492)],
    (400, 102, None, Reconnect),
    (403, 10, None, Reconnect),
    (400, 10, None, Reconnect),
    (403, 200, None, Reconnect),
    (400, 200, None, Reconnect),
    (403, 230, None, Reconnect),
    (403, 299, None, Reconnect),
    (400, 300, None, Rejected),
    (400, 100, None, Rejected),
    (400, 100, 33, Rejected),
    (400, 3, None, Rejected),
    *[(400, code, None, TryLater) for code in (4, 17, 32, 341, 613, 80001)],
    *[(429, code, None, TryLater) for code in (4, 17, 32, 341, 613, 80001)],
    (403, 4, None, TryLater),
    (400, 368, None, Rejected),
    (400, 506, None, Rejected),
    (500, 506, None, Rejected),
    (400, 1609005, None, Rejected),
    (400, 100, 1609005, Rejected),
    *[(400, 100, sub, Rejected) for sub in (1366046, 1390008, 1346003, 1404078, 1404102)],
    (400, 200, 1404078, Rejected),
    (400, 368, 1390008, Rejected),
    (400, 324, None, Rejected),
    (400, 104, None, Rejected),
    (400, 2500, None, Rejected),
    (400, 987654, None, Rejected),
]


@pytest.mark.parametrize("committing", [True, False], ids=["publishing", "preparing"])
@pytest.mark.parametrize(
    ("status", "code", "subcode", "kind"), ROWS, ids=[f"{s} {c} {sub}" for s, c, sub, _ in ROWS]
)
def test_each_row_has_its_meaning_whatever_the_call(
    status: int, code: int, subcode: int | None, kind: Kind, committing: bool
) -> None:
    error = meaning(answer(status, code, subcode), committing=committing)
    assert type(error) is kind
    assert (error.http_status, error.request_id) == (status, "AbC")
    if code != 506:
        assert error.error_class == f"graph_{code}" + (f"_{subcode}" if subcode else "")


AMBIGUOUS = [
    (500, 1, False),
    (400, 1, True),
    (400, 1, False),
    (503, 2, True),
    (400, 2, False),
    (400, 100, True),
    (200, 2, True),
]


@pytest.mark.parametrize(("status", "code", "transient"), AMBIGUOUS)
def test_what_meta_calls_unknown_or_passing_leaves_a_post_open(
    status: int, code: int, transient: bool
) -> None:
    given = answer(status, code, is_transient=transient)
    assert type(meaning(given)) is OutcomeUnknown
    assert "may be live" in str(meaning(given))
    assert type(meaning(given, committing=False)) is TryLater


@pytest.mark.parametrize("status", [500, 502, 503, 504, 302, 408, 409, 418])
@pytest.mark.parametrize("headers", [{}, {"Retry-After": "7"}])
def test_no_status_proves_that_nothing_was_made(status: int, headers: dict[str, str]) -> None:
    given = Answer(status, CaseInsensitiveDict(headers), b"<html>")
    assert type(meaning(given)) is OutcomeUnknown
    later = meaning(given, committing=False)
    assert isinstance(later, TryLater)
    assert later.after == (7 if headers else None)


@pytest.mark.parametrize(
    ("status", "kind"),
    [(400, Rejected), (401, Reconnect), (403, Rejected), (404, Rejected), (405, Rejected),
     (413, Rejected), (415, Rejected), (422, Rejected), (426, Rejected), (429, TryLater)],
)  # fmt: skip
@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"[]", b'"no"', b"null", b"\xff\xfe", b'{"error": "no"}', b'{"error": {"code": {}, "message": []}}']
)  # fmt: skip
def test_without_a_code_the_status_decides(status: int, kind: Kind, body: bytes) -> None:
    error = meaning(Answer(status, {}, body))
    assert type(error) is kind
    assert error.error_class == f"http_{status}"


def test_an_error_in_a_success_is_an_error() -> None:
    assert type(meaning(answer(200, 190))) is Reconnect


def test_codes_written_as_text_are_read() -> None:
    given = Answer(400, {}, b'{"error": {"code": "190", "error_subcode": "463"}}')
    assert meaning(given).error_class == "graph_190_463"


# ------------------------------------------------------------------------------------ waiting

MINUTES = {"X-Business-Use-Case-Usage": json.dumps({
    "17": [{"type": "pages", "call_count": 100, "estimated_time_to_regain_access": 12},
           {"type": "other", "estimated_time_to_regain_access": 30}],
})}  # fmt: skip
FREE = {"X-Business-Use-Case-Usage": '{"17": [{"estimated_time_to_regain_access": 0}]}'}


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, 3600),
        (MINUTES, 1800),
        (MINUTES | {"Retry-After": "5"}, 1800),
        (FREE, 3600),
        ({"Retry-After": "90"}, 90),
        ({"X-Business-Use-Case-Usage": "not JSON"}, 3600),
        ({"X-Business-Use-Case-Usage": "[1]"}, 3600),
        ({"X-Business-Use-Case-Usage": '{"17": 5, "18": [7, {"estimated_time_to_regain_access": "soon"}]}'}, 3600),
        ({"X-App-Usage": '{"call_count": 100, "total_cputime": 3, "total_time": 4}'}, 3600),
    ],
)  # fmt: skip
def test_a_limit_is_the_accounts_and_lasts_as_long_as_meta_says_or_an_hour(
    headers: dict[str, str], seconds: float
) -> None:
    error = meaning(answer(400, 32, headers=headers))
    assert isinstance(error, TryLater)
    assert (error.after, error.whole_account) == (seconds, True)


def test_the_limit_of_the_app_and_a_missing_capability_are_told_to_the_operator(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.ERROR):
        meaning(answer(400, 17))
        assert caplog.text == ""
        meaning(answer(400, 4))
        meaning(answer(400, 3))
    assert "all calls of this app" in caplog.text
    assert "lacks a capability" in caplog.text


# ------------------------------------------------------------------------------------ what people read


@pytest.mark.parametrize(
    ("subcode", "words"),
    [
        (458, "the app was removed"), (459, "security check"), (460, "password was changed"), (463, "has expired"),
        (464, "confirmed"), (467, "withdrawn"), (492, "no role on this page"), (None, "permission to publish is gone"),
        (999, "permission to publish is gone"),
    ],
)  # fmt: skip
def test_a_dead_token_says_why_and_what_to_do(subcode: int | None, words: str) -> None:
    # Meta repeats the token in its own words
    error = meaning(answer(400, 190, subcode, message="Malformed access token EAAB123"))
    assert words in str(error)
    assert "connect the account again" in str(error)
    assert "EAAB123" not in str(error)


def test_a_missing_permission_is_named() -> None:
    error = meaning(answer(403, 200, message="Requires pages_manage_posts"))
    assert "pages_manage_posts" in str(error)
    assert "Connect the account again" in str(error)


@pytest.mark.parametrize(
    ("code", "subcode", "words"),
    [
        (368, None, "looks like abuse"), (506, None, "says the very same"), (1609005, None, "preview of the link"),
        (100, 1366046, "format or its size"), (100, 1390008, "too fast"), (100, 1346003, "abuse"),
        (100, 1404078, "authorised for publishing"), (100, 1404102, "community standards"),
    ],
)  # fmt: skip
def test_a_refusal_says_what_to_do(code: int, subcode: int | None, words: str) -> None:
    assert words in str(meaning(answer(400, code, subcode)))


def test_a_post_that_is_there_already_is_called_a_duplicate() -> None:
    assert meaning(answer(500, 506)).error_class == "duplicate"


def test_the_words_for_users_are_preferred_and_cut() -> None:
    assert "For you" in str(meaning(answer(400, 100, error_user_msg="For you")))
    assert len(str(meaning(answer(400, 100, message="m" * 5000)))) < 400


@pytest.mark.parametrize(("given", "gone"), [(answer(400, 100, 33), True), (answer(404, 100, 33), True), (answer(400, 100), False), (Answer(404, {}), False)])  # fmt: skip
def test_what_is_gone_is_told_from_what_is_wrong(given: Answer, gone: bool) -> None:
    error = meaning(given)
    assert isinstance(error, Rejected)
    assert is_gone(error) is gone


# ------------------------------------------------------------------------------------ signing in

OAUTH_ROWS: list[tuple[int, int | None, int | None, Kind, str]] = [
    (400, 100, 36009, Rejected, "used already"),
    (400, 100, 36007, Rejected, "expired"),
    (400, 100, 36008, Rejected, "another one"),
    (400, 190, 463, Rejected, "Start connecting again"),
    (400, 101, None, Rejected, "Start connecting again"),
    (400, 1, None, Rejected, "Start connecting again"),
    (400, None, None, Rejected, "Start connecting again"),
    (400, 4, None, TryLater, "limit"),
    (429, None, None, TryLater, "429"),
    (500, 1, None, TryLater, "500"),
    (503, 2, None, TryLater, "503"),
    (400, 2, None, TryLater, "400"),
]


@pytest.mark.parametrize(("status", "code", "subcode", "kind", "words"), OAUTH_ROWS)
def test_each_row_of_the_token_endpoint_has_its_meaning(
    status: int, code: int | None, subcode: int | None, kind: Kind, words: str
) -> None:
    with pytest.raises(PlatformError) as raised:
        raise_for_oauth(
            answer(status, code, subcode, message="secret-looking"), title="Facebook", variables="V"
        )
    assert type(raised.value) is kind
    assert words in str(raised.value)
    assert "secret-looking" not in str(raised.value)


@pytest.mark.parametrize("code", [1, 101])
def test_wrong_credentials_of_the_server_are_told_to_its_operator(
    caplog: pytest.LogCaptureFixture, code: int
) -> None:
    with pytest.raises(Rejected):
        raise_for_oauth(answer(400, code), title="Facebook", variables="FACEBOOK_APP_SECRET")
    assert "FACEBOOK_APP_SECRET" in caplog.text

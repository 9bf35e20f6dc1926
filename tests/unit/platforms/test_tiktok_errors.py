"""What TikTok's refusals mean, row by row of its error tables (Content Posting API, OAuth v2, Media Transfer; 2026-09)."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest
from requests.structures import CaseInsensitiveDict

from backend.core.errors import (
    NoAnswer,
    OutcomeUnknown,
    PlatformError,
    Reconnect,
    Rejected,
    TryLater,
)
from backend.core.ports import Answer
from backend.platforms.tiktok_errors import (
    UploadLost,
    data_of,
    failure,
    may_be_sent_again,
    raise_for_oauth,
    raise_for_part,
)

DAY = 24 * 3600


def answer(status: int, code: str | None = None, message: str = "No.", headers: dict[str, str] | None = None, **more: Any) -> Answer:  # fmt: skip
    body = {"error": {"code": code, "message": message, "log_id": "2026X"}, **more} if code else {}
    return Answer(status, CaseInsensitiveDict(headers or {}), json.dumps(body).encode())


def meaning(given: Answer, *, creating: bool = True) -> PlatformError:
    with pytest.raises(PlatformError) as raised:
        data_of(given, creating=creating)
    return raised.value


# ------------------------------------------------------------------------------------ the API


def test_only_ok_is_success_and_gives_the_data() -> None:
    assert data_of(answer(200, "ok", data={"publish_id": "p"}), creating=True) == {
        "publish_id": "p"
    }
    assert data_of(answer(200, "ok"), creating=True) == {}
    assert data_of(answer(200, "ok", data=[1]), creating=True) == {}


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"{}", b"[]", b'"ok"', b"null", b'{"error": "ok"}', b'{"data": {"publish_id": "p"}}', b'{"error": {"code": ""}}']
)  # fmt: skip
def test_a_success_that_does_not_say_ok_is_no_answer(body: bytes) -> None:
    with pytest.raises(NoAnswer):
        data_of(Answer(200, {}, body), creating=True)


ROWS = [
    (400, "invalid_param", Rejected, None),
    (400, "invalid_params", Rejected, None),
    (400, "invalid_publish_id", Rejected, None),
    (400, "token_not_authorized_for_specified_publish_id", Rejected, None),
    (400, "publish_not_cancellable", Rejected, None),
    (400, "invalid_file_upload", Rejected, None),
    (400, "app_version_check_failed", Rejected, None),
    (400, "scope_permission_missed", Rejected, None),
    (401, "access_token_invalid", Reconnect, None),
    (401, "scope_not_authorized", Reconnect, None),
    (403, "spam_risk_too_many_posts", TryLater, DAY),
    (403, "reached_active_user_cap", TryLater, DAY),
    (403, "spam_risk_too_many_pending_share", TryLater, DAY),
    (403, "spam_risk_user_banned_from_posting", Rejected, None),
    (403, "spam_risk", Rejected, None),
    (403, "unaudited_client_can_only_post_to_private_accounts", Rejected, None),
    (403, "url_ownership_unverified", Rejected, None),
    (403, "privacy_level_option_mismatch", Rejected, None),
    (429, "rate_limit_exceeded", TryLater, 60),
]


@pytest.mark.parametrize("creating", [True, False], ids=["creating", "preparing"])
@pytest.mark.parametrize(("status", "code", "kind", "after"), ROWS, ids=[row[1] for row in ROWS])
def test_each_row_has_its_meaning_whatever_the_call(
    status: int, code: str, kind: type[PlatformError], after: int | None, creating: bool
) -> None:
    error = meaning(answer(status, code), creating=creating)
    assert type(error) is kind
    assert error.error_class == code
    assert error.http_status == status
    assert error.request_id == "2026X"
    if isinstance(error, TryLater):
        assert (error.after, error.whole_account) == (after, True)


@pytest.mark.parametrize(("status", "code", "kind", "after"), ROWS, ids=[row[1] for row in ROWS])
def test_a_refusal_in_a_success_is_a_refusal_all_the_same(
    status: int, code: str, kind: type[PlatformError], after: int | None
) -> None:
    assert type(meaning(answer(200, code))) is kind


def test_a_refused_token_can_be_renewed_however_it_is_told() -> None:
    assert meaning(answer(200, "access_token_invalid")).http_status == 401


@pytest.mark.parametrize("given", [answer(500, "internal_error"), answer(200, "internal_error"), answer(502), answer(503), answer(504),
    answer(302), answer(100), answer(408), answer(200, "something_new")])  # fmt: skip
def test_what_is_no_clear_refusal_leaves_a_created_post_unknown(given: Answer) -> None:
    assert type(meaning(given)) is OutcomeUnknown
    assert "may be live" in str(meaning(given))
    assert type(meaning(given, creating=False)) is TryLater


@pytest.mark.parametrize("status", [400, 403, 404, 405, 413, 415, 422, 426])
@pytest.mark.parametrize("body", [b"", b"<html>Forbidden</html>", b"[]", b'{"error": []}', b'{"error": {"code": {}, "message": 3}}'])  # fmt: skip
def test_a_refusal_whose_body_is_not_as_documented_stays_one(status: int, body: bytes) -> None:
    error = meaning(Answer(status, {}, body))
    assert type(error) is Rejected
    assert error.http_status == status


@pytest.mark.parametrize(
    ("given", "after"),
    [
        (answer(429, "rate_limit_exceeded", headers={"Retry-After": "7"}), 60),
        (answer(429, "rate_limit_exceeded", headers={"Retry-After": "90"}), 90),
        (answer(429), 60),
        (answer(403, "spam_risk_too_many_posts", headers={"Retry-After": "500"}), 500),
        (answer(403, "spam_risk_too_many_posts", headers={"Retry-After": "soon"}), DAY),
    ],
)
def test_a_hint_is_heeded_but_a_minute_is_the_least(given: Answer, after: float) -> None:
    error = meaning(given)
    assert isinstance(error, TryLater)
    assert error.after == after


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("access_token_invalid", "connect it again"),
        ("scope_not_authorized", "leave every permission ticked"),
        ("spam_risk_user_banned_from_posting", "see in TikTok's app why"),
        ("unaudited_client_can_only_post_to_private_accounts", "Set the account to private"),
        ("privacy_level_option_mismatch", "choose one that it offers"),
        ("app_version_check_failed", "update it"),
        ("reached_active_user_cap", "five accounts a day"),
        ("invalid_params", "TikTok refused this: The title is odd."),
    ],
)
def test_the_words_say_what_to_do(code: str, words: str) -> None:
    assert words in str(meaning(answer(400, code, "The title is odd.")))


@pytest.mark.parametrize("code", ["scope_permission_missed", "url_ownership_unverified"])
def test_what_the_operator_has_to_mend_is_told_to_the_operator(
    code: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR):
        error = meaning(answer(403, code))
    assert caplog.records
    assert "operator" in str(error)


def test_long_words_of_the_platform_are_cut() -> None:
    error = meaning(answer(400, "x" * 200, "m" * 5000))
    assert len(error.error_class) == 50
    assert len(str(error)) < 400


# ------------------------------------------------------------------------------------ the token endpoint

OAUTH_ROWS = [
    ("access_denied", Rejected),
    ("invalid_client", Rejected),
    ("invalid_grant", Rejected),
    ("invalid_request", Rejected),
    ("invalid_scope", Rejected),
    ("unauthorized_client", Rejected),
    ("unsupported_grant_type", Rejected),
    ("server_error", TryLater),
    ("temporarily_unavailable", TryLater),
]


@pytest.mark.parametrize("status", [200, 400, 401])
@pytest.mark.parametrize(("word", "kind"), OAUTH_ROWS, ids=[row[0] for row in OAUTH_ROWS])
def test_each_word_of_the_token_endpoint_has_its_meaning_whatever_the_status(
    word: str, kind: type[PlatformError], status: int
) -> None:
    body = {"error": word, "error_description": "secret-looking", "log_id": "2026Y", "access_token": "act.1"}  # fmt: skip
    with pytest.raises(PlatformError) as raised:
        raise_for_oauth(Answer(status, {}, json.dumps(body).encode()))
    error = raised.value
    assert type(error) is kind
    assert (error.error_class, error.request_id) == (word, "2026Y")
    assert error.http_status == (None if status == 200 else status)
    assert "secret-looking" not in str(error)


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_token_endpoint_in_trouble_is_asked_again_later(status: int) -> None:
    with pytest.raises(TryLater):
        raise_for_oauth(Answer(status, {}, b"<html>"))


def test_an_empty_success_is_one() -> None:
    raise_for_oauth(Answer(200, {}))
    raise_for_oauth(Answer(200, {}, b'{"error": {"code": "ok", "message": ""}}'))


@pytest.mark.parametrize("word", ["invalid_client", "unauthorized_client"])
def test_wrong_credentials_of_the_server_are_told_to_its_operator(
    word: str, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(Rejected):
        raise_for_oauth(Answer(200, {}, json.dumps({"error": word}).encode()))
    assert "TIKTOK_CLIENT_SECRET" in caplog.text


# ------------------------------------------------------------------------------------ the parts of a video

PARTS = [
    (400, Rejected, Rejected),
    (403, UploadLost, UploadLost),
    (404, UploadLost, UploadLost),
    (413, Rejected, Rejected),
    (416, UploadLost, UploadLost),
    (429, TryLater, TryLater),
    (500, TryLater, OutcomeUnknown),
    (502, TryLater, OutcomeUnknown),
    (503, TryLater, OutcomeUnknown),
    (302, TryLater, OutcomeUnknown),
    (408, TryLater, OutcomeUnknown),
]


@pytest.mark.parametrize(("status", "on_the_way", "at_the_end"), PARTS)
def test_each_answer_to_a_part_has_its_meaning(
    status: int, on_the_way: type[PlatformError], at_the_end: type[PlatformError]
) -> None:
    for last, kind in ((False, on_the_way), (True, at_the_end)):
        with pytest.raises(PlatformError) as raised:
            raise_for_part(Answer(status, {}), last=last)
        assert type(raised.value) is kind
        assert raised.value.http_status == status


def test_parts_that_were_taken_are_no_error() -> None:
    raise_for_part(Answer(206, {}), last=False)
    raise_for_part(Answer(201, {}), last=True)


def test_a_last_part_after_which_tiktok_wants_more_leaves_it_unknown() -> None:
    with pytest.raises(OutcomeUnknown):
        raise_for_part(Answer(206, {}), last=True)


# ------------------------------------------------------------------------------------ what became of it


@pytest.mark.parametrize(
    ("reason", "again"),
    [
        ("file_format_check_failed", False),
        ("duration_check_failed", False),
        ("frame_rate_check_failed", False),
        ("picture_size_check_failed", False),
        ("publish_cancelled", False),
        ("auth_removed", False),
        ("spam_risk", False),
        ("spam_risk_text", False),
        ("internal", True),
        ("video_pull_failed", True),
        ("photo_pull_failed", True),
        ("something_new", False),
        ("", False),
    ],
)
def test_each_reason_of_a_failure_says_whether_another_try_may_help(
    reason: str, again: bool
) -> None:
    assert may_be_sent_again(reason) is again
    error = failure(reason)
    assert error.error_class == (reason or "failed")
    assert len(str(error)) > 30


def test_a_reason_nobody_knows_is_told_as_it_came() -> None:
    assert "something_new" in str(failure("something_new"))

"""What LinkedIn's refusals mean, row by row of its error table (Posts API, API error handling; 2026-09)."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest
from requests.structures import CaseInsensitiveDict

from backend.core.errors import OutcomeUnknown, PlatformError, Reconnect, Rejected, TryLater
from backend.core.ports import Answer
from backend.platforms.linkedin_errors import raise_for, raise_for_oauth


def answer(status: int, code: str | None = None, message: str = "No.", headers: dict[str, str] | None = None, **more: Any) -> Answer:  # fmt: skip
    body = {"status": status, "message": message} | ({"code": code} if code else {}) | more
    return Answer(status, CaseInsensitiveDict(headers or {}), json.dumps(body).encode())


def meaning(given: Answer, *, creating: bool = True) -> PlatformError:
    with pytest.raises(PlatformError) as raised:
        raise_for(given, creating=creating)
    return raised.value


@pytest.mark.parametrize("status", [200, 201, 204, 299])
def test_success_is_no_error(status: int) -> None:
    raise_for(Answer(status, {}), creating=True)
    raise_for_oauth(Answer(status, {}))


ROWS = [
    (401, "INVALID_ACCESS_TOKEN", Reconnect),
    (401, "REVOKED_ACCESS_TOKEN", Reconnect),
    (401, "EXPIRED_ACCESS_TOKEN", Reconnect),
    (401, "EMPTY_ACCESS_TOKEN", Reconnect),
    (401, None, Reconnect),
    (403, "ACCESS_DENIED", Reconnect),
    (400, "VERSION_MISSING", Rejected),
    (426, "NONEXISTENT_VERSION", TryLater),
    (400, "MISSING_FIELD", Rejected),
    (400, "INVALID_VALUE_FOR_FIELD", Rejected),
    (400, "INVALID_VALUE_BLANK_FIELD", Rejected),
    (400, "INVALID_URN_TYPE", Rejected),
    (400, "INVALID_URN_ID", Rejected),
    (400, "FIELD_LENGTH_TOO_LONG", Rejected),
    (400, "INVALID_IMAGE_ID", Rejected),
    (400, "INVALID_CONTENT_OWNERSHIP", Rejected),
    (400, "EXPIRED_UPLOAD_URL", Rejected),
    (400, "MEDIA_ASSET_WAITING_UPLOAD", TryLater),
    (400, "MEDIA_ASSET_PROCESSING_FAILED", Rejected),
    (403, None, Rejected),
    (404, "NOT_FOUND", Rejected),
    (405, None, Rejected),
    (409, "CONFLICT", TryLater),
    (411, None, Rejected),
    (413, None, Rejected),
    (415, None, Rejected),
    (422, "UNPROCESSABLE_ENTITY", Rejected),
    (429, "TOO_MANY_REQUESTS", TryLater),
]


@pytest.mark.parametrize("creating", [True, False], ids=["creating", "preparing"])
@pytest.mark.parametrize(("status", "code", "kind"), ROWS, ids=[f"{s} {c}" for s, c, _ in ROWS])
def test_each_row_has_its_meaning_whatever_the_call(
    status: int, code: str | None, kind: type[PlatformError], creating: bool
) -> None:
    error = meaning(answer(status, code), creating=creating)
    assert type(error) is kind
    assert error.http_status == status
    assert error.error_class == (code.lower() if code else f"http_{status}")


@pytest.mark.parametrize("status", [500, 502, 503, 504, 599, 302, 304, 100])
def test_what_is_no_clear_refusal_leaves_a_created_post_unknown(status: int) -> None:
    assert type(meaning(answer(status))) is OutcomeUnknown
    assert "may be live" in str(meaning(answer(status)))
    assert type(meaning(answer(status), creating=False)) is TryLater


def test_only_503_with_a_time_to_come_back_is_proof_that_nothing_was_created() -> None:
    error = meaning(answer(503, headers={"Retry-After": "17"}))
    assert isinstance(error, TryLater)
    assert error.after == 17
    assert type(meaning(answer(500, headers={"Retry-After": "17"}))) is OutcomeUnknown
    assert type(meaning(answer(503, headers={"Retry-After": "soon"}))) is OutcomeUnknown


def test_a_throttled_account_waits_as_a_whole_and_as_long_as_told() -> None:
    told = meaning(answer(429, headers={"retry-after": "90"}))
    assert isinstance(told, TryLater)
    assert (told.after, told.whole_account) == (90, True)
    silent = meaning(answer(429))
    assert isinstance(silent, TryLater)
    assert (silent.after, silent.whole_account) == (None, True)


def test_waiting_for_media_is_short_and_for_the_operator_long(
    caplog: pytest.LogCaptureFixture,
) -> None:
    media = meaning(answer(400, "MEDIA_ASSET_WAITING_UPLOAD"))
    with caplog.at_level(logging.ERROR):
        version = meaning(answer(426, "NONEXISTENT_VERSION"))
    assert isinstance(media, TryLater)
    assert isinstance(version, TryLater)
    assert (media.after, version.after) == (10, 3600)
    assert (media.operator, version.operator) == (False, True)
    assert "LINKEDIN_VERSION" in caplog.text


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("EXPIRED_ACCESS_TOKEN", "has expired; connect the account again"),
        ("REVOKED_ACCESS_TOKEN", "withdrawn at LinkedIn; connect the account again"),
        ("INVALID_ACCESS_TOKEN", "connect it again"),
    ],
)
def test_a_dead_token_says_why_and_what_to_do(code: str, words: str) -> None:
    assert words in str(meaning(answer(401, code)))


def test_a_denied_permission_names_the_denied_method() -> None:
    message = "Not enough permissions to access: partnerApiPostsExternal.CREATE.202609"
    assert message in str(meaning(answer(403, "ACCESS_DENIED", message)))


@pytest.mark.parametrize("urn", ["urn:li:share:71", "urn:li:ugcPost:72", "urn:li:activity:73"])
@pytest.mark.parametrize("front", ["", "com.linkedin.content.BadRequestResponseException: "])
def test_a_duplicate_names_the_post_that_is_there(urn: str, front: str) -> None:
    error = meaning(answer(422, None, f"{front}Content is a duplicate of {urn}"))
    assert type(error) is Rejected
    assert error.error_class == "duplicate"
    assert urn in str(error)


def test_a_duplicate_named_in_the_details_only_is_found_too() -> None:
    details = {"inputErrors": [{"code": "DUPLICATE_POST", "description": "duplicate of urn:li:share:71"}]}  # fmt: skip
    assert meaning(answer(422, None, "", errorDetails=details)).error_class == "duplicate"


@pytest.mark.parametrize(
    "body", [b"", b"<html>Bad Gateway</html>", b"[]", b'"no"', b"null", b"\xff\xfe", b'{"code": {}, "message": []}']
)  # fmt: skip
@pytest.mark.parametrize(("status", "kind"), [(400, Rejected), (401, Reconnect), (500, OutcomeUnknown)])  # fmt: skip
def test_a_body_that_is_not_as_documented_changes_nothing(
    body: bytes, status: int, kind: type[PlatformError]
) -> None:
    error = meaning(Answer(status, {}, body))
    assert type(error) is kind
    assert error.http_status == status


def test_long_words_of_the_platform_are_cut_and_its_request_id_kept() -> None:
    error = meaning(answer(400, "X" * 200, "m" * 5000, {"X-LI-UUID": "abc=="}))
    assert len(error.error_class) == 50
    assert len(str(error)) < 400
    assert error.request_id == "abc=="
    both = meaning(answer(400, "X", "m", {"x-li-uuid": "abc==", "x-li-request-id": "def"}))
    assert both.request_id == "def"


OAUTH_ROWS = [
    (400, "invalid_request", Rejected),
    (400, "invalid_redirect_uri", Rejected),
    (401, "invalid_request", Rejected),
    (401, "invalid_client", Rejected),
    (429, "too_many", TryLater),
    (500, None, TryLater),
    (503, "server_error", TryLater),
    (302, None, Rejected),
]


@pytest.mark.parametrize(("status", "word", "kind"), OAUTH_ROWS)
def test_each_row_of_the_token_endpoint_has_its_meaning(
    status: int, word: str | None, kind: type[PlatformError]
) -> None:
    body = json.dumps({"error": word, "error_description": "secret-looking"} if word else {})
    with pytest.raises(PlatformError) as raised:
        raise_for_oauth(Answer(status, {}, body.encode()))
    assert type(raised.value) is kind
    assert raised.value.error_class == (word or f"http_{status}")
    assert "secret-looking" not in str(raised.value)


def test_wrong_credentials_of_the_server_are_told_to_its_operator(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with pytest.raises(Rejected):
        raise_for_oauth(Answer(401, {}, b'{"error": "invalid_client"}'))
    assert "LINKEDIN_CLIENT_SECRET" in caplog.text

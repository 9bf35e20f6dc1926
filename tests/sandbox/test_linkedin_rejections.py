"""Each row of "What a strict LinkedIn simulator must reject" (platform facts 1.10)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from local.sandbox.driver import Caller, Sandbox

AUTHORIZE = "https://www.linkedin.com/oauth/v2/authorization"
TOKEN = "https://www.linkedin.com/oauth/v2/accessToken"
MINUTE, DAY = 60, 86_400

App = dict[str, str]
MakeVideo = Callable[[int, float], bytes]


def question(app: App, **changed: str) -> dict[str, str]:
    """The query of a correct authorize address, other as told."""
    return {
        "response_type": "code",
        "client_id": app["client_id"],
        "redirect_uri": app["redirect_uri"],
        "state": "s-1",
        "scope": "openid profile w_member_social",
    } | changed


def decide(sandbox: Sandbox, app: App, decision: str, **changed: str) -> requests.Response:
    return requests.post(
        sandbox.at(AUTHORIZE),
        params=question(app, **changed),
        data={"member": "new", "decision": decision},
        allow_redirects=False,
        timeout=10,
    )


def new_code(sandbox: Sandbox, app: App, **changed: str) -> str:
    target = decide(sandbox, app, "allow", **changed).headers["Location"]
    return parse_qs(urlsplit(target).query)["code"][0]


def exchange(sandbox: Sandbox, app: App, code: str, **changed: str) -> requests.Response:
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "client_id": app["client_id"],
        "client_secret": app["client_secret"],
        "redirect_uri": app["redirect_uri"],
    } | changed
    return requests.post(sandbox.at(TOKEN), data=form, timeout=10)


def assert_error(answer: requests.Response, status: int, code: str | None = None) -> dict[str, Any]:
    body: dict[str, Any] = answer.json()
    assert (answer.status_code, body["status"]) == (status, status), body
    assert body["message"]
    assert body.get("code") == code, body
    assert answer.headers["x-li-uuid"]
    assert answer.headers["x-li-request-id"]
    return body


@pytest.mark.parametrize(
    "changed",
    [{"client_id": "nobody"}, {"redirect_uri": "https://evil.example/"}, {"scope": "w_everything"}],
    ids=["client_id", "redirect_uri", "scope"],
)
def test_row_01_an_authorize_mistake_is_a_page_not_a_redirect(
    sandbox: Sandbox, app: App, changed: dict[str, str]
) -> None:
    for send in (requests.get, requests.post):
        answer = send(
            sandbox.at(AUTHORIZE),
            params=question(app, **changed),
            allow_redirects=False,
            timeout=10,
        )
        assert answer.status_code == 400
        assert "Location" not in answer.headers
        assert "something went wrong" in answer.text


def test_row_02_only_response_type_code_is_taken(sandbox: Sandbox, app: App) -> None:
    answer = requests.get(
        sandbox.at(AUTHORIZE), params=question(app, response_type="token"), timeout=10
    )
    assert answer.status_code == 400
    assert "response_type" in answer.text


@pytest.mark.parametrize(
    ("decision", "error"),
    [
        ("cancel_login", "user_cancelled_login"),
        ("cancel_authorize", "user_cancelled_authorize"),
    ],
)
def test_row_03_a_cancel_is_redirected_with_the_state(
    sandbox: Sandbox, app: App, decision: str, error: str
) -> None:
    answer = decide(sandbox, app, decision, state="a b&c=ü")
    assert answer.status_code == 302
    query = parse_qs(urlsplit(answer.headers["Location"]).query)
    assert (query["error"], query["state"]) == ([error], ["a b&c=ü"])
    assert query["error_description"]
    assert "code" not in query


def test_row_04_a_token_request_that_is_no_form_is_refused(sandbox: Sandbox, app: App) -> None:
    as_json = requests.post(sandbox.at(TOKEN), json={"grant_type": "x"}, timeout=10)
    untyped = requests.post(sandbox.at(TOKEN), data=b"grant_type=x", timeout=10)
    for answer in (as_json, untyped):
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


def test_row_05_credentials_in_http_basic_only_are_missing(sandbox: Sandbox, app: App) -> None:
    form = {"grant_type": "authorization_code", "code": "c", "redirect_uri": app["redirect_uri"]}
    credentials = (app["client_id"], app["client_secret"])
    answer = requests.post(sandbox.at(TOKEN), data=form, auth=credentials, timeout=10)
    assert answer.status_code == 400
    assert answer.json()["error"] == "invalid_request"
    assert '"client_id" is missing' in answer.json()["error_description"]


def test_row_06_a_wrong_secret_is_401(sandbox: Sandbox, app: App) -> None:
    answer = exchange(sandbox, app, new_code(sandbox, app), client_secret="wrong")
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


def test_row_07_a_used_or_unknown_code_is_refused(sandbox: Sandbox, app: App) -> None:
    code = new_code(sandbox, app)
    assert exchange(sandbox, app, code).status_code == 200
    for bad in (code, "AQ-unknown"):
        answer = exchange(sandbox, app, bad)
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


def test_row_08_a_code_after_thirty_minutes_is_refused(sandbox: Sandbox, app: App) -> None:
    member = sandbox.tell("members")["member"]
    answer = requests.post(
        sandbox.at(AUTHORIZE),
        params=question(app),
        data={"member": member, "decision": "allow"},
        allow_redirects=False,
        timeout=10,
    )
    code = parse_qs(urlsplit(answer.headers["Location"]).query)["code"][0]
    sandbox.tell("clock", advance_seconds=31 * MINUTE, member=member)
    late = exchange(sandbox, app, code)
    assert (late.status_code, late.json()["error"]) == (400, "invalid_redirect_uri")


def test_row_08_a_code_with_another_redirect_address_is_refused(sandbox: Sandbox, app: App) -> None:
    code = new_code(sandbox, app)
    answer = exchange(sandbox, app, code, redirect_uri=app["redirect_uri"] + "?x=1")
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_redirect_uri")


def test_row_09_an_app_without_refresh_tokens_cannot_refresh(sandbox: Sandbox, app: App) -> None:
    body = exchange(sandbox, app, new_code(sandbox, app)).json()
    assert "refresh_token" not in body
    answer = exchange(
        sandbox, app, "", grant_type="refresh_token", refresh_token=body["access_token"]
    )
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


def test_row_10_userinfo_needs_openid(sandbox: Sandbox, app: App) -> None:
    caller = sandbox.caller(client_id=app["client_id"], scopes=["w_member_social"])
    assert_error(caller.call("GET", "/v2/userinfo"), 403, "ACCESS_DENIED")


@pytest.mark.parametrize(
    ("how", "code", "number"),
    [
        ("absent", "EMPTY_ACCESS_TOKEN", None),
        ("unknown", "INVALID_ACCESS_TOKEN", 65600),
        ("revoked", "REVOKED_ACCESS_TOKEN", 65601),
        ("expired", "EXPIRED_ACCESS_TOKEN", 65602),
    ],
)
@pytest.mark.parametrize("path", ["/v2/userinfo", "/rest/posts", "/rest/images"])
def test_row_11_a_call_without_a_good_token_is_401(
    sandbox: Sandbox, amy: Caller, how: str, code: str, number: int | None, path: str
) -> None:
    headers = amy.headers()
    if how == "absent":
        headers = amy.headers(without=("Authorization",))
    elif how == "unknown":
        headers = amy.headers(Authorization="Bearer AQnobody")
    elif how == "revoked":
        sandbox.tell("tokens/revoke", member=amy.member)
    else:
        sandbox.tell("clock", advance_seconds=60 * DAY + 1, member=amy.member)
    method = "GET" if path == "/v2/userinfo" else "POST"
    body = assert_error(amy.call(method, path, headers=headers, json=amy.body()), 401, code)
    assert body.get("serviceErrorCode") == number
    assert sandbox.posts(amy.member) == []


def test_row_12_the_version_header_is_needed(amy: Caller) -> None:
    headers = amy.headers(without=("LinkedIn-Version",))
    answer = amy.call("POST", "/rest/posts", headers=headers, json=amy.body())
    assert_error(answer, 400, "VERSION_MISSING")


@pytest.mark.parametrize("version", ["202509", "202511", "202512", "202610"])
def test_row_13_a_retired_or_future_version_is_426(amy: Caller, version: str) -> None:
    headers = amy.headers(LinkedIn_Version=version)
    answer = amy.call("POST", "/rest/posts", headers=headers, json=amy.body())
    assert_error(answer, 426, "NONEXISTENT_VERSION")


@pytest.mark.parametrize("version", ["2026-09", "202613", "latest", "20260"])
def test_row_13_a_malformed_version_is_400(amy: Caller, version: str) -> None:
    headers = amy.headers(LinkedIn_Version=version)
    assert_error(amy.call("POST", "/rest/posts", headers=headers, json=amy.body()), 400)


def test_row_13_a_version_ends_on_its_day(sandbox: Sandbox, amy: Caller) -> None:
    headers = amy.headers(LinkedIn_Version="202608")
    sandbox.tell("clock", advance_seconds=3 * 365 * DAY, member=amy.member)
    fresh = sandbox.tell("tokens", member=amy.member)["tokens"][0]["access_token"]
    headers["Authorization"] = f"Bearer {fresh}"
    answer = amy.call("POST", "/rest/posts", headers=headers, json=amy.body())
    assert_error(answer, 426, "NONEXISTENT_VERSION")


@pytest.mark.parametrize("path", ["/rest/posts", "/rest/images?action=initializeUpload"])
def test_row_14_the_protocol_version_header_is_needed(amy: Caller, path: str) -> None:
    headers = amy.headers(without=("X-Restli-Protocol-Version",))
    assert_error(amy.call("POST", path, headers=headers, json=amy.body()), 400)


def test_row_15_a_post_that_is_not_json_is_415(amy: Caller) -> None:
    answer = amy.call("POST", "/rest/posts", data={"author": amy.author})
    assert_error(answer, 415, "UNSUPPORTED_MEDIA_TYPE")


@pytest.mark.parametrize("data", [b"{", b"[]", b'"text"', b""])
def test_row_15_json_that_cannot_be_read_is_400(amy: Caller, data: bytes) -> None:
    headers = amy.headers(Content_Type="application/json")
    assert_error(amy.call("POST", "/rest/posts", headers=headers, data=data), 400)


@pytest.mark.parametrize(
    "field", ["author", "commentary", "visibility", "distribution", "lifecycleState"]
)
def test_row_16_a_missing_field_is_named(amy: Caller, field: str) -> None:
    body = amy.body()
    del body[field]
    error = assert_error(amy.call("POST", "/rest/posts", json=body), 400, "MISSING_FIELD")
    assert error["errorDetails"]["inputErrors"][0]["input"]["inputPath"]["fieldPath"] == field


@pytest.mark.parametrize(
    "changed",
    [
        {"lifecycleState": "DRAFT"},
        {"visibility": "EVERYONE"},
        {"distribution": {"feedDistribution": "SIDE_FEED"}},
    ],
    ids=["lifecycleState", "visibility", "feedDistribution"],
)
def test_row_17_a_bad_enum_value_is_refused(amy: Caller, changed: dict[str, Any]) -> None:
    assert_error(amy.create(**changed), 400, "INVALID_VALUE_FOR_FIELD")


def test_row_18_another_author_is_denied(sandbox: Sandbox, amy: Caller, ben: Caller) -> None:
    body = assert_error(amy.create(author=ben.author), 403, "ACCESS_DENIED")
    assert body["serviceErrorCode"] == 100
    assert "partnerApiPostsExternal.CREATE.202609" in body["message"]
    assert sandbox.posts(ben.member) == []


@pytest.mark.parametrize(
    ("author", "code"),
    [("urn:li:member:123", "INVALID_URN_TYPE"), ("abc123", "INVALID_URN_ID")],
)
def test_row_19_an_author_that_is_no_person_urn_is_refused(
    amy: Caller, author: str, code: str
) -> None:
    assert_error(amy.create(author=author), 400, code)


def test_row_20_an_organization_needs_its_scope(amy: Caller) -> None:
    assert_error(amy.create(author="urn:li:organization:77"), 403, "ACCESS_DENIED")


def test_row_20_an_organization_needs_a_role_that_posts(vetted: Caller, page: str) -> None:
    assert vetted.create(author=f"urn:li:organization:{page}").status_code == 201
    assert_error(vetted.create(author="urn:li:organization:78"), 403, "ACCESS_DENIED")


@pytest.mark.parametrize("text", ["x" * 3001, "😀" * 3001, r"\(" * 3001])
def test_row_21_a_commentary_above_3000_characters_is_refused(amy: Caller, text: str) -> None:
    assert_error(amy.create(text), 400, "FIELD_LENGTH_TOO_LONG")


@pytest.mark.parametrize("text", ["x" * 3000, "😀" * 3000, r"\(" * 3000])
def test_row_21_a_commentary_of_3000_characters_is_taken(amy: Caller, text: str) -> None:
    assert amy.create(text).status_code == 201


@pytest.mark.parametrize("character", list("|{}@[]()<>#\\*_~"))
def test_row_22_an_unescaped_reserved_character_cuts_the_text(
    sandbox: Sandbox, amy: Caller, character: str
) -> None:
    assert amy.create(f"Before {character} after").status_code == 201
    post = sandbox.posts(amy.member)[0]
    assert post["commentary"] == f"Before {character} after"
    assert post["visible_text"] == "Before "
    assert len(post["defects"]) == 1
    assert "character 8" in post["defects"][0]


@pytest.mark.parametrize("text", ["", "  \n "])
def test_row_23_a_post_of_nothing_is_refused(amy: Caller, text: str) -> None:
    assert_error(amy.create(text), 400, "INVALID_VALUE_BLANK_FIELD")


@pytest.mark.parametrize("count", [0, 1, 21])
def test_row_24_several_images_are_two_to_twenty(amy: Caller, png: bytes, count: int) -> None:
    urn = amy.upload("image", png)
    images = [{"id": urn} for _ in range(count)]
    answer = amy.create(content={"multiImage": {"images": images}})
    assert_error(answer, 400, "INVALID_VALUE_FOR_FIELD")


def test_row_25_two_kinds_of_content_are_refused(amy: Caller, png: bytes) -> None:
    article = {"source": "https://example.com/", "title": "T"}
    content = {"media": {"id": amy.upload("image", png)}, "article": article}
    assert_error(amy.create(content=content), 400, "INVALID_VALUE_FOR_FIELD")


def test_row_26_an_unknown_image_is_refused(amy: Caller) -> None:
    answer = amy.create(content={"media": {"id": "urn:li:image:D4Enobody"}})
    assert_error(answer, 400, "INVALID_IMAGE_ID")


def test_row_27_an_image_without_bytes_is_still_awaited(amy: Caller, png: bytes) -> None:
    value = amy.start_upload("image")
    content = {"media": {"id": value["image"]}}
    assert_error(amy.create(content=content), 400, "MEDIA_ASSET_WAITING_UPLOAD")
    amy.put(value["uploadUrl"], png)
    assert amy.create(content=content).status_code == 201


def test_row_28_the_image_of_somebody_else_is_refused(amy: Caller, ben: Caller, png: bytes) -> None:
    answer = amy.create(content={"media": {"id": ben.upload("image", png)}})
    assert_error(answer, 400, "INVALID_CONTENT_OWNERSHIP")


def test_row_29_a_document_needs_a_title(amy: Caller, pdf: bytes) -> None:
    urn = amy.upload("document", pdf)
    error = assert_error(amy.create(content={"media": {"id": urn}}), 400, "MISSING_FIELD")
    assert error["errorDetails"]["inputErrors"][0]["input"]["inputPath"]["fieldPath"] == (
        "content.media.title"
    )


@pytest.mark.parametrize("field", ["id", "createdAt", "publishedAt", "madeUp"])
def test_row_30_a_read_only_or_unknown_field_is_422(amy: Caller, field: str) -> None:
    answer = amy.call("POST", "/rest/posts", json=amy.body() | {field: 1})
    assert_error(answer, 422, "UNPROCESSABLE_ENTITY")


def test_row_31_the_same_content_within_ten_minutes_names_the_first(
    sandbox: Sandbox, amy: Caller
) -> None:
    urn = amy.create("Twice").headers["x-restli-id"]
    body = assert_error(amy.create("Twice"), 422)
    assert body["message"].endswith(f"Content is a duplicate of {urn}")
    assert body["errorDetailType"] == "com.linkedin.common.error.BadRequest"
    assert body["errorDetails"]["inputErrors"][0]["code"] == "DUPLICATE_POST"
    sandbox.tell("clock", advance_seconds=601, member=amy.member)
    assert amy.create("Twice").status_code == 201


def test_row_32_an_image_put_needs_the_token(amy: Caller, png: bytes) -> None:
    answer = amy.put(amy.start_upload("image")["uploadUrl"], png, token=False)
    assert_error(answer, 401, "EMPTY_ACCESS_TOKEN")


def test_row_33_an_upload_url_expires(sandbox: Sandbox, amy: Caller, png: bytes) -> None:
    value = amy.start_upload("image")
    sandbox.tell("clock", advance_seconds=2 * 60 * MINUTE, member=amy.member)
    assert_error(amy.put(value["uploadUrl"], png), 400, "EXPIRED_UPLOAD_URL")


def finalize(amy: Caller, urn: str, etags: list[str]) -> requests.Response:
    request = {"video": urn, "uploadToken": "", "uploadedPartIds": etags}
    return amy.call(
        "POST",
        "/rest/videos?action=finalizeUpload",
        json={"finalizeUploadRequest": request},
    )


def test_row_34_video_parts_have_their_length_and_order(amy: Caller, mp4: MakeVideo) -> None:
    data = mp4(5_000_000, 5.0)
    value = amy.start_upload("video", fileSizeBytes=len(data))
    first, second = value["uploadInstructions"]
    assert (first["lastByte"], second["lastByte"]) == (4_194_303, 4_999_999)
    assert_error(amy.put(first["uploadUrl"], data[:100]), 400)
    one = amy.put(first["uploadUrl"], data[:4_194_304], token=False).headers["ETag"].strip('"')
    error = assert_error(finalize(amy, value["video"], [one]), 400, "INVALID_VALUE_FOR_FIELD")
    assert "not uploaded yet" in error["message"]
    two = amy.put(second["uploadUrl"], data[4_194_304:], token=False).headers["ETag"].strip('"')
    for etags in ([one], [two, one], [one, two, two], [one, "other"], [f'"{one}"', f'"{two}"']):
        answer = finalize(amy, value["video"], etags)
        assert_error(answer, 400, "INVALID_VALUE_FOR_FIELD")
    assert finalize(amy, value["video"], [one, two]).status_code == 200


@pytest.mark.parametrize(
    ("size", "code"),
    [(None, "MISSING_FIELD"), (0, "INVALID_VALUE_FOR_FIELD"), (-1, "INVALID_VALUE_FOR_FIELD")],
)
def test_row_35_a_video_needs_its_size(amy: Caller, size: int | None, code: str) -> None:
    fields = {"owner": amy.author} | ({} if size is None else {"fileSizeBytes": size})
    answer = amy.call(
        "POST", "/rest/videos?action=initializeUpload", json={"initializeUploadRequest": fields}
    )
    assert_error(answer, 400, code)


@pytest.mark.parametrize(
    "path",
    [
        "/rest/posts/urn%3Ali%3Ashare%3A1",
        "/rest/images/urn%3Ali%3Aimage%3AD4E",
        "/rest/posts?q=author&author=urn%3Ali%3Aperson%3Ax",
        "/v2/me",
        "/rest/socialMetadata/urn%3Ali%3Ashare%3A1",
        "/rest/socialActions/urn%3Ali%3Ashare%3A1",
        "/rest/memberCreatorPostAnalytics?q=entity&entity=(share:urn%3Ali%3Ashare%3A1)",
        "/rest/organizationAcls?q=roleAssignee",
    ],
)
def test_row_36_a_self_serve_token_reads_nothing(amy: Caller, path: str) -> None:
    body = assert_error(amy.call("GET", path), 403, "ACCESS_DENIED")
    assert body["serviceErrorCode"] == 100


def test_row_37_the_151st_request_of_a_day_is_429(sandbox: Sandbox, amy: Caller) -> None:
    sandbox.tell("quotas", member=amy.member, used=149)
    assert amy.create("The 150th").status_code == 201
    body = assert_error(amy.create("The 151st"), 429, "TOO_MANY_REQUESTS")
    assert body["serviceErrorCode"] == 101
    assert amy.call("GET", "/v2/userinfo").status_code == 200
    sandbox.tell("clock", advance_seconds=DAY, member=amy.member)
    assert amy.create("The next day").status_code == 201


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_row_38_a_urn_in_the_path_must_be_encoded(amy: Caller, method: str) -> None:
    urn = amy.create().headers["x-restli-id"]
    answer = amy.call(method, f"/rest/posts/{urn}", json={} if method == "POST" else None)
    assert_error(answer, 400, "INVALID_URN_ID")


def test_row_39_the_post_of_another_member_cannot_be_deleted(
    sandbox: Sandbox, amy: Caller, ben: Caller
) -> None:
    urn = amy.create().headers["x-restli-id"]
    assert_error(ben.call("DELETE", ben.post_path(urn)), 403, "ACCESS_DENIED")
    assert sandbox.posts(amy.member)[0]["deleted_at"] is None


def test_the_table_has_a_test_for_each_of_its_39_rows() -> None:
    rows = {int(name[9:11]) for name in globals() if name.startswith("test_row_")}
    assert rows == set(range(1, 40))

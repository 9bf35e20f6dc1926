"""X's OAuth 2.0 with PKCE, seen from a person and from an app (platform facts 2.1, 2.2)."""

from __future__ import annotations

import base64
import secrets
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from local.sandbox.driver import Sandbox
from local.sandbox.x.calling import (
    AUTHORIZE,
    REVOKE,
    SCOPE,
    TOKEN,
    VERIFIER,
    AppCaller,
    XCaller,
)

DAY = 86_400


def assert_oauth_error(answer: requests.Response, status: int, error: str) -> str:
    body: dict[str, str] = answer.json()
    assert (answer.status_code, body["error"]) == (status, error), body
    assert set(body) == {"error", "error_description"}
    return body["error_description"]


def assert_page_not_redirect(x_app: AppCaller, **changed: str | None) -> None:
    address, query = x_app.sandbox.at(AUTHORIZE), x_app.question(**changed)
    for send in (requests.get, requests.post):
        answer = send(address, params=query, allow_redirects=False, timeout=10)
        assert answer.status_code == 400
        assert "Location" not in answer.headers
        assert "something went wrong" in answer.text


def member_of(sandbox: Sandbox) -> str:
    member: str = sandbox.tell("members")["member"]
    return member


def test_the_page_names_the_app_and_what_it_asks_for(x_app: AppCaller) -> None:
    page = requests.get(x_app.sandbox.at(AUTHORIZE), params=x_app.question(), timeout=10)
    assert page.status_code == 200
    assert "Lin &lt;b&gt;test&lt;/b&gt;" in page.text
    assert '<form class="card" method="post">' in page.text
    for scope in SCOPE.split():
        assert scope in page.text


def test_allow_leads_to_tokens_that_work(x_app: AppCaller) -> None:
    answer = x_app.decide("allow", state="a b&c=ü")
    assert answer.status_code == 302
    target = urlsplit(answer.headers["Location"])
    assert target._replace(query="").geturl() == x_app.redirect_uri
    query = parse_qs(target.query)
    assert set(query) == {"code", "state"}
    assert query["state"] == ["a b&c=ü"]
    answer = x_app.exchange(query["code"][0])
    assert answer.status_code == 200
    body = answer.json()
    assert set(body) == {"token_type", "expires_in", "access_token", "scope", "refresh_token"}
    assert (body["token_type"], body["expires_in"], body["scope"]) == ("bearer", 7200, SCOPE)
    me = requests.get(
        x_app.sandbox.at("https://api.x.com/2/users/me"),
        headers={"Authorization": f"Bearer {body['access_token']}"},
        timeout=10,
    )
    assert me.status_code == 200


@pytest.mark.parametrize("decision", ["cancel", "cancel_login", "cancel_authorize", "server_error"])
def test_a_cancel_comes_back_as_access_denied(x_app: AppCaller, decision: str) -> None:
    answer = x_app.decide(decision, state="s ü")
    assert answer.status_code == 302
    query = parse_qs(urlsplit(answer.headers["Location"]).query)
    assert query == {"error": ["access_denied"], "state": ["s ü"]}


def test_a_decision_nobody_can_take_is_shown(x_app: AppCaller) -> None:
    assert x_app.decide("perhaps").status_code == 400
    assert x_app.decide("allow", member="nobody").status_code == 400


@pytest.mark.parametrize(
    "changed",
    [
        {"code_challenge": None},
        {"code_challenge": "short"},
        {"code_challenge": "=" * 43},
        {"code_challenge_method": None},
        {"code_challenge_method": "S512"},
        {"state": None},
        {"state": "s" * 501},
        {"client_id": "nobody"},
        {"client_id": None},
        {"redirect_uri": "https://evil.example/"},
        {"redirect_uri": "https://lin.example/api/x/callback?a=1"},
        {"redirect_uri": None},
        {"scope": None},
        {"scope": "tweet.read everything"},
        {"response_type": "token"},
    ],
    ids=str,
)
def test_row_01_an_authorize_mistake_is_a_page_not_a_redirect(
    x_app: AppCaller, changed: dict[str, str | None]
) -> None:
    assert_page_not_redirect(x_app, **changed)


def test_the_plain_challenge_is_its_own_verifier(x_app: AppCaller) -> None:
    code = x_app.code(code_challenge=VERIFIER, code_challenge_method="plain")
    assert x_app.exchange(code).status_code == 200


@pytest.mark.parametrize("verifier", ["", "x" * 43, "short", VERIFIER + "!"])
def test_row_02_a_verifier_that_does_not_match_is_refused(x_app: AppCaller, verifier: str) -> None:
    code = x_app.code()
    assert_oauth_error(x_app.exchange(code, code_verifier=verifier), 400, "invalid_request")
    assert x_app.exchange(code).status_code == 200


def test_row_02_a_code_works_once(x_app: AppCaller) -> None:
    code = x_app.code()
    assert x_app.exchange(code).status_code == 200
    for bad in (code, "unknown"):
        why = assert_oauth_error(x_app.exchange(bad), 400, "invalid_request")
        assert why == "Value passed for the authorization code was invalid."


def test_row_02_of_many_exchanges_at_once_one_gets_tokens(x_app: AppCaller) -> None:
    code = x_app.code()
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: x_app.exchange(code).status_code, range(8)))
    assert sorted(answers) == [200] + [400] * 7


def test_row_02_a_code_lives_for_thirty_seconds(sandbox: Sandbox, x_app: AppCaller) -> None:
    member = member_of(sandbox)
    early, late = x_app.code(member), x_app.code(member)
    sandbox.tell("clock", advance_seconds=15, member=member)
    assert x_app.exchange(early).status_code == 200
    sandbox.tell("clock", advance_seconds=16, member=member)
    assert_oauth_error(x_app.exchange(late), 400, "invalid_request")


@pytest.mark.parametrize("uri", ["https://lin.example/api/x/callback/", "https://lin.example/"])
def test_row_02_a_code_with_another_redirect_address_is_refused(x_app: AppCaller, uri: str) -> None:
    answer = x_app.exchange(x_app.code(), redirect_uri=uri)
    assert_oauth_error(answer, 400, "invalid_request")


def test_row_02_a_code_of_another_app_is_refused(sandbox: Sandbox, x_app: AppCaller) -> None:
    secret = secrets.token_hex(8)
    other = AppCaller(sandbox, f"other-{secret[:6]}", secret, x_app.redirect_uri)
    fields = {"client_id": other.client_id, "client_secret": secret}
    sandbox.tell("apps", platform="x", redirect_uris=[other.redirect_uri], **fields)
    assert_oauth_error(other.exchange(x_app.code()), 400, "invalid_request")


def test_row_03_a_confidential_app_needs_http_basic(x_app: AppCaller) -> None:
    form = {
        "grant_type": "authorization_code",
        "code": x_app.code(),
        "redirect_uri": x_app.redirect_uri,
        "code_verifier": VERIFIER,
    }
    in_body = {"client_id": x_app.client_id, "client_secret": x_app.client_secret}
    wrong = (x_app.client_id, "wrong")
    for answer in (
        x_app.ask(TOKEN, form, basic=False),
        x_app.ask(TOKEN, form | in_body, basic=False),
        x_app.ask(TOKEN, form, auth=wrong),
        x_app.ask(TOKEN, form | in_body, auth=("nobody", "secret")),
    ):
        why = assert_oauth_error(answer, 401, "unauthorized_client")
        assert why == "Missing valid authorization header"
    assert x_app.ask(TOKEN, form).status_code == 200


def test_a_public_app_names_itself_in_the_body(sandbox: Sandbox, x_app: AppCaller) -> None:
    public = AppCaller(sandbox, f"public-{secrets.token_hex(4)}", "", x_app.redirect_uri)
    fields = {"client_id": public.client_id, "confidential": False}
    sandbox.tell("apps", platform="x", redirect_uris=[public.redirect_uri], **fields)
    code = public.code()
    assert_oauth_error(public.exchange(code), 401, "unauthorized_client")
    assert public.exchange(code, basic=False, client_id=public.client_id).status_code == 200


def test_row_04_a_token_request_that_is_no_form_is_refused(x_app: AppCaller) -> None:
    pair = f"{x_app.client_id}:{x_app.client_secret}".encode()
    headers = {"Authorization": f"Basic {base64.b64encode(pair).decode()}"}
    sent = {"grant_type": "authorization_code", "code": x_app.code()}
    address = x_app.sandbox.at(TOKEN)
    answer = requests.post(address, json=sent, headers=headers, timeout=10)
    assert_oauth_error(answer, 400, "invalid_request")


def test_an_unknown_grant_type_is_refused(x_app: AppCaller) -> None:
    answer = x_app.ask(TOKEN, {"grant_type": "password"})
    assert_oauth_error(answer, 400, "unsupported_grant_type")


def test_row_05_a_refresh_token_works_once(x_app: AppCaller) -> None:
    first = x_app.exchange(x_app.code()).json()
    second = x_app.refresh(first["refresh_token"])
    assert second.status_code == 200
    body = second.json()
    assert body["access_token"] != first["access_token"]
    assert body["refresh_token"] != first["refresh_token"]
    why = assert_oauth_error(x_app.refresh(first["refresh_token"]), 400, "invalid_request")
    assert why == "Value passed for the token was invalid."
    assert x_app.refresh(body["refresh_token"]).status_code == 200


def test_row_05_of_many_refreshes_at_once_one_gets_tokens(x_app: AppCaller) -> None:
    token = x_app.exchange(x_app.code()).json()["refresh_token"]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: x_app.refresh(token).status_code, range(8)))
    assert sorted(answers) == [200] + [400] * 7


def test_row_05_a_refresh_whose_answer_is_lost_has_used_the_token_up(
    sandbox: Sandbox, x_app: AppCaller, xan: XCaller
) -> None:
    sandbox.order({"drop": True, "accept": True}, path="/2/oauth2/token", member=xan.member)
    assert xan.refresh_token is not None
    with pytest.raises(requests.ConnectionError):
        x_app.refresh(xan.refresh_token)
    assert_oauth_error(x_app.refresh(xan.refresh_token), 400, "invalid_request")


def test_row_06_without_offline_access_there_is_nothing_to_refresh(x_app: AppCaller) -> None:
    body = x_app.exchange(x_app.code(scope="tweet.read users.read")).json()
    assert "refresh_token" not in body
    assert_oauth_error(x_app.refresh(body["access_token"]), 400, "invalid_request")
    assert_oauth_error(x_app.refresh(""), 400, "invalid_request")


def test_a_refresh_token_ends_after_half_a_year(sandbox: Sandbox, x_app: AppCaller) -> None:
    member = member_of(sandbox)
    token = x_app.exchange(x_app.code(member)).json()["refresh_token"]
    sandbox.tell("clock", advance_seconds=179 * DAY, member=member)
    token = x_app.refresh(token).json()["refresh_token"]
    sandbox.tell("clock", advance_seconds=181 * DAY, member=member)
    assert_oauth_error(x_app.refresh(token), 400, "invalid_request")


@pytest.mark.parametrize(
    ("kind", "left"), [("access_token", True), ("refresh_token", False)], ids=["access", "refresh"]
)
def test_revoking_ends_a_token_or_the_whole_consent(
    x_app: AppCaller, kind: str, left: bool
) -> None:
    body = x_app.exchange(x_app.code()).json()
    answer = x_app.ask(REVOKE, {"token": body[kind], "token_type_hint": kind})
    assert (answer.status_code, answer.json()) == (200, {"revoked": True})
    me = requests.get(
        x_app.sandbox.at("https://api.x.com/2/users/me"),
        headers={"Authorization": f"Bearer {body['access_token']}"},
        timeout=10,
    )
    assert me.status_code == 401
    assert x_app.refresh(body["refresh_token"]).ok == left


def test_revoking_needs_the_app(x_app: AppCaller, xan: XCaller) -> None:
    answer = x_app.ask(REVOKE, {"token": xan.token}, basic=False)
    assert_oauth_error(answer, 401, "unauthorized_client")
    assert xan.call("GET", "/2/users/me").status_code == 200


def test_row_07_a_call_without_a_good_token_is_401(sandbox: Sandbox, xan: XCaller) -> None:
    refused = {
        "title": "Unauthorized",
        "status": 401,
        "type": "about:blank",
        "detail": "Unauthorized",
    }
    for bad in ("", "unknown", xan.refresh_token):
        answer = xan.call("GET", "/2/users/me", token=bad)
        assert (answer.status_code, answer.json()) == (401, refused)
    sandbox.tell("clock", advance_seconds=7199, member=xan.member)
    assert xan.call("GET", "/2/users/me").status_code == 200
    sandbox.tell("clock", advance_seconds=2, member=xan.member)
    for method, path in (
        ("GET", "/2/users/me"),
        ("POST", "/2/tweets"),
        ("POST", "/2/media/upload/initialize"),
        ("GET", f"/2/users/{xan.subject}/tweets"),
    ):
        assert xan.call(method, path, json={"text": "Late"}).status_code == 401
    assert sandbox.posts(xan.member) == []


@pytest.mark.parametrize("how", ["revoke", "expire"])
def test_tokens_end_from_outside(
    sandbox: Sandbox, x_app: AppCaller, xan: XCaller, how: str
) -> None:
    sandbox.tell(f"tokens/{how}", platform="x", member=xan.subject)
    assert xan.create().status_code == 401
    assert xan.refresh_token is not None
    assert x_app.refresh(xan.refresh_token).ok == (how == "expire")


def test_who_i_am(sandbox: Sandbox, xan: XCaller) -> None:
    fields = {"user.fields": "id,name,username,profile_image_url,verified"}
    answer = xan.call("GET", "/2/users/me", params=fields)
    data: dict[str, Any] = answer.json()["data"]
    assert data["id"] == xan.subject
    assert data["id"].isdecimal()
    assert (data["name"], data["username"]) == ("Xan Example", xan.username)
    assert data["verified"] is False
    photo = requests.get(sandbox.at(data["profile_image_url"]), timeout=10)
    assert photo.headers["Content-Type"] == "image/png"
    plain = xan.call("GET", "/2/users/me").json()["data"]
    assert set(plain) == {"id", "name", "username"}
    assert answer.headers["x-rate-limit-limit"] == "75"


def test_a_renamed_member_keeps_the_id(sandbox: Sandbox, xan: XCaller) -> None:
    sandbox.tell("settings", platform="x", member=xan.member, username="new_name")
    data = xan.call("GET", "/2/users/me").json()["data"]
    assert (data["id"], data["username"]) == (xan.subject, "new_name")


@pytest.mark.parametrize("scopes", [["users.read"], ["tweet.read"]])
def test_who_i_am_needs_both_scopes(sandbox: Sandbox, x_app: AppCaller, scopes: list[str]) -> None:
    caller = XCaller.new(sandbox, client_id=x_app.client_id, scopes=scopes)
    assert caller.call("GET", "/2/users/me").status_code == 403


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"redirect_uris": ["http://lin.example/cb"]}, "redirect_uris"),
        ({"redirect_uris": [f"https://lin.example/{n}" for n in range(11)]}, "redirect_uris"),
        ({"scopes": ["w_everything"]}, "scopes"),
        ({"client_secret": ""}, "client_secret"),
        ({"colour": "blue"}, "colour"),
    ],
)
def test_an_app_that_x_would_not_register_is_refused(
    sandbox: Sandbox, fields: dict[str, Any], named: str
) -> None:
    whole = {"client_id": "bad", "client_secret": "s", "redirect_uris": []} | fields
    with pytest.raises(ValueError, match=named):
        sandbox.tell("apps", platform="x", **whole)

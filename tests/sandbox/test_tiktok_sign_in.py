"""TikTok's sign-in from the consent page to the end of the tokens, and who the member is."""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from local.sandbox.driver import Sandbox
from local.sandbox.tiktok.driver import API, TikToker

AUTHORIZE = "https://www.tiktok.com/v2/auth/authorize/"
ALL = "user.info.basic,user.info.profile,video.publish,video.upload"
DAY = 86_400

App = dict[str, str]


def question(app: App, scope: str = ALL, **more: str) -> dict[str, str]:
    query = {"client_key": app["client_id"], "redirect_uri": app["redirect_uri"], "scope": scope}
    return query | {"response_type": "code", "state": "a b&c=ü"} | more


def decide(
    sandbox: Sandbox, query: dict[str, str], member: str, decision: str = "allow", **form: Any
) -> dict[str, str]:
    answer = requests.post(
        sandbox.at(AUTHORIZE),
        params=query,
        data={"member": member, "decision": decision} | form,
        allow_redirects=False,
        timeout=10,
    )
    assert answer.status_code == 302, answer.text
    address = urlsplit(answer.headers["Location"])
    assert f"{address.scheme}://{address.netloc}{address.path}" == query["redirect_uri"]
    return {name: values[0] for name, values in parse_qs(address.query).items()}


def post(sandbox: Sandbox, app: App, path: str, **fields: str) -> requests.Response:
    form = {"client_key": app["client_id"], "client_secret": app["client_secret"]} | fields
    return requests.post(sandbox.at(f"{API}/v2/oauth/{path}/"), data=form, timeout=10)


def exchange(sandbox: Sandbox, app: App, code: str, **more: str) -> dict[str, Any]:
    fields = {"grant_type": "authorization_code", "redirect_uri": app["redirect_uri"]}
    body: dict[str, Any] = post(sandbox, app, "token", code=code, **fields, **more).json()
    return body


def refresh(sandbox: Sandbox, app: App, token: str) -> dict[str, Any]:
    fields = {"grant_type": "refresh_token", "refresh_token": token}
    body: dict[str, Any] = post(sandbox, app, "token", **fields).json()
    return body


def sign_in(sandbox: Sandbox, app: App, member: str, **more: Any) -> dict[str, Any]:
    return exchange(sandbox, app, decide(sandbox, question(app), member, **more)["code"])


def user(sandbox: Sandbox, token: str, fields: str = "open_id") -> requests.Response:
    headers = {"Authorization": f"Bearer {token}"}
    address = sandbox.at(f"{API}/v2/user/info/")
    return requests.get(address, params={"fields": fields}, headers=headers, timeout=10)


@pytest.fixture
def member(sandbox: Sandbox) -> str:
    return str(sandbox.tell("members", name="<Nia> Ünal")["member"])


@pytest.fixture
def keeping_refresh(sandbox: Sandbox) -> Iterator[None]:
    sandbox.tell("settings", platform="tiktok", refresh_rotates=False)
    yield
    sandbox.tell("settings", platform="tiktok", refresh_rotates=True)


@pytest.fixture
def errors_with_200(sandbox: Sandbox) -> Iterator[None]:
    sandbox.tell("settings", platform="tiktok", oauth_error_status=200)
    yield
    sandbox.tell("settings", platform="tiktok", oauth_error_status=400)


def test_the_consent_page_has_a_ticked_box_for_each_scope(sandbox: Sandbox, tiktok: App) -> None:
    page = requests.get(sandbox.at(AUTHORIZE), params=question(tiktok), timeout=10)
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    boxes = re.findall(r'<input type="checkbox" name="scope" value="([\w.]+)" checked>', page.text)
    assert boxes == ALL.split(",")
    assert re.findall(r'name="decision" value="(\w+)"', page.text)[:2] == ["allow", "cancel"]


def test_signing_in_gives_tokens_that_work(sandbox: Sandbox, tiktok: App, member: str) -> None:
    back = decide(sandbox, question(tiktok), member)
    assert set(back) == {"code", "scopes", "state"}
    assert (back["scopes"], back["state"]) == (ALL, "a b&c=ü")
    token = exchange(sandbox, tiktok, back["code"])
    assert token.pop("access_token").startswith("act.")
    assert token.pop("refresh_token").startswith("rft.")
    open_id = token.pop("open_id")
    assert token == {
        "scope": ALL,
        "expires_in": DAY,
        "refresh_expires_in": 365 * DAY,
        "token_type": "Bearer",
    }
    found = sandbox.tell("clock", advance_seconds=0, member=open_id)
    assert found["now"]


def test_the_profile_has_what_was_asked_for(sandbox: Sandbox, tiktok: App, member: str) -> None:
    token = sign_in(sandbox, tiktok, member)
    fields = "open_id,union_id,avatar_url,display_name,username"
    body = user(sandbox, token["access_token"], fields).json()
    assert body["error"]["code"] == "ok"
    profile = body["data"]["user"]
    assert sorted(profile) == sorted(fields.split(","))
    assert profile["open_id"] == token["open_id"]
    assert (profile["display_name"], profile["username"]) == (
        "<Nia> Ünal",
        member.replace("-", "_"),
    )
    picture = requests.get(sandbox.at(profile["avatar_url"]), timeout=10)
    assert picture.headers["Content-Type"] == "image/jpeg"
    assert picture.content.startswith(b"\xff\xd8")


def test_single_scopes_can_be_unticked(sandbox: Sandbox, tiktok: App, member: str) -> None:
    kept = ["user.info.basic", "video.upload"]
    back = decide(sandbox, question(tiktok), member, boxes="scope", scope=kept)
    assert back["scopes"] == ",".join(kept)
    token = exchange(sandbox, tiktok, back["code"])
    assert token["scope"] == ",".join(kept)
    denied = user(sandbox, token["access_token"], "open_id,username")
    assert (denied.status_code, denied.json()["error"]["code"]) == (401, "scope_not_authorized")


def test_unticking_every_scope_is_a_cancel(sandbox: Sandbox, tiktok: App, member: str) -> None:
    assert decide(sandbox, question(tiktok), member, boxes="scope")["error"] == "access_denied"


@pytest.mark.parametrize(
    ("decision", "error"),
    [
        ("cancel", "access_denied"),
        ("cancel_login", "access_denied"),
        ("cancel_authorize", "access_denied"),
        ("server_error", "server_error"),
    ],
)
def test_a_refusal_is_told_to_the_app(
    sandbox: Sandbox, tiktok: App, member: str, decision: str, error: str
) -> None:
    back = decide(sandbox, question(tiktok), member, decision)
    assert (back["error"], back["state"]) == (error, "a b&c=ü")
    assert back["error_description"]
    assert set(back) == {"error", "error_description", "state"}


def test_a_member_keeps_the_open_id_within_an_app_and_the_union_id_everywhere(
    sandbox: Sandbox, tiktok: App
) -> None:
    other = {"client_id": f"tt-{secrets.token_hex(4)}", "client_secret": "s"}
    other["redirect_uri"] = "http://127.0.0.1:8000/callback"
    fields = {name: other[name] for name in ("client_id", "client_secret")}
    sandbox.tell("apps", platform="tiktok", **fields, redirect_uris=[other["redirect_uri"]])

    def ids(app: App) -> tuple[str, str]:
        token = sign_in(sandbox, app, "zoe")["access_token"]
        found = user(sandbox, token, "open_id,union_id").json()["data"]["user"]
        return found["open_id"], found["union_id"]

    assert ids(tiktok) == ids(tiktok)
    assert ids(tiktok)[0] != ids(other)[0]
    assert ids(tiktok)[1] == ids(other)[1]


def test_refreshing_changes_the_refresh_token_and_spends_the_old_one(
    sandbox: Sandbox, tiktok: App, member: str
) -> None:
    first = sign_in(sandbox, tiktok, member)
    sandbox.tell("clock", advance_seconds=100 * DAY, member=member)
    assert user(sandbox, first["access_token"]).status_code == 401
    second = refresh(sandbox, tiktok, first["refresh_token"])
    assert second["refresh_token"] != first["refresh_token"]
    assert second["refresh_expires_in"] <= 265 * DAY
    assert user(sandbox, second["access_token"]).status_code == 200
    assert refresh(sandbox, tiktok, first["refresh_token"])["error"] == "invalid_grant"
    assert refresh(sandbox, tiktok, second["refresh_token"])["access_token"]


@pytest.mark.usefixtures("keeping_refresh")
def test_the_refresh_token_may_stay_the_same(sandbox: Sandbox, tiktok: App, member: str) -> None:
    first = sign_in(sandbox, tiktok, member)
    for _ in range(2):
        again = refresh(sandbox, tiktok, first["refresh_token"])
        assert again["refresh_token"] == first["refresh_token"]


def test_a_refresh_token_ends_after_a_year(sandbox: Sandbox, tiktok: App, member: str) -> None:
    token = sign_in(sandbox, tiktok, member)["refresh_token"]
    sandbox.tell("clock", advance_seconds=366 * DAY, member=member)
    assert refresh(sandbox, tiktok, token)["error"] == "invalid_grant"


def test_an_access_token_refreshes_nothing(sandbox: Sandbox, tiktok: App, member: str) -> None:
    token = sign_in(sandbox, tiktok, member)["access_token"]
    assert refresh(sandbox, tiktok, token)["error"] == "invalid_grant"


def test_an_app_may_be_refused_every_refresh(sandbox: Sandbox) -> None:
    app = {"client_id": f"tt-{secrets.token_hex(4)}", "client_secret": "s"}
    sandbox.tell("apps", platform="tiktok", **app, refuses_refresh=True)
    made = TikToker.new(sandbox, client_id=app["client_id"])
    assert refresh(sandbox, app, made.refresh_token)["error"] == "invalid_grant"


def test_revoking_ends_both_tokens_with_an_empty_answer(
    sandbox: Sandbox, tiktok: App, member: str
) -> None:
    token = sign_in(sandbox, tiktok, member)
    wrong = post(sandbox, tiktok | {"client_secret": "x"}, "revoke", token=token["access_token"])
    assert wrong.json()["error"] == "invalid_client"
    assert user(sandbox, token["access_token"]).status_code == 200
    answer = post(sandbox, tiktok, "revoke", token=token["access_token"])
    assert (answer.status_code, answer.content) == (200, b"")
    assert user(sandbox, token["access_token"]).status_code == 401
    assert refresh(sandbox, tiktok, token["refresh_token"])["error"] == "invalid_grant"


def test_codes_and_tokens_of_another_app_are_worth_nothing(
    sandbox: Sandbox, tiktok: App, member: str
) -> None:
    other = {"client_id": f"tt-{secrets.token_hex(4)}", "client_secret": "s"}
    other["redirect_uri"] = tiktok["redirect_uri"]
    fields = {name: other[name] for name in ("client_id", "client_secret")}
    sandbox.tell("apps", platform="tiktok", **fields, redirect_uris=[other["redirect_uri"]])
    code = decide(sandbox, question(tiktok), member)["code"]
    assert exchange(sandbox, other, code)["error"] == "invalid_grant"
    token = exchange(sandbox, tiktok, code)
    assert refresh(sandbox, other, token["refresh_token"])["error"] == "invalid_grant"
    answer = post(sandbox, other, "revoke", token=token["access_token"])
    assert answer.json()["error"] == "invalid_request"
    assert user(sandbox, token["access_token"]).status_code == 200


@pytest.mark.usefixtures("errors_with_200")
def test_an_oauth_error_may_come_with_200(sandbox: Sandbox, tiktok: App) -> None:
    answer = post(sandbox, tiktok, "token", grant_type="refresh_token", refresh_token="rft.x")
    assert answer.status_code == 200
    assert set(answer.json()) == {"error", "error_description", "log_id"}


def test_expiring_a_member_leaves_the_refresh_token(
    sandbox: Sandbox, tiktok: App, tia: TikToker
) -> None:
    assert sandbox.tell("tokens/expire", platform="tiktok", member=tia.member) == {"expired": 1}
    assert user(sandbox, tia.token).status_code == 401
    assert refresh(sandbox, tiktok, tia.refresh_token)["access_token"]


def test_a_desktop_app_proves_itself_with_a_hex_challenge(sandbox: Sandbox) -> None:
    app = {"client_id": f"tt-{secrets.token_hex(4)}", "client_secret": "s"}
    uri = "http://localhost:3455/callback"
    sandbox.tell("apps", platform="tiktok", **app, redirect_uris=[uri], desktop=True)
    app["redirect_uri"] = uri
    proof = hashlib.sha256(b"v" * 64).hexdigest()
    pkce = {"code_challenge": proof, "code_challenge_method": "S256"}
    for wrong in (
        {},
        pkce | {"code_challenge_method": "plain"},
        pkce | {"code_challenge": "Wm90IGhleA"},
    ):
        assert decide(sandbox, question(app, **wrong), "new")["error"] == "invalid_request"
    code = decide(sandbox, question(app, **pkce), "new")["code"]
    assert exchange(sandbox, app, code)["error"] == "invalid_request"
    assert exchange(sandbox, app, code, code_verifier="w" * 64)["error"] == "invalid_grant"
    assert exchange(sandbox, app, code, code_verifier="v" * 64)["access_token"]


@pytest.mark.parametrize(
    "uri",
    [
        "http://lin.example/cb",
        "https://lin.example/cb#x",
        "https://lin.example/cb?x=1",
        "https://lin.example/" + "x" * 500,
        "/callback",
    ],
)
def test_an_app_cannot_register_a_redirect_address_tiktok_refuses(
    sandbox: Sandbox, uri: str
) -> None:
    fields = {"platform": "tiktok", "client_id": "bad", "client_secret": "s"}
    with pytest.raises(ValueError, match="redirect_uris"):
        sandbox.tell("apps", **fields, redirect_uris=[uri])
    many = [f"https://lin.example/{n}" for n in range(11)]
    with pytest.raises(ValueError, match="redirect_uris"):
        sandbox.tell("apps", **fields, redirect_uris=many)


@pytest.mark.parametrize(
    "prefix", ["ftp://a.example/", "a.example/path", "https://", "https://a.b/?c"]
)
def test_a_prefix_that_cannot_be_verified_is_refused(sandbox: Sandbox, prefix: str) -> None:
    fields = {"platform": "tiktok", "client_id": "bad", "client_secret": "s"}
    with pytest.raises(ValueError, match="verified_prefixes"):
        sandbox.tell("apps", **fields, verified_prefixes=[prefix])

"""Facebook's dialog, tokens, permissions and pages."""

from __future__ import annotations

import hashlib
import hmac
import re
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from local.sandbox.driver import Sandbox
from local.sandbox.graph.driver import GraphApp, GraphCaller, error_of, query_of

GRAPH = "https://graph.facebook.com/v24.0"
DAY = 86_400


def token_of(app: GraphApp, **query: str) -> dict[str, Any]:
    answer = requests.get(
        app.sandbox.at(f"{GRAPH}/oauth/access_token"), params=app.credentials | query, timeout=10
    )
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def short_token(app: GraphApp, code: str) -> str:
    return str(token_of(app, redirect_uri=app.redirect_uri, code=code)["access_token"])


def long_token(app: GraphApp, code: str) -> str:
    exchange = {"grant_type": "fb_exchange_token", "fb_exchange_token": short_token(app, code)}
    return str(token_of(app, **exchange)["access_token"])


def ask(app: GraphApp, path: str, token: str, **params: str) -> requests.Response:
    query = params | {"access_token": token}
    return requests.get(app.sandbox.at(f"{GRAPH}/{path}"), params=query, timeout=10)


def inspected(app: GraphApp, token: str) -> dict[str, Any]:
    data: dict[str, Any] = ask(
        app, "debug_token", f"{app.client_id}|{app.client_secret}", input_token=token
    ).json()["data"]
    return data


def test_the_consent_page_has_a_box_for_each_permission_and_page(facebook: GraphApp) -> None:
    page = facebook.ask()
    assert page.status_code == 200
    assert "Lin &lt;b&gt;" in page.text
    boxes = re.findall(r'type="checkbox" name="(\w+)" value="(\w+)" checked', page.text)
    assert ("scope", "pages_manage_posts") in boxes
    assert ("page", "5001") in boxes
    assert re.findall(r'name="decision" value="(\w+)"', page.text) == ["allow", "cancel"]
    assert 'method="post"' in page.text


def test_signing_in_gives_a_short_token_and_then_a_long_one(facebook: GraphApp) -> None:
    redirect = facebook.decide()
    assert redirect.status_code == 302
    assert redirect.headers["Location"].endswith("#_=_")
    assert query_of(redirect)["state"] == "s-1"
    code = query_of(redirect)["code"]
    short = token_of(facebook, redirect_uri=facebook.redirect_uri, code=code)
    assert (short["token_type"], short["expires_in"]) == ("bearer", 3600)
    exchange = {"grant_type": "fb_exchange_token", "fb_exchange_token": short["access_token"]}
    longer = token_of(facebook, **exchange)
    assert longer["expires_in"] == 5_183_944
    assert longer["access_token"] != short["access_token"]


def test_the_end_of_a_long_token_is_sometimes_not_said(sandbox: Sandbox) -> None:
    dialog = "https://www.facebook.com/v24.0/dialog/oauth"
    app = GraphApp.new(sandbox, "facebook", dialog, "pages_show_list", answers_expires_in=False)
    code = app.code()
    exchange = {"grant_type": "fb_exchange_token", "fb_exchange_token": short_token(app, code)}
    assert set(token_of(app, **exchange)) == {"access_token", "token_type"}


@pytest.mark.parametrize("decision", ["cancel", "cancel_login", "cancel_authorize", "server_error"])
def test_a_cancel_is_redirected_with_exactly_these_words(facebook: GraphApp, decision: str) -> None:
    assert query_of(facebook.decide(decision, state="a b&c=ü")) == {
        "error": "access_denied",
        "error_code": "200",
        "error_reason": "user_denied",
        "error_description": "Permissions error",
        "state": "a b&c=ü",
    }


def test_the_person_and_the_pages_of_a_new_member(facebook: GraphApp) -> None:
    member = facebook.sandbox.tell("members", name="Ada Lovelace")["member"]
    token = long_token(facebook, facebook.code(member))
    person = ask(facebook, "me", token, fields="id,name").json()
    assert person["name"] == "Ada Lovelace"
    fields = "id,name,access_token,tasks,username,picture{url},instagram_business_account"
    answer = ask(facebook, "me/accounts", token, fields=fields, limit="100").json()
    [page] = answer["data"]
    assert page["name"] == "Ada Lovelace's page"
    assert {"MANAGE", "CREATE_CONTENT"} <= set(page["tasks"])
    assert page["instagram_business_account"]["id"].startswith("17841")
    assert "next" not in answer["paging"]
    picture = requests.get(facebook.sandbox.at(page["picture"]["data"]["url"]), timeout=10)
    assert picture.headers["Content-Type"] == "image/png"
    assert ask(facebook, "me", page["access_token"]).json()["id"] == page["id"]


def test_roles_become_tasks_and_pages_of_a_business_are_missing(facebook: GraphApp) -> None:
    pages = [
        {"id": "9101", "name": "Mine", "role": "ADMINISTRATOR"},
        {"id": "9102", "name": "Written", "role": "CONTENT_ADMIN"},
        {"id": "9103", "name": "Ads", "role": "DIRECT_SPONSORED_CONTENT_POSTER"},
        {"id": "9104", "name": "Held", "role": "ADMINISTRATOR", "business": "77"},
    ]
    member = facebook.sandbox.tell("members", organizations=pages)["member"]
    scope = f"{facebook.scope},business_management"
    token = long_token(facebook, facebook.code(member, scope=scope))
    listed = {
        page["id"]: page["tasks"] for page in ask(facebook, "me/accounts", token).json()["data"]
    }
    assert set(listed) == {"9101", "9102", "9103"}
    assert "MANAGE" in listed["9101"]
    assert "CREATE_CONTENT" in listed["9102"]
    assert "MANAGE" not in listed["9102"]
    assert "CREATE_CONTENT" not in listed["9103"]
    assert [one["id"] for one in ask(facebook, "me/businesses", token).json()["data"]] == ["77"]
    held = ask(facebook, "77/owned_pages", token, fields="id,name").json()["data"]
    assert held == [{"id": "9104", "name": "Held"}]


def test_pages_come_in_pages(facebook: GraphApp) -> None:
    pages = [{"id": f"92{n:02}", "name": f"P{n}", "role": "ADMINISTRATOR"} for n in range(5)]
    member = facebook.sandbox.tell("members", organizations=pages)["member"]
    token = long_token(facebook, facebook.code(member))
    found, answer = [], ask(facebook, "me/accounts", token, fields="id", limit="2")
    while True:
        found += [page["id"] for page in answer.json()["data"]]
        following = answer.json()["paging"].get("next")
        if not following:
            break
        assert following.startswith(f"{GRAPH}/me/accounts?")
        answer = requests.get(facebook.sandbox.at(following), timeout=10)
    assert found == [page["id"] for page in pages]
    after = ask(facebook, "me/accounts", token, limit="4").json()["paging"]["cursors"]["after"]
    last = ask(facebook, "me/accounts", token, after=after).json()
    assert [page["id"] for page in last["data"]] == ["9204"]
    assert error_of(ask(facebook, "me/accounts", token, after="x")) == (400, 100, None)


def test_unticked_permissions_and_pages_are_not_given(facebook: GraphApp) -> None:
    pages = [
        {"id": "9301", "name": "Yes", "role": "ADMINISTRATOR"},
        {"id": "9302", "name": "No", "role": "ADMINISTRATOR"},
    ]
    member = facebook.sandbox.tell("members", organizations=pages)["member"]
    form = {"scope": ["public_profile", "pages_show_list"], "page": ["9301"]}
    token = long_token(facebook, facebook.code(member, form))
    granted = ask(facebook, "me/permissions", token).json()["data"]
    assert {"permission": "pages_manage_posts", "status": "declined"} in granted
    assert {"permission": "pages_show_list", "status": "granted"} in granted
    [page] = ask(facebook, "me/accounts", token).json()["data"]
    assert page["id"] == "9301"
    assert error_of(ask(facebook, "9302", token)) == (400, 100, 33)


def test_a_declined_permission_is_asked_again_only_with_rerequest(facebook: GraphApp) -> None:
    member = facebook.sandbox.tell("members")["member"]
    facebook.code(member, {"scope": ["pages_show_list"]})

    def status(**changed: str) -> str:
        token = long_token(facebook, facebook.code(member, **changed))
        data = ask(facebook, "me/permissions", token).json()["data"]
        return {one["permission"]: one["status"] for one in data}["pages_manage_posts"]

    assert status() == "declined"
    assert status(auth_type="rerequest") == "granted"


def test_without_pages_show_list_there_are_no_pages(facebook: GraphApp) -> None:
    token = long_token(facebook, facebook.code(form={"scope": ["pages_manage_posts"]}))
    assert ask(facebook, "me/accounts", token).json() == {"data": []}


def test_page_tokens_end_with_a_short_token_and_never_with_a_long_one(
    facebook: GraphApp,
) -> None:
    member = facebook.sandbox.tell("members")["member"]
    code = facebook.code(member)
    short = short_token(facebook, code)
    exchange = {"grant_type": "fb_exchange_token", "fb_exchange_token": short}
    longer = token_of(facebook, **exchange)["access_token"]
    ends = []
    for token in (short, longer):
        page = ask(facebook, "me/accounts", token).json()["data"][0]["access_token"]
        again = ask(facebook, "me/accounts", token).json()["data"][0]["access_token"]
        assert page == again
        ends.append((page, inspected(facebook, page)["expires_at"]))
    assert ends[0][1] > 0
    assert ends[1][1] == 0
    facebook.sandbox.tell("clock", advance_seconds=61 * DAY, member=member)
    assert error_of(ask(facebook, "me", longer)) == (400, 190, 463)
    assert error_of(ask(facebook, "me", ends[0][0])) == (400, 190, 463)
    assert ask(facebook, "me", ends[1][0]).status_code == 200


def test_debug_token_tells_what_a_token_is(facebook: GraphApp) -> None:
    member = facebook.sandbox.tell("members")["member"]
    token = long_token(facebook, facebook.code(member))
    facts = inspected(facebook, token)
    assert facts["is_valid"] is True
    assert facts["app_id"] == facebook.client_id
    assert set(facebook.scope.split(",")) <= set(facts["scopes"])
    assert facts["expires_at"] - facts["issued_at"] in (5_183_944, 5_183_945)
    assert facts["data_access_expires_at"] == facts["issued_at"] + 90 * DAY
    pages = [page["id"] for page in ask(facebook, "me/accounts", token).json()["data"]]
    assert {"scope": "pages_show_list", "target_ids": pages} in facts["granular_scopes"]
    assert facts["user_id"] == ask(facebook, "me", token).json()["id"]
    assert inspected(facebook, "nonsense")["is_valid"] is False
    facebook.sandbox.tell("tokens/revoke", platform="facebook", token=token)
    revoked = inspected(facebook, token)
    assert (revoked["is_valid"], revoked["error"]["subcode"]) == (False, 458)
    bad = ask(facebook, "debug_token", f"{facebook.client_id}|wrong", input_token=token)
    assert error_of(bad) == (400, 190, None)


def test_taking_back_one_permission_leaves_the_rest(fay: GraphCaller) -> None:
    person = fay.with_token(fay.made["user_token"])
    gone = person.call("DELETE", "me/permissions/pages_manage_posts")
    assert gone.json() == {"success": True}
    assert error_of(fay.post("feed", message="Good morning")) == (403, 200, None)
    assert fay.get("me").status_code == 200
    assert error_of(person.call("DELETE", "me/permissions/nonsense")) == (400, 100, None)


def test_taking_back_everything_ends_every_token(fay: GraphCaller) -> None:
    person = fay.with_token(fay.made["user_token"])
    assert person.call("DELETE", "me/permissions").json() == {"success": True}
    for caller in (person, fay):
        assert error_of(caller.get("me")) == (400, 190, 458)


def test_a_person_has_another_id_in_another_app(sandbox: Sandbox, fay: GraphCaller) -> None:
    other = GraphApp.new(sandbox, "facebook", "", "")
    made = sandbox.tell(
        "tokens", platform="facebook", client_id=other.client_id, member=fay.member
    )["tokens"][0]
    assert made["user_id"] != fay.made["user_id"]
    assert made["subject"] == fay.id


def test_a_right_proof_of_the_secret_is_taken(facebook: GraphApp, fay: GraphCaller) -> None:
    key, text = facebook.client_secret.encode(), fay.token.encode()
    proof = hmac.new(key, text, hashlib.sha256).hexdigest()
    assert fay.get("me", appsecret_proof=proof).status_code == 200


@pytest.mark.parametrize(
    ("asked", "seen"), [("v24.0", "v24.0"), ("v26.0", "v26.0"), ("v3.2", "v3.2"), ("", None)]
)
def test_dead_versions_and_none_are_served_silently(
    fay: GraphCaller, asked: str, seen: str | None
) -> None:
    assert fay.call("GET", "me", version=asked).status_code == 200
    assert fay.sandbox.requests(fay.member)[0]["version"] == seen


def test_addresses_of_this_computer_are_for_apps_in_development(sandbox: Sandbox) -> None:
    fields = {"client_id": "1", "client_secret": "s", "platform": "facebook"}
    local = ["http://localhost:8000/callback"]
    assert sandbox.tell("apps", **fields, redirect_uris=local)["client_id"] == "1"
    for bad in (["http://lin.example/"], ["https://lin.example/#x"]):
        with pytest.raises(ValueError, match="redirect_uris"):
            sandbox.tell("apps", **fields, redirect_uris=bad)
    with pytest.raises(ValueError, match="redirect_uris"):
        sandbox.tell("apps", **fields, redirect_uris=local, loopback_redirects=False)
    with pytest.raises(ValueError, match="scopes"):
        sandbox.tell("apps", **fields, scopes=["pages_everything"])


def test_the_order_revoke_ends_a_token_that_is_in_the_query(fay: GraphCaller) -> None:
    fay.sandbox.order({"revoke": True}, member=fay.member, path="/v24.0/me")
    address = fay.sandbox.at(f"{GRAPH}/me?access_token={fay.token}")
    assert error_of(requests.get(address, timeout=10)) == (400, 190, 458)


def test_requests_are_known_by_code_and_by_token(facebook: GraphApp) -> None:
    member = facebook.sandbox.tell("members")["member"]
    long_token(facebook, facebook.code(member))
    paths = [seen["path"] for seen in facebook.sandbox.requests(member)]
    assert paths == ["/v24.0/oauth/access_token"] * 2


def test_the_dialog_takes_scopes_apart_by_commas_or_spaces(facebook: GraphApp) -> None:
    page = facebook.ask(scope="pages_show_list pages_manage_posts,read_insights")
    assert page.text.count('name="scope"') == 4
    assert parse_qs(urlsplit(page.url).query)["client_id"] == [facebook.client_id]

"""Signing in to Instagram: codes, long tokens, refreshing, and who the account is."""

from __future__ import annotations

import re
from typing import Any

import pytest
import requests

from local.sandbox.driver import Sandbox
from local.sandbox.graph.driver import GraphApp, GraphCaller, error_of, query_of

TOKEN = "https://api.instagram.com/oauth/access_token"
GRAPH = "https://graph.instagram.com"
DAY = 86_400


def exchange(app: GraphApp, code: str, *, multipart: bool = False) -> dict[str, Any]:
    form = app.credentials | {
        "grant_type": "authorization_code",
        "redirect_uri": app.redirect_uri,
        "code": code,
    }
    address = app.sandbox.at(TOKEN)
    if multipart:
        parts = {name: (None, value) for name, value in form.items()}
        answer = requests.post(address, files=parts, timeout=10)
    else:
        answer = requests.post(address, data=form, timeout=10)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def prolong(app: GraphApp, token: str, **changed: str) -> requests.Response:
    query = {
        "grant_type": "ig_exchange_token",
        "client_secret": app.client_secret,
        "access_token": token,
    }
    return requests.get(app.sandbox.at(f"{GRAPH}/access_token"), params=query | changed, timeout=10)


def refresh(account: GraphCaller, token: str) -> dict[str, Any]:
    query = {"grant_type": "ig_refresh_token", "access_token": token}
    address = account.sandbox.at(f"{GRAPH}/refresh_access_token")
    answer = requests.get(address, params=query, timeout=10)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def test_the_consent_page_has_a_box_for_each_permission(instagram: GraphApp) -> None:
    page = instagram.ask()
    assert page.status_code == 200
    assert "Lin &lt;b&gt;" in page.text
    boxes = re.findall(r'type="checkbox" name="(\w+)" value="(\w+)" checked', page.text)
    assert boxes == [("scope", name) for name in instagram.scope.split(",")]
    assert re.findall(r'name="decision" value="(\w+)"', page.text) == ["allow", "cancel"]


@pytest.mark.parametrize("decision", ["cancel", "cancel_login", "cancel_authorize", "server_error"])
def test_a_cancel_is_redirected_with_exactly_these_words(
    instagram: GraphApp, decision: str
) -> None:
    query = query_of(instagram.decide(decision, state="a b&c=ü"))
    assert query.pop("error_description")
    assert query == {"error": "access_denied", "error_reason": "user_denied", "state": "a b&c=ü"}


@pytest.mark.parametrize("multipart", [False, True])
def test_a_code_becomes_a_short_and_then_a_long_token(
    instagram: GraphApp, *, multipart: bool
) -> None:
    member = instagram.sandbox.tell("members", name="Ada Lovelace")["member"]
    redirect = instagram.decide("allow", {"member": member})
    assert redirect.headers["Location"].endswith("#_")
    short = exchange(instagram, query_of(redirect)["code"], multipart=multipart)
    assert short["permissions"] == instagram.scope
    longer = prolong(instagram, short["access_token"])
    assert longer.json()["expires_in"] == 5_183_944
    assert longer.json()["token_type"] == "bearer"
    assert [seen["path"] for seen in instagram.sandbox.requests(member)] == [
        "/access_token",
        "/oauth/access_token",
    ]


def test_the_answer_may_be_wrapped_and_its_permissions_a_list(sandbox: Sandbox) -> None:
    app = GraphApp.new(
        sandbox,
        "instagram",
        "https://www.instagram.com/oauth/authorize",
        "instagram_business_basic",
        wraps_data=True,
        permissions_as_list=True,
    )
    [short] = exchange(app, app.code())["data"]
    assert short["permissions"] == ["instagram_business_basic"]
    me = GraphCaller.new(sandbox, "instagram", client_id=app.client_id)
    [account] = me.get("me", fields="user_id,username").json()["data"]
    assert account["user_id"] == me.id


def test_an_unticked_permission_is_not_given(instagram: GraphApp) -> None:
    code = instagram.code(form={"scope": ["instagram_business_basic"]})
    assert exchange(instagram, code)["permissions"] == "instagram_business_basic"


def test_a_long_token_takes_the_secret_and_a_short_token(instagram: GraphApp) -> None:
    short = exchange(instagram, instagram.code())["access_token"]
    assert error_of(prolong(instagram, short, client_secret="x")) == (400, 100, None)
    assert error_of(prolong(instagram, short, grant_type="x")) == (400, 100, None)
    assert error_of(prolong(instagram, "IGAAnonsense")) == (400, 190, None)
    longer = prolong(instagram, short).json()["access_token"]
    assert error_of(prolong(instagram, longer)) == (400, 100, None)


def test_a_short_token_lives_an_hour_and_a_long_one_sixty_days(instagram: GraphApp) -> None:
    member = instagram.sandbox.tell("members")["member"]
    short = exchange(instagram, instagram.code(member))["access_token"]
    longer = prolong(instagram, short).json()["access_token"]
    sandbox = instagram.sandbox
    account = GraphCaller(sandbox, "instagram", "graph.instagram.com", member, "me", longer)
    account.pass_time(3600)
    assert error_of(account.with_token(short).get("me")) == (400, 190, 463)
    assert account.get("me").status_code == 200
    account.pass_time(60 * DAY)
    assert error_of(account.get("me")) == (400, 190, 463)


@pytest.mark.parametrize("new", [True, False])
def test_a_refresh_gives_sixty_more_days(ivy: GraphCaller, *, new: bool) -> None:
    ivy.set(refresh_gives_new_token=new)
    ivy.pass_time(30 * DAY)
    fresh = refresh(ivy, ivy.token)
    assert fresh["expires_in"] == 5_183_944
    assert (fresh["access_token"] != ivy.token) is new
    ivy.pass_time(40 * DAY)
    assert ivy.with_token(fresh["access_token"]).get("me").status_code == 200


def test_me_tells_the_account_and_another_id_of_the_person(
    instagram: GraphApp, ivy: GraphCaller
) -> None:
    fields = "id,user_id,username,name,profile_picture_url,account_type"
    me = ivy.get("me", fields=fields).json()
    assert (me["user_id"], me["name"], me["account_type"]) == (ivy.id, "Ivy Image", "BUSINESS")
    assert re.fullmatch(r"ivy_image_[0-9a-f]{4}", me["username"])
    exchanged = exchange(instagram, instagram.code(ivy.member))["user_id"]
    assert me["id"] == str(exchanged) != ivy.id
    picture = requests.get(ivy.sandbox.at(me["profile_picture_url"]), timeout=10)
    assert picture.headers["Content-Type"] == "image/jpeg"
    # The person's id is not what publishing takes.
    assert error_of(ivy.get(f"{exchanged}/media")) == (400, 100, 33)


@pytest.mark.parametrize(("member", "username"), [("zoe", "zoe_lindqvist"), ("yusuf", None)])
def test_usernames_are_plain_ascii(
    sandbox: Sandbox, instagram: GraphApp, member: str, username: str | None
) -> None:
    caller = GraphCaller.new(sandbox, "instagram", client_id=instagram.client_id, member=member)
    found = caller.get("me", fields="username").json()["username"]
    assert re.fullmatch(r"[a-z0-9_]+", found)
    assert username in (None, found)


def test_the_account_of_a_page_is_the_same_in_both_products(
    sandbox: Sandbox, finn: GraphCaller, instagram: GraphApp
) -> None:
    page = finn.made["pages"][0]["id"]
    linked = finn.get(page, fields="instagram_business_account").json()
    assert linked["instagram_business_account"]["id"] == finn.id
    account = finn.get(finn.id, fields="username,name,profile_picture_url").json()
    assert account["name"] == "Finn Photo"
    own = GraphCaller.new(sandbox, "instagram", client_id=instagram.client_id, member=finn.member)
    assert own.id == finn.id


def test_only_the_first_page_has_the_account(sandbox: Sandbox, facebook: GraphApp) -> None:
    pages = [{"id": f"94{n:02}", "name": f"P{n}", "role": "ADMINISTRATOR"} for n in range(2)]
    member = sandbox.tell("members", organizations=pages)["member"]
    made = GraphCaller.new(
        sandbox, "instagram", login="facebook", client_id=facebook.client_id, member=member
    )
    first, second = made.made["pages"]
    assert (first["instagram_business_account"], second["instagram_business_account"]) == (
        made.id,
        None,
    )
    stranger = made.with_token(second["access_token"])
    assert error_of(stranger.get(made.id)) == (400, 100, 33)


@pytest.mark.parametrize(("how", "subcode"), [("revoke", 458), ("expire", 463)])
@pytest.mark.parametrize("who", ["ivy", "finn"])
def test_tokens_are_ended_by_the_control_path(
    request: pytest.FixtureRequest, who: str, how: str, subcode: int
) -> None:
    caller: GraphCaller = request.getfixturevalue(who)
    caller.sandbox.tell(f"tokens/{how}", platform="instagram", member=caller.member)
    assert error_of(caller.get(caller.id)) == (400, 190, subcode)


def test_apps_are_registered_for_one_product(sandbox: Sandbox) -> None:
    fields: dict[str, Any] = {"client_id": "2", "client_secret": "s", "platform": "instagram"}
    uris = ["https://lin.example/callback"]
    assert sandbox.tell("apps", **fields, redirect_uris=uris)["client_id"] == "2"
    for bad in ({"login": "x"}, {"scopes": ["instagram_basic"]}, {"redirect_uris": ["http://a"]}):
        with pytest.raises(ValueError, match=next(iter(bad))):
            sandbox.tell("apps", **(fields | bad))
    local = ["http://localhost:1/"]
    with pytest.raises(ValueError, match="redirect_uris"):
        sandbox.tell("apps", **fields, redirect_uris=local, loopback_redirects=False)

"""A consent that opens several accounts: each comes back to the browser, and the permission ends with the last of them."""

from __future__ import annotations

import secrets
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.api.conftest import SECONDS, Browser, problem
from tests.api.test_connecting import accounts

REVOKE = {"host": "graph.facebook.com", "method": "DELETE"}


def person_with_pages(ada: Browser, number: int) -> tuple[str, list[str]]:
    """Somebody who may publish to so many pages, and the pages' ids."""
    ids = [str(secrets.randbelow(10**15)) for _ in range(number)]
    pages = [{"id": one, "name": f"Page {n}", "role": "ADMINISTRATOR"} for n, one in enumerate(ids)]
    return ada.new_member(organizations=pages), ids


def connect_all(ada: Browser, member: str) -> list[str]:
    """Connect Facebook; every account that the browser comes back with."""
    callback = ada.decide(ada.start(platform="facebook"), member)
    answer = ada.http.get(callback, timeout=SECONDS, allow_redirects=False)
    assert answer.status_code == 303, answer.text
    query = parse_qs(urlsplit(answer.headers["Location"]).query)
    assert set(query) == {"account"}
    return query["account"]


def disconnect(ada: Browser, account: str) -> None:
    assert ada.call("DELETE", f"/api/platforms/accounts/{account}").status_code == 204


def revocations(ada: Browser, member: str) -> list[dict[str, Any]]:
    return ada.sandbox.requests(member, **REVOKE)


def test_each_page_is_an_account_and_the_browser_is_told_of_each(ada: Browser) -> None:
    member, pages = person_with_pages(ada, 2)
    told = connect_all(ada, member)
    assert len(told) == len(set(told)) == 2
    found = {row["id"]: row for row in accounts(ada)}
    assert set(found) == set(told)
    assert {row["external_id"] for row in found.values()} == set(pages)
    assert {row["account_name"] for row in found.values()} == {"Page 0", "Page 1"}
    assert {(row["kind"], row["status"]) for row in found.values()} == {("page", "active")}


def test_each_page_is_published_to_on_its_own(ada: Browser) -> None:
    member, _ = person_with_pages(ada, 2)
    first, second = connect_all(ada, member)
    post = ada.write("Good morning", first, second)
    answer = ada.call("POST", f"/api/posts/{post}/publish", headers={"Prefer": "wait=30"})
    assert answer.json()["status"] == "published", answer.text
    ids = [target["external_id"] for target in answer.json()["targets"]]
    assert len(set(ids)) == 2


def test_disconnecting_one_page_leaves_the_others_permission(ada: Browser) -> None:
    member, _ = person_with_pages(ada, 2)
    first, second = connect_all(ada, member)
    disconnect(ada, first)
    assert revocations(ada, member) == []
    states = {row["id"]: row["status"] for row in accounts(ada)}
    assert states == {first: "disconnected", second: "active"}
    post = ada.write("Still here", second)
    answer = ada.call("POST", f"/api/posts/{post}/publish", headers={"Prefer": "wait=30"})
    assert answer.json()["status"] == "published", answer.text


def test_the_last_page_ends_the_permission(ada: Browser) -> None:
    member, _ = person_with_pages(ada, 2)
    first, second = connect_all(ada, member)
    disconnect(ada, first)
    disconnect(ada, second)
    assert len(revocations(ada, member)) == 1
    assert {row["status"] for row in accounts(ada)} == {"disconnected"}


def test_only_the_page_that_was_ticked_is_connected(ada: Browser) -> None:
    member, pages = person_with_pages(ada, 2)
    url = ada.start(platform="facebook")
    form = {"member": member, "decision": "allow", "boxes": "page", "page": pages[1], "page_shown": pages}  # fmt: skip
    answer = ada.http.post(url, form, timeout=SECONDS, allow_redirects=False)
    account = ada.back(answer.headers["Location"])["account"]
    assert ada.row("social_accounts", account)["external_id"] == pages[1]
    assert len(accounts(ada)) == 1


def test_somebody_without_a_page_is_told_so(ada: Browser) -> None:
    member = ada.new_member(organizations=[{"id": "1", "name": "Theirs", "role": "ANALYST"}])
    query = ada.back(ada.decide(ada.start(platform="facebook"), member))
    assert set(query) == {"error"}
    assert accounts(ada) == []


def test_reconnecting_keeps_the_accounts(ada: Browser) -> None:
    member, _ = person_with_pages(ada, 2)
    first = connect_all(ada, member)
    disconnect(ada, first[0])
    assert set(connect_all(ada, member)) == set(first)
    assert {row["status"] for row in accounts(ada)} == {"active"}


def test_nobody_disconnects_somebody_elses_page(ada: Browser, ben: Browser) -> None:
    member, _ = person_with_pages(ada, 1)
    (mine,), (his,) = connect_all(ada, member), connect_all(ben, member)
    assert mine != his
    problem(ben.call("DELETE", f"/api/platforms/accounts/{mine}"), 404)
    assert revocations(ada, member) == []
    assert {row["status"] for row in accounts(ada)} == {"active"}


def test_where_each_account_has_a_consent_of_its_own_each_is_revoked(ada: Browser) -> None:
    """Two accounts on X: what ends one leaves the other as it is."""
    members = [ada.new_member(), ada.new_member()]
    first, second = (ada.connect(member, "x") for member in members)
    disconnect(ada, first)
    revoked = [ada.sandbox.requests(one, host="api.x.com", path="/2/oauth2/revoke") for one in members]  # fmt: skip
    assert [bool(calls) for calls in revoked] == [True, False]
    states = {row["id"]: row["status"] for row in accounts(ada)}
    assert states == {first: "disconnected", second: "active"}

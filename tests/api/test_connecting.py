"""Connecting LinkedIn over HTTP, with every way in which it can end."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from tests.api.conftest import Browser, HastyServer, problem
from tests.people import Person

NOBODYS = "6f8f6f6e-0000-4000-8000-00000000000a"


def accounts(browser: Browser) -> list[dict[str, Any]]:
    assert browser.person
    found: list[dict[str, Any]] = browser.person.rest(
        "GET", "social_accounts?order=connected_at"
    ).json()
    return found


def test_an_allowed_consent_ends_at_the_frontend_with_the_account(ada: Browser) -> None:
    url = ada.start(f"{ada.frontend_url}/connected?tab=accounts")
    query = ada.back(ada.decide(url, ada.new_member("Zoë 🌷 שירה")))
    assert set(query) == {"tab", "account"}
    (account,) = accounts(ada)
    assert account["id"] == query["account"]
    assert (account["account_name"], account["status"], account["platform_id"]) == (
        "Zoë 🌷 שירה",
        "active",
        "linkedin",
    )
    assert {"openid", "profile", "w_member_social"} <= set(account["granted_scopes"])
    assert datetime.fromisoformat(account["token_expires_at"]) > datetime.now(UTC) + timedelta(
        days=50
    )


def test_the_answer_says_until_when_and_the_cookie_is_for_this_browser_only(ada: Browser) -> None:
    wanted = {"platform": "linkedin", "redirect_to": f"{ada.frontend_url}/x"}
    answer = ada.call("POST", "/api/platforms/connect", wanted)
    assert set(answer.json()) == {"authorization_url", "expires_at"}
    left = datetime.fromisoformat(answer.json()["expires_at"]) - datetime.now(UTC)
    assert timedelta(minutes=9) < left <= timedelta(minutes=10)
    cookie = answer.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "Path=/api/platforms" in cookie
    assert "SameSite=Lax" in cookie


def test_tokens_are_sealed_before_they_are_stored(
    ada: Browser, sql: Callable[..., list[Any]]
) -> None:
    account = ada.connect()
    ((sealed,),) = sql(
        "select access_token_sealed from social_account_tokens where account_id = %s", account
    )
    assert sealed.count(".") == 4
    assert sealed.startswith("eyJ")


@pytest.mark.parametrize(
    ("decision", "word"),
    [
        ("cancel_login", "canceled"),
        ("cancel_authorize", "canceled"),
        ("server_error", "platform_refused"),
    ],
)
def test_a_refused_consent_ends_at_the_frontend_with_a_word(
    ada: Browser, decision: str, word: str
) -> None:
    callback = ada.decide(ada.start(), ada.new_member(), decision)
    assert ada.back(callback) == {"error": word}
    assert accounts(ada) == []


def test_a_state_that_was_used_does_nothing_more(ada: Browser) -> None:
    callback = ada.decide(ada.start(), ada.new_member())
    account = ada.back(callback)["account"]
    before = accounts(ada)
    assert ada.back(callback) == {"error": "state_used"}
    assert accounts(ada) == before
    assert before[0]["id"] == account


@pytest.mark.parametrize(
    "query", ["state=forged&code=abc", "code=abc", "state=&code=abc", f"state={'x' * 300}", ""]
)
def test_a_state_nobody_started_goes_nowhere(stranger: Browser, query: str) -> None:
    answer = stranger.http.get(
        f"{stranger.api_url}/api/platforms/linkedin/callback?{query}",
        timeout=10,
        allow_redirects=False,
    )
    assert "Location" not in answer.headers
    assert problem(answer, 422)["errors"][0]["field"] == "state"


def test_a_state_of_one_platform_is_none_of_another(ada: Browser) -> None:
    callback = ada.decide(ada.start(), ada.new_member())
    problem(ada.http.get(callback.replace("/linkedin/", "/myspace/"), timeout=10), 422)


def test_a_state_too_old_is_said_and_changes_nothing(
    ada: Browser, sql: Callable[..., list[Any]]
) -> None:
    callback = ada.decide(ada.start(), ada.new_member())
    state = parse_qs(urlsplit(callback).query)["state"][0]
    changed = sql(
        "update oauth_states set expires_at = now() - interval '1 second' where state_hash = %s returning 1",
        hashlib.sha256(state.encode()).hexdigest(),
    )
    assert len(changed) == 1
    assert ada.back(callback) == {"error": "state_expired"}
    assert accounts(ada) == []


def test_who_signed_out_meanwhile_connects_nothing(ada: Browser) -> None:
    assert ada.person
    callback = ada.decide(ada.start(), ada.new_member())
    url = f"{ada.person.info['supabase_url']}/auth/v1/logout?scope=global"
    assert ada.person.http.post(url, headers=ada.person.headers).status_code == 204
    assert ada.back(callback) == {"error": "state_expired"}
    assert accounts(ada) == []


def test_another_browser_cannot_end_what_this_one_started(ada: Browser, ben: Browser) -> None:
    callback = ada.decide(ada.start(), ada.new_member())
    ben.start()  # gives this browser a cookie of its own
    assert ben.back(callback) == {"error": "state_other_browser"}
    assert accounts(ada) == []
    assert accounts(ben) == []


def test_a_consent_belongs_to_whoever_started_it(ada: Browser, ben: Browser) -> None:
    member = ada.new_member()
    first, second = ada.connect(member), ben.connect(member)
    assert first != second
    assert [one["id"] for one in accounts(ada)] == [first]
    assert [one["id"] for one in accounts(ben)] == [second]


@pytest.mark.parametrize(
    "redirect_to",
    [
        "https://evil.example/",
        "//evil.example/",
        "/connected",
        "{frontend}@evil.example/",
        "{frontend}.evil.example/",
        "{frontend}/#x",
        "javascript:alert(1)",
    ],
)
def test_a_browser_is_never_sent_elsewhere(reader: Browser, redirect_to: str) -> None:
    wanted = {
        "platform": "linkedin",
        "redirect_to": redirect_to.format(frontend=reader.frontend_url),
    }
    refused = problem(reader.call("POST", "/api/platforms/connect", wanted), 422)
    assert refused["errors"][0]["field"] == "redirect_to"


def test_an_unknown_platform_is_named(reader: Browser) -> None:
    wanted = {"platform": "myspace", "redirect_to": f"{reader.frontend_url}/"}
    refused = problem(reader.call("POST", "/api/platforms/connect", wanted), 422)
    assert refused["errors"] == [
        {"field": "platform", "message": '"myspace" is not a platform Lin knows.'}
    ]


def test_a_missing_permission_connects_nothing_and_the_token_is_given_back(ada: Browser) -> None:
    member = ada.new_member()
    callback = ada.decide(ada.start(), member)
    little = {"access_token": "AQX" + "a" * 40, "expires_in": 5184000, "scope": "openid profile"}
    ada.sandbox.order({"status": 200, "body": little}, path="/oauth/v2/accessToken", member=member)
    assert ada.back(callback) == {"error": "missing_permission"}
    assert accounts(ada) == []


FAILURES: dict[str, dict[str, Any]] = {
    "broken": {"status": 500},
    "throttled": {"status": 429},
    "dropped": {"drop": True},
    "reset": {"reset": True},
    "half an answer": {"half_body": True},
}


@pytest.mark.parametrize("order", FAILURES.values(), ids=FAILURES.keys())
def test_a_platform_that_fails_leaves_the_account_as_it_was(
    ada: Browser, order: dict[str, Any]
) -> None:
    member = ada.new_member()
    account = ada.connect(member)
    before = accounts(ada)
    callback = ada.decide(ada.start(), member)
    ada.sandbox.order(order, path="/oauth/v2/accessToken", member=member)
    assert ada.back(callback) == {"error": "platform_unavailable"}
    assert accounts(ada) == before
    assert ada.connect(member) == account


def test_a_platform_that_does_not_answer_in_time_is_unavailable(
    open_browser: Callable[..., Browser], alice: Person, hasty: HastyServer
) -> None:
    ada = open_browser(alice, hasty.api_url)
    member = ada.new_member()
    callback = ada.decide(ada.start(), member)
    ada.sandbox.order({"timeout": True}, path="/oauth/v2/accessToken", member=member)
    assert ada.back(callback) == {"error": "platform_unavailable"}
    callback = ada.decide(ada.start(), member)
    ada.sandbox.order({"timeout": True}, path="/v2/userinfo", member=member)
    assert ada.back(callback) == {"error": "platform_unavailable"}
    assert accounts(ada) == []
    assert ada.back(ada.decide(ada.start(), member))["account"]


def test_a_code_that_was_never_issued_is_refused_by_the_platform(ada: Browser) -> None:
    state = parse_qs(urlsplit(ada.start()).query)["state"][0]
    assert ada.back(
        f"{ada.api_url}/api/platforms/linkedin/callback?state={state}&code=made-up"
    ) == {"error": "platform_refused"}


def test_disconnecting_forgets_the_tokens_and_revokes_them(
    ada: Browser, sql: Callable[..., list[Any]]
) -> None:
    member = ada.new_member()
    account = ada.connect(member)
    answer = ada.call("DELETE", f"/api/platforms/accounts/{account}")
    assert (answer.status_code, answer.content) == (204, b"")
    assert ada.row("social_accounts", account)["status"] == "disconnected"
    assert sql("select 1 from social_account_tokens where account_id = %s", account) == []
    assert [one["path"] for one in ada.sandbox.requests(member) if "revoke" in one["path"]]
    assert ada.call("DELETE", f"/api/platforms/accounts/{account}").status_code == 204


@pytest.mark.parametrize("order", [{"status": 500}, {"drop": True}], ids=["broken", "dropped"])
def test_disconnecting_works_when_the_platform_does_not(
    ada: Browser, order: dict[str, Any]
) -> None:
    member = ada.new_member()
    account = ada.connect(member)
    ada.sandbox.order(order, path="/oauth/v2/revoke", member=member)
    assert ada.call("DELETE", f"/api/platforms/accounts/{account}").status_code == 204
    assert ada.row("social_accounts", account)["status"] == "disconnected"


def test_an_account_of_somebody_else_is_none(ada: Browser, ben: Browser) -> None:
    account = ada.connect()
    assert (
        problem(ben.call("DELETE", f"/api/platforms/accounts/{account}"), 404)["detail"]
        == "There is no such account."
    )
    problem(ben.call("DELETE", f"/api/platforms/accounts/{NOBODYS}"), 404)
    assert (
        problem(ben.call("DELETE", "/api/platforms/accounts/nonsense"), 422)["errors"][0]["field"]
        == "account_id"
    )
    assert ada.row("social_accounts", account)["status"] == "active"


def test_reconnecting_keeps_the_account_and_resumes_what_waited_for_it(ada: Browser) -> None:
    member = ada.new_member()
    account = ada.connect(member)
    post = ada.write("Good morning", account)
    assert ada.person
    at = (datetime.now(UTC) + timedelta(hours=2)).isoformat()
    assert ada.person.rpc("schedule_post", post=post, at=at).status_code == 200
    assert ada.call("DELETE", f"/api/platforms/accounts/{account}").status_code == 204
    parked = ada.target(post)
    assert parked["state"] == "needs_reconnect"
    assert ada.connect(member) == account
    resumed = ada.target(post)
    assert (resumed["state"], resumed["error"]) == ("scheduled", None)
    assert datetime.fromisoformat(resumed["due_at"]) == datetime.fromisoformat(at)
    assert ada.row("social_accounts", account)["status"] == "active"


def test_the_platforms_are_listed_with_their_limits(reader: Browser) -> None:
    (linkedin,) = [
        one
        for one in reader.call("GET", "/api/platforms").json()["platforms"]
        if one["id"] == "linkedin"
    ]
    assert (linkedin["name"], linkedin["enabled"], linkedin["configured"]) == (
        "LinkedIn",
        True,
        True,
    )
    assert linkedin["limits"]["text"] == {"max": 3000, "counted": "characters"}


def test_the_callback_asks_for_no_token_and_sets_nothing_for_strangers(stranger: Browser) -> None:
    answer: requests.Response = stranger.http.get(
        f"{stranger.api_url}/api/platforms/linkedin/callback", timeout=10
    )
    assert answer.status_code == 422
    assert "Set-Cookie" not in answer.headers

"""Connecting without a network: where a browser may be sent, and what a state allows."""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.core.connecting import Connector, account_id_for, s256_challenge
from backend.core.errors import InvalidInput, NotFound, Unavailable
from backend.core.platform_contract import Identity
from backend.core.ports import Answer
from backend.core.records import SealedTokens, StateVerdict
from backend.platforms.linkedin import LinkedIn
from backend.platforms.linkedin_login import REVOKE, TOKEN, USERINFO
from backend.sealing import Sealer

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
ORIGIN = "https://app.example.org"
USER = "6f8f6f6e-0000-4000-8000-000000000001"
Reply = Callable[[str, str], Answer]


class Door:
    """A platform at the end of the wire that answers what the test says."""

    def __init__(self, reply: Reply) -> None:
        self._reply = reply
        self.sent: list[tuple[str, str, dict[str, str]]] = []

    def send(self, method: str, url: str, **more: Any) -> Answer:
        self.sent.append((method, url, dict(more.get("form") or {})))
        return self._reply(method, url)

    def browser_url(self, url: str) -> str:
        return url


def linkedin_at_its_best(_method: str, url: str) -> Answer:
    if url == TOKEN:
        return Answer(200, {}, b'{"access_token": "AQX-token", "expires_in": 5184000, "scope": "openid,profile,w_member_social"}')  # fmt: skip
    if url == USERINFO:
        return Answer(200, {}, '{"sub": "Ab3", "name": "שלום 🌷"}'.encode())
    return Answer(200, {})


@dataclass
class Store:
    """What connecting keeps, in memory; verdicts as the database function gives them."""

    states: dict[str, dict[str, Any]] = field(default_factory=dict)
    accounts: dict[str, tuple[str, Identity, SealedTokens]] = field(default_factory=dict)
    down: bool = False

    def save_oauth_state(self, *, state_hash: str, **row: Any) -> None:
        self.states[state_hash] = row | {"used": False}

    def consume_oauth_state(
        self, state_hash: str, platform: str, browser_hash: str | None
    ) -> StateVerdict:
        row = self.states.get(state_hash)
        if row is None or row["platform"] != platform:
            return StateVerdict("unknown", None, None, None)
        verdict: Any = "ok"
        if row["used"]:
            verdict = "used"
        elif browser_hash is not None and browser_hash != row["browser_hash"]:
            verdict = "other_browser"
        row["used"] = True
        return StateVerdict(verdict, row["user_id"], row["redirect_to"], row["verifier_sealed"])

    def store_account(
        self, account_id: str, user_id: str, platform: str, identity: Identity, scopes: tuple[str, ...], tokens: SealedTokens
    ) -> str:  # fmt: skip
        if self.down:
            raise Unavailable("The database does not answer.")
        self.accounts[account_id] = (user_id, identity, tokens)
        return account_id

    def account_tokens(self, account_id: str) -> SealedTokens | None:
        return self.accounts[account_id][2] if account_id in self.accounts else None

    def other_accounts(self, account_id: str, user_id: str, platform: str) -> int:
        return sum(
            owner == user_id for one, (owner, *_) in self.accounts.items() if one != account_id
        )

    def disconnect_account(self, account_id: str, user_id: str) -> bool:
        owned = account_id in self.accounts and self.accounts[account_id][0] == user_id
        if owned:
            del self.accounts[account_id]
        return owned


@dataclass
class Desk:
    """A connector with its surroundings."""

    connector: Connector
    store: Store
    door: Door
    sealer: Sealer

    def begin(self, redirect_to: str = f"{ORIGIN}/accounts?tab=1") -> tuple[str, str]:
        """The state and the browser's secret of a started connection."""
        started = self.connector.start("linkedin", USER, redirect_to, NOW)
        return parse_qs(urlsplit(started.authorization_url).query)["state"][0], started.browser

    def end(self, browser: str | None, **answer: str) -> dict[str, list[str]]:
        """The query with which the browser ends at the frontend."""
        url = self.connector.finish("linkedin", answer, browser, NOW)
        assert url.startswith(f"{ORIGIN}/accounts?")
        return parse_qs(urlsplit(url).query)


def desk(
    reply: Reply = linkedin_at_its_best, *, require_browser: bool = False, configured: bool = True
) -> Desk:
    door, store, sealer = Door(reply), Store(), Sealer([secrets.token_bytes(32)])
    credentials = {"client_id": "id", "client_secret": "secret"} if configured else {"client_id": None, "client_secret": None}  # fmt: skip
    platform = LinkedIn(door, LinkedIn.Settings(**credentials))
    connector = Connector(
        store, {"linkedin": platform}, sealer,
        redirect_uris={"linkedin": "https://api.example.org/api/platforms/linkedin/callback"},
        allowed_origins=[ORIGIN, "http://127.0.0.1:15460"], require_browser=require_browser,
    )  # fmt: skip
    return Desk(connector, store, door, sealer)


@pytest.mark.parametrize(
    "url",
    [
        ORIGIN,
        f"{ORIGIN}/",
        f"{ORIGIN}/accounts?tab=1&tab=2",
        f"{ORIGIN}/@someone",
        f"{ORIGIN}/?next=https://evil.example",
        "http://127.0.0.1:15460/connected",
    ],
)
def test_a_browser_may_go_back_to_a_frontend(url: str) -> None:
    assert desk().connector.start("linkedin", USER, url, NOW).browser


ELSEWHERE = {
    "another host": "https://evil.example/",
    "subdomain suffix": f"{ORIGIN}.evil.example/",
    "prefix of the host": "https://evilapp.example.org/",
    "subdomain": "https://x.app.example.org/",
    "userinfo": "https://app.example.org@evil.example/",
    "userinfo of the right host": "https://evil@app.example.org/",
    "password only": "https://:x@app.example.org/",
    "other port": f"{ORIGIN}:8443/",
    "default port spelled out": f"{ORIGIN}:443/",
    "empty port": f"{ORIGIN}:/",
    "other scheme": "http://app.example.org/",
    "script": "javascript:alert(1)//https://app.example.org",
    "data": "data:text/html,https://app.example.org",
    "scheme-relative": "//app.example.org/",
    "scheme-relative elsewhere": "//evil.example/",
    "path": "/accounts",
    "nothing": "",
    "scheme without slashes": "https:app.example.org/",
    "one slash": "https:/app.example.org/",
    "three slashes": "https:///app.example.org/",
    "backslashes": "https:\\\\app.example.org\\",
    "backslash before the real host": "https://evil.example\\@app.example.org/",
    "backslash in the path": f"{ORIGIN}/\\evil.example",
    "tab": "https://app.example.org\t.evil.example/",
    "tab in the scheme": "ht\ttps://evil.example/",
    "line break": f"{ORIGIN}/\r\nSet-Cookie: a=b",
    "leading space": f" {ORIGIN}/",
    "null": f"{ORIGIN}/\0",
    "no-break space": f"{ORIGIN}\u00a0/",
    "fragment": f"{ORIGIN}/#account=1",
    "upper-case host": "https://APP.EXAMPLE.ORG/",
    "dot at the end": "https://app.example.org./",
    "ideographic full stop": "https://app\u3002example\u3002org/",
    "fullwidth full stop": "https://app\uff0eexample\uff0eorg/",
    "fullwidth solidus": "https://app.example.org\uff0f@evil.example/",
    "percent-encoded dot": "https://app%2eexample%2eorg/",
    "cyrillic letter": "https://\u0430pp.example.org/",
    "broken address": "https://[app.example.org/",
    "too long": f"{ORIGIN}/{'a' * 1500}",
}


@pytest.mark.parametrize("url", ELSEWHERE.values(), ids=ELSEWHERE.keys())
def test_a_browser_may_go_nowhere_else(url: str) -> None:
    started = desk()
    with pytest.raises(InvalidInput) as refused:
        started.connector.start("linkedin", USER, url, NOW)
    assert refused.value.problems[0].field == "redirect_to"
    assert "FRONTEND_ORIGINS" in str(refused.value)
    assert not started.store.states


@given(st.text(alphabet="/\\@:.?#%[]ae \t", max_size=25))
def test_whatever_follows_the_origin_an_accepted_url_leads_to_it(rest: str) -> None:
    started = desk()
    try:
        started.connector.start("linkedin", USER, f"{ORIGIN}{rest}", NOW)
    except InvalidInput:
        return
    assert rest == "" or rest[0] in "/?#"
    assert urlsplit(f"{ORIGIN}{rest}").netloc == "app.example.org"


def test_the_url_may_not_be_guessed_from_what_is_stored() -> None:
    started = desk()
    state, browser = started.begin()
    (key, row), *_ = started.store.states.items()
    assert key == hashlib.sha256(state.encode()).hexdigest()
    assert row["browser_hash"] == hashlib.sha256(browser.encode()).hexdigest()
    assert row["expires_at"] == NOW + timedelta(minutes=10)
    assert state not in str(row)
    assert browser not in str(row)


def test_an_unknown_platform_is_refused_and_named() -> None:
    with pytest.raises(InvalidInput, match='"myspace" is not a platform') as refused:
        desk().connector.start("myspace", USER, ORIGIN, NOW)
    assert refused.value.problems[0].field == "platform"


def test_a_platform_without_credentials_is_refused() -> None:
    with pytest.raises(InvalidInput, match="no credentials for linkedin"):
        desk(configured=False).connector.start("linkedin", USER, ORIGIN, NOW)


def test_an_allowed_connection_stores_the_account_with_sealed_tokens() -> None:
    started = desk()
    state, browser = started.begin()
    query = started.end(browser, state=state, code="abc")
    account_id = account_id_for(USER, "linkedin", "Ab3")
    assert query == {"tab": ["1"], "account": [account_id]}
    user_id, identity, tokens = started.store.accounts[account_id]
    assert (user_id, identity.account_name) == (USER, "שלום 🌷")
    assert "AQX-token" not in repr(tokens)
    assert (
        started.sealer.open(tokens.access_token_sealed, bound_to=f"{account_id}:access")
        == "AQX-token"
    )
    assert tokens.access_token_expires_at == NOW + timedelta(days=60)


@pytest.mark.parametrize(
    ("answered", "word"),
    [
        ("user_cancelled_login", "canceled"),
        ("user_cancelled_authorize", "canceled"),
        ("access_denied", "canceled"),
        ("server_error", "platform_refused"),
        ("unauthorized_scope_error", "platform_refused"),
        ("<script>", "platform_refused"),
    ],
)
def test_what_the_platform_says_instead_of_a_code_becomes_one_word(
    answered: str, word: str
) -> None:
    started = desk()
    state, browser = started.begin()
    assert started.end(browser, state=state, error=answered) == {"tab": ["1"], "error": [word]}
    assert not started.door.sent


def test_a_state_serves_once() -> None:
    started = desk()
    state, browser = started.begin()
    started.end(browser, state=state, code="abc")
    sent = len(started.door.sent)
    assert started.end(browser, state=state, code="abc")["error"] == ["state_used"]
    assert len(started.door.sent) == sent


@pytest.mark.parametrize("state", ["", "x" * 201, "forged"])
def test_without_a_known_state_nobody_is_sent_anywhere(state: str) -> None:
    started = desk()
    with pytest.raises(InvalidInput, match="start connecting again"):
        started.connector.finish("linkedin", {"state": state, "code": "abc"}, None, NOW)


def test_another_browser_cannot_end_a_connection() -> None:
    started = desk()
    state, _ = started.begin()
    assert started.end("stolen", state=state, code="abc")["error"] == ["state_other_browser"]
    assert not started.store.accounts


def test_in_production_a_browser_without_the_cookie_cannot_either() -> None:
    started = desk(require_browser=True)
    state, _ = started.begin()
    assert started.end(None, state=state, code="abc")["error"] == ["state_other_browser"]
    assert not started.store.accounts


def reply_with(**answers: Answer) -> Reply:
    addresses = {"token": TOKEN, "userinfo": USERINFO, "revoke": REVOKE}
    by_url = {addresses[name]: answer for name, answer in answers.items()}
    return lambda method, url: by_url.get(url) or linkedin_at_its_best(method, url)


@pytest.mark.parametrize(
    ("reply", "word"),
    [
        (reply_with(token=Answer(500, {})), "platform_unavailable"),
        (reply_with(token=Answer(429, {})), "platform_unavailable"),
        (reply_with(token=Answer(200, {}, b"<html>")), "platform_unavailable"),
        (reply_with(token=Answer(200, {}, b"[]")), "platform_unavailable"),
        (reply_with(token=Answer(200, {}, b'{"access_token": ""}')), "platform_unavailable"),
        (reply_with(token=Answer(400, {}, b'{"error": "invalid_request"}')), "platform_refused"),
        (reply_with(token=Answer(401, {}, b'{"error": "invalid_client"}')), "platform_refused"),
        (reply_with(userinfo=Answer(500, {})), "platform_unavailable"),
        (reply_with(userinfo=Answer(401, {})), "platform_refused"),
        (reply_with(userinfo=Answer(200, {}, b"{}")), "platform_unavailable"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_platform_that_fails_leaves_no_account(reply: Reply, word: str) -> None:
    started = desk(reply)
    state, browser = started.begin()
    assert started.end(browser, state=state, code="abc")["error"] == [word]
    assert not started.store.accounts


def test_an_odd_lifetime_counts_as_not_told() -> None:
    odd = b'{"access_token": "t", "expires_in": "soon", "scope": "openid profile w_member_social"}'
    started = desk(reply_with(token=Answer(200, {}, odd)))
    state, browser = started.begin()
    (account_id,) = started.end(browser, state=state, code="abc")["account"]
    assert started.store.accounts[account_id][2].access_token_expires_at is None


def test_a_missing_permission_is_said_and_the_token_given_back() -> None:
    little = Answer(200, {}, b'{"access_token": "t", "scope": "openid profile"}')
    started = desk(reply_with(token=little))
    state, browser = started.begin()
    assert started.end(browser, state=state, code="abc")["error"] == ["missing_permission"]
    assert [url for _, url, _ in started.door.sent] == [TOKEN, REVOKE]
    assert not started.store.accounts


def test_a_database_that_is_down_is_not_the_platforms_fault() -> None:
    started = desk()
    state, browser = started.begin()
    started.store.down = True
    assert started.end(browser, state=state, code="abc")["error"] == ["server_error"]


def test_disconnecting_forgets_the_tokens_even_when_revoking_fails() -> None:
    started = desk(reply_with(revoke=Answer(500, {})))
    state, browser = started.begin()
    (account_id,) = started.end(browser, state=state, code="abc")["account"]
    started.connector.disconnect(account_id, "linkedin", USER)
    assert not started.store.accounts
    assert started.door.sent[-1][1:] == (
        REVOKE,
        {"client_id": "id", "client_secret": "secret", "token": "AQX-token"},
    )
    with pytest.raises(NotFound):
        started.connector.disconnect(account_id, "linkedin", USER)


def test_an_account_has_the_same_id_whenever_it_is_connected() -> None:
    ids = {account_id_for(USER, "linkedin", one) for one in ("a", "b", "a")}
    assert len(ids) == 2
    assert account_id_for("another", "linkedin", "a") not in ids


def test_the_pkce_challenge_is_the_one_of_the_standard() -> None:
    # RFC 7636, appendix B
    verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
    assert s256_challenge(verifier) == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
    assert base64.urlsafe_b64decode(s256_challenge(verifier) + "=")

"""Real workers and permissions that end: one refresh for all, no connection lost to a hiccup, no post lost to an outage."""

from __future__ import annotations

import secrets
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from local.sandbox.driver import Caller
from tests.engine.actors import Post, Row
from tests.faults.rig import SCOPES, Rig
from tests.tls import TLS
from tests.waiting import until

TOKEN = {"host": "www.linkedin.com", "method": "POST", "path": "/oauth/v2/accessToken"}
CALLBACK = "http://localhost:8000/callback"
DAY = 86_400


@dataclass
class Partner:
    """An app that LinkedIn gives refresh tokens, and members who signed in to it."""

    rig: Rig
    client_id: str
    secret: str

    def work(self, count: int = 1) -> None:
        """Start workers that are this app."""
        for _ in range(count):
            self.rig.worker_process(
                LINKEDIN_CLIENT_ID=self.client_id, LINKEDIN_CLIENT_SECRET=self.secret
            )

    def account(self, *, ends: float = 120) -> tuple[str, str]:
        """A connected member whose access token is said to end in so many seconds, and its refresh token."""
        sandbox = self.rig.sandbox
        member = sandbox.tell("members")["member"]
        with httpx.Client(timeout=10, verify=TLS) as http:
            allowed = http.post(
                sandbox.at("https://www.linkedin.com/oauth/v2/authorization"),
                params={
                    "response_type": "code", "client_id": self.client_id, "redirect_uri": CALLBACK,
                    "state": "s", "scope": " ".join(SCOPES),
                },
                data={"member": member, "decision": "allow"},
            )  # fmt: skip
            (code,) = parse_qs(urlsplit(allowed.headers["Location"]).query)["code"]
            given = http.post(
                sandbox.at("https://www.linkedin.com/oauth/v2/accessToken"),
                data={
                    "grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK,
                    "client_id": self.client_id, "client_secret": self.secret,
                },
            ).json()  # fmt: skip
            sub = http.get(
                sandbox.at("https://api.linkedin.com/v2/userinfo"),
                headers={"Authorization": f"Bearer {given['access_token']}"},
            ).json()["sub"]
        account = str(uuid.uuid4())
        author = f"urn:li:person:{sub}"
        self.rig.members[account] = Caller(sandbox, member, author, given["access_token"])
        self._store(account, sub, given, ends)
        return account, given["refresh_token"]

    def _store(self, account: str, sub: str, given: dict[str, Any], ends: float) -> None:
        rig, now = self.rig, datetime.now(UTC)
        rig.service.call(
            "store_account",
            account={
                "id": account, "user_id": rig.user(), "platform": "linkedin", "kind": "person", "account_name": "Ada",
                "external_id": sub, "granted_scopes": SCOPES,
            },
            token={
                "access_token_sealed": rig.sealer.seal(given["access_token"], bound_to=f"{account}:access"),
                "refresh_token_sealed": rig.sealer.seal(given["refresh_token"], bound_to=f"{account}:refresh"),
                "access_token_expires_at": (now + timedelta(seconds=ends)).isoformat(),
                "refresh_token_expires_at": (now + timedelta(seconds=given["refresh_token_expires_in"])).isoformat(),
            },
        )  # fmt: skip

    def order(self, account: str, order: dict[str, Any], times: int = 1) -> None:
        """What the token endpoint answers this member."""
        member = self.rig.members[account].member
        self.rig.sandbox.order(order, member=member, times=times, **TOKEN)

    def refreshes(self, account: str) -> int:
        """How often the platform was asked to refresh; the first request was the sign-in's."""
        return len(self.rig.sandbox.requests(self.rig.members[account].member, **TOKEN)) - 1

    def stored(self, account: str) -> Row:
        """The stored tokens, opened."""
        row = self.rig.admin.run(
            "select * from social_account_tokens where account_id = %s", account
        )[0]
        for kind in ("access", "refresh"):
            sealed = row[f"{kind}_token_sealed"]
            row[kind] = self.rig.sealer.open(sealed, bound_to=f"{account}:{kind}")
        return row

    def status(self, account: str) -> str:
        row = self.rig.admin.run("select status from social_accounts where id = %s", account)[0]
        return str(row["status"])


@pytest.fixture
def partner(rig: Rig) -> Partner:
    client_id, secret = f"partner-{secrets.token_hex(4)}", secrets.token_hex(8)
    rig.sandbox.tell(
        "apps", client_id=client_id, client_secret=secret, redirect_uris=[CALLBACK], refresh_tokens=True
    )  # fmt: skip
    return Partner(rig, client_id, secret)


def lives_long(row: Row) -> bool:
    """Whether stored tokens are those of a refresh."""
    ends: datetime = row["access_token_expires_at"]
    return ends > datetime.now(UTC) + timedelta(days=50)


def test_many_posts_and_two_workers_refresh_each_account_once(rig: Rig, partner: Partner) -> None:
    accounts = [partner.account() for _ in range(3)]
    for account, _ in accounts:
        partner.order(account, {"slow": 0.3})
    posts = [rig.due(account, due=-1) for account, _ in accounts for _ in range(4)]
    partner.work(2)
    rig.wait_for(posts, "published")
    for account, refresh_token in accounts:
        assert partner.refreshes(account) == 1
        row = partner.stored(account)
        assert (row["version"], row["refresh"], row["refresh_lease_until"]) == (
            2,
            refresh_token,
            None,
        )
        assert row["access"] != rig.members[account].token
        assert lives_long(row)
    for post in posts:
        assert len(rig.received(post)) == 1
        assert len(rig.creates(post)) == 4  # those of the account, which has four posts
        assert [a["outcome"] for a in rig.attempts(post.target)] == ["published"]


@pytest.mark.parametrize(
    "fault",
    [
        {"status": 500},
        {"status": 429},
        {"status": 403, "body": "<html>a proxy's page</html>"},
        {"status": 401, "body": {"error": "invalid_client"}},
        {"status": 200, "body": "<html>not the answer</html>"},
        {"drop": True},
    ],
    ids=lambda fault: "-".join(str(value)[:20] for value in fault.values()),
)
def test_a_hiccup_of_the_refresh_costs_neither_the_connection_nor_the_post(
    rig: Rig, partner: Partner, fault: dict[str, Any]
) -> None:
    account, refresh_token = partner.account()
    partner.order(account, fault, times=100)
    before = partner.stored(account)
    post = rig.due(account, due=-1)
    partner.work()
    rig.wait_for([post], "published")  # with the token that is good for two minutes more
    assert partner.refreshes(account) >= 1
    until(lambda: partner.stored(account)["refresh_lease_until"] is None, "the refresh to end", 10)
    row = partner.stored(account)
    assert row["refresh"] == refresh_token
    for name in ("version", "access", "access_token_expires_at", "refresh_token_expires_at"):
        assert row[name] == before[name]
    assert partner.status(account) == "active"
    rig.assert_invariants(post)


def test_a_post_waits_when_the_old_token_has_ended_and_the_refresh_does_not_work_yet(
    rig: Rig, partner: Partner
) -> None:
    account, _ = partner.account(ends=-5)
    partner.order(account, {"status": 503}, times=2)
    post = rig.due(account, due=-1)
    partner.work()
    until(lambda: rig.target(post.target)["failures"] >= 1, "the post to be put off", 120)
    assert rig.creates(post) == []
    assert partner.status(account) == "active"

    def published() -> bool:
        """Whether it is; else it is tried at once: the two refusals may both have been for it, or one for the job."""
        rig.admin.run(
            "update post_targets set next_attempt_at = now() where id = %s and state = 'scheduled' and next_attempt_at > now()",
            post.target,
        )
        return rig.states([post.target]) == ["published"]

    until(published, "the post to go out", 120)
    rig.assert_invariants(post)


def test_a_refused_refresh_ends_the_connection_and_sends_nothing(
    rig: Rig, partner: Partner
) -> None:
    account, refresh_token = partner.account()
    rig.sandbox.tell("tokens/revoke", token=refresh_token)
    posts = [rig.due(account, due=-1) for _ in range(2)]
    partner.work()
    rig.wait_for(posts, "needs_reconnect")
    assert partner.status(account) == "needs_reconnect"
    for post in posts:
        assert rig.creates(post) == []
        assert [n["kind"] for n in rig.notifications(post.target)] == ["target_needs_reconnect"]
    rig.assert_invariants(*posts)


def test_an_answer_without_a_refresh_token_keeps_the_old_one(rig: Rig, partner: Partner) -> None:
    account, refresh_token = partner.account()
    made = rig.sandbox.tell(
        "tokens", member=rig.members[account].member, client_id=partner.client_id
    )
    (new,) = made["tokens"]
    body = {"access_token": new["access_token"], "expires_in": 60 * DAY}
    partner.order(account, {"status": 200, "body": body})
    before = partner.stored(account)
    post = rig.due(account, due=-1)
    partner.work()
    rig.wait_for([post], "published")
    row = partner.stored(account)
    assert (row["access"], row["refresh"]) == (new["access_token"], refresh_token)
    assert row["refresh_token_expires_at"] == before["refresh_token_expires_at"]
    assert lives_long(row)
    rig.assert_invariants(post)


def test_a_token_withdrawn_before_its_time_is_renewed_once_and_the_post_published_once(
    rig: Rig, partner: Partner
) -> None:
    account, refresh_token = partner.account(ends=30 * DAY)
    rig.sandbox.tell("tokens/revoke", token=rig.members[account].token)
    post = rig.due(account, due=-1)
    partner.work()
    rig.wait_for([post], "published")
    assert partner.refreshes(account) == 1
    assert len(rig.creates(post)) == 2  # the refused one, and the one that made it
    assert [(a["outcome"], a["error_class"]) for a in rig.attempts(post.target)] == [
        ("retry", "token_renewed"), ("published", None),
    ]  # fmt: skip
    row = partner.stored(account)
    assert (row["refresh"], row["version"]) == (refresh_token, 2)
    assert partner.status(account) == "active"
    rig.assert_invariants(post)


def test_a_withdrawn_token_whose_refresh_is_refused_too_needs_its_owner(
    rig: Rig, partner: Partner
) -> None:
    account, refresh_token = partner.account(ends=30 * DAY)
    for token in (rig.members[account].token, refresh_token):
        rig.sandbox.tell("tokens/revoke", token=token)
    post = rig.due(account, due=-1)
    partner.work()
    rig.wait_for([post], "needs_reconnect")
    assert len(rig.creates(post)) == 1
    assert partner.refreshes(account) == 1
    assert [a["error_class"] for a in rig.attempts(post.target)] == ["refresh_refused"]
    rig.assert_invariants(post)


def test_a_withdrawn_token_without_a_refresh_token_needs_its_owner(rig: Rig) -> None:
    post = rig.due(due=-1)
    rig.sandbox.tell("tokens/revoke", member=rig.member_of(post))
    rig.worker_process()
    rig.wait_for([post], "needs_reconnect")
    assert len(rig.creates(post)) == 1
    rig.assert_invariants(post)


# -------------------------------------------------------------------- a platform in trouble


def test_a_platform_in_trouble_is_left_alone_and_everything_goes_out_when_it_is_over(
    rig: Rig,
) -> None:
    failing = [rig.due(due=-2) for _ in range(8)]
    for post in failing:
        rig.order(post, {"status": 500})
    # more than a worker has places: those behind the first find out that the platform is in trouble
    later: list[Post] = [rig.due(due=-1) for _ in range(24)]
    rig.worker_process()
    rig.wait_for(failing, "unconfirmed")
    rig.wait_for(later, "published")
    paused = [
        attempt
        for post in (*failing, *later)
        for attempt in rig.attempts(post.target)
        if attempt["error_class"] == "paused"
    ]
    assert paused
    assert {(a["outcome"], a["phase"]) for a in paused} == {("not_sent", "preparing")}
    for post in later:
        assert len(rig.creates(post)) == 1
        assert rig.target(post.target)["failures"] == 0  # waiting for a platform uses up no try
    for post in failing:
        assert len(rig.creates(post)) == 1
    rig.assert_invariants(*failing, *later)

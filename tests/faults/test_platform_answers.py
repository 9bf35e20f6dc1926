"""Every way the platform can answer the create call, or not answer it: all at once, each with its true end."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from local.sandbox.driver import Sandbox
from local.stack import Stack
from tests.engine.actors import Post
from tests.faults.rig import Rig

IN_TEN_MINUTES = "in ten minutes, as a date"
# so many faults at once may open the breaker: what was not sent then is no try
NO_TRIES = ("paused", "marked_too_late")


@dataclass(frozen=True)
class Case:
    """What the platform does, and what must be true then."""

    order: dict[str, Any]
    state: str
    accepted: int
    waits: tuple[float, float] = (0, 0)  # seconds until the next try, from and to
    status: int | None = None


CASES = {
    "a plain 201": Case({"slow": 0}, "published", 1, status=201),
    "a slow 201": Case({"slow": 1}, "published", 1, status=201),
    "201 without an id": Case({"no_id": True}, "published", 1, status=201),
    "429 with seconds": Case({"status": 429, "retry_after": 600}, "scheduled", 0, (590, 665), 429),
    "429 with a date": Case({"status": 429, "retry_after": IN_TEN_MINUTES}, "scheduled", 0, (570, 665), 429),
    "429 without a hint": Case({"status": 429}, "scheduled", 0, (119, 133), 429),
    "429 with an absurd hint": Case({"status": 429, "retry_after": 10**9}, "failed", 0, status=429),
    "429 with a hint that is none": Case({"status": 429, "retry_after": "soon"}, "scheduled", 0, (119, 133), 429),
    "426": Case({"status": 426}, "scheduled", 0, (3599, 3965), 426),
    "503 with a hint": Case({"status": 503, "retry_after": 60}, "scheduled", 0, (59, 70), 503),
    "503 without a hint": Case({"status": 503}, "unconfirmed", 0, status=503),
    "409": Case({"status": 409, "retry_after": 60}, "scheduled", 0, (59, 70), 409),
    "500 accepted": Case({"status": 500, "accept": True}, "unconfirmed", 1, status=500),
    "500 refused": Case({"status": 500}, "unconfirmed", 0, status=500),
    "502": Case({"status": 502}, "unconfirmed", 0, status=502),
    "504 accepted": Case({"status": 504, "accept": True}, "unconfirmed", 1, status=504),
    "an HTML page as 302": Case({"status": 302, "body": "<html>"}, "unconfirmed", 0, status=302),
    "no answer": Case({"timeout": True}, "unconfirmed", 0),
    "no answer, accepted": Case({"timeout": True, "accept": True}, "unconfirmed", 1),
    "closed": Case({"drop": True}, "unconfirmed", 0),
    "closed after accepting": Case({"drop": True, "accept": True}, "unconfirmed", 1),
    "reset": Case({"reset": True}, "unconfirmed", 0),
    "reset after accepting": Case({"reset": True, "accept": True}, "unconfirmed", 1),
    "half a body": Case({"half_body": True}, "unconfirmed", 1),
    "a slow drip": Case({"slow": 0.2, "drip": True}, "unconfirmed", 1),
    "an answer that comes too late": Case({"slow": 3}, "unconfirmed", 1),
    "400": Case({"status": 400}, "failed", 0, status=400),
    "404": Case({"status": 404}, "failed", 0, status=404),
    "413": Case({"status": 413}, "failed", 0, status=413),
    "422": Case({"status": 422}, "failed", 0, status=422),
    "403 for another reason": Case({"status": 403}, "failed", 0, status=403),
    "401": Case({"status": 401}, "needs_reconnect", 0, status=401),
    "403 for lack of permission": Case({"status": 403, "body": {"code": "ACCESS_DENIED", "message": "no"}}, "needs_reconnect", 0, status=403),
}  # fmt: skip


@pytest.fixture(scope="module")
def told(quiet_stack: Stack, platform: Sandbox) -> Iterator[tuple[Rig, dict[str, Post]]]:
    """One post for each case, published together by one worker."""
    rig = Rig(quiet_stack, platform)
    try:
        posts = {}
        for name, case in CASES.items():
            posts[name] = rig.due(due=-1)
            order = dict(case.order)
            if order.get("retry_after") == IN_TEN_MINUTES:
                then = datetime.now(UTC) + timedelta(seconds=600)
                order["retry_after"] = format_datetime(then, usegmt=True)
            rig.order(posts[name], order)
        worker = rig.worker_process(WORKER_THREADS="32")
        for name, case in CASES.items():
            rig.wait_for([posts[name]], case.state)
        assert rig.end(worker) == 0
        yield rig, posts
    finally:
        rig.close()


@pytest.mark.parametrize("name", CASES)
def test_the_answer_leads_to_its_state_and_is_never_followed_by_a_second_call(
    told: tuple[Rig, dict[str, Post]], name: str
) -> None:
    rig, posts = told
    case, post = CASES[name], posts[name]
    row = rig.target(post.target)
    (attempt,) = (a for a in rig.attempts(post.target) if a["error_class"] not in NO_TRIES)
    assert row["state"] == case.state
    assert len(rig.received(post)) == case.accepted
    assert len(rig.creates(post)) == 1
    assert attempt["http_status"] == case.status
    assert (attempt["phase"], attempt["sending_at"] is not None) == ("sending", True)
    if case.waits[1]:
        wait = (row["next_attempt_at"] - attempt["finished_at"]).total_seconds()
        assert case.waits[0] <= wait <= case.waits[1]
    rig.assert_invariants(post)


def test_published_names_the_post_or_says_that_its_id_is_unknown(
    told: tuple[Rig, dict[str, Post]],
) -> None:
    rig, posts = told
    plain, nameless = (
        rig.target(posts["a plain 201"].target),
        rig.target(posts["201 without an id"].target),
    )
    (received,) = rig.received(posts["a plain 201"])
    assert (plain["external_id"], plain["external_id_unknown"]) == (received["urn"], False)
    assert plain["external_url"].endswith(f"/{received['urn']}/")
    assert (nameless["external_id"], nameless["external_id_unknown"]) == (None, True)


@pytest.mark.parametrize(
    "name",
    [
        name
        for name, case in CASES.items()
        if case.state in ("unconfirmed", "failed", "needs_reconnect")
    ],
)
def test_the_owner_is_told_once_what_to_do(told: tuple[Rig, dict[str, Post]], name: str) -> None:
    rig, posts = told
    (notification,) = rig.notifications(posts[name].target)
    payload = notification["payload"]
    assert notification["kind"] == f"target_{CASES[name].state}"
    assert payload["reason"]
    assert payload["what_to_do"]
    assert payload.get("function") == {
        "unconfirmed": "settle_target",
        "failed": "retry_target",
    }.get(CASES[name].state)


def test_a_version_that_ended_is_the_operators_and_uses_up_no_try(
    told: tuple[Rig, dict[str, Post]],
) -> None:
    rig, posts = told
    row = rig.target(posts["426"].target)
    assert (row["failures"], row["error_class"]) == (0, "operator")
    assert "operator has to update it" in row["error"]
    assert rig.logged("LINKEDIN_VERSION")
    assert rig.notifications(posts["426"].target) == []


def test_a_lost_permission_is_told_on_the_account_and_no_other_one(
    told: tuple[Rig, dict[str, Post]],
) -> None:
    rig, posts = told
    for name, post in posts.items():
        account = rig.target(post.target)["account_id"]
        status = rig.admin.run("select status from social_accounts where id = %s", account)[0][
            "status"
        ]
        assert status == (
            "needs_reconnect" if CASES[name].state == "needs_reconnect" else "active"
        ), name
